"""One step of the optimizer: directly, or on a GPU as a recorded graph that is replayed.

A step of these networks is some hundred small kernels, and starting them from Python takes longer than running them;
a replayed CUDA graph starts them all at once. On a GPU the products with the mixing weights and those of the
convolution's chunks use TF32 (10-bit mantissas; spikes, being 0 or 1, are exact); figures are always measured without.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from models.network.spiking_ssm import Output, SpikingSSM, step_mask
from models.tasks import Distortion
from models.training.average import Average
from models.training.config import TrainConfig
from models.training.distort import Distorter

WARM_UP_STEPS = 3
"""Direct steps before the recording: libraries choose and load their kernels in the first ones."""


class Step(Protocol):
    """Makes one step on a batch, at a share of the peak learning rates; returns the loss before it."""

    def __call__(self, batch: Tensor, labels: Tensor, factor: float, lengths: Tensor | None = None) -> Tensor: ...


class DirectStep:
    """Operations one by one."""

    def __init__(
        self,
        network: SpikingSSM,
        optimizer: torch.optim.AdamW,
        config: TrainConfig,
        distortion: Distortion | None,
        average: Average | None = None,
    ) -> None:
        self.network, self.optimizer, self.config, self.average = network, optimizer, config, average
        device = network.encoder.weight.device
        wanted = distortion is not None and config.augment > 0
        self.distorter = Distorter(distortion, config.augment, device) if distortion is not None and wanted else None

    def __call__(self, batch: Tensor, labels: Tensor, factor: float, lengths: Tensor | None = None) -> Tensor:
        set_learning_rates(self.optimizer, factor)
        return self.move(batch, labels, lengths)

    def move(self, batch: Tensor, labels: Tensor, lengths: Tensor | None) -> Tensor:
        """The step with the learning rates as they are."""
        self.optimizer.zero_grad()
        if self.distorter is not None:
            batch = self.distorter(batch)
        with _short_mantissas():
            output = self.network(batch) if lengths is None else self.network(batch, lengths)
            loss = loss_of(output, labels, self.config, lengths)
            loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.network.parameters(), self.config.clip_norm)
        self.optimizer.step()
        if self.average is not None:
            self.average.follow()
        return loss.detach()


class RecordedStep:
    """A `DirectStep` recorded on the GPU, once for every shape of a batch."""

    def __init__(self, direct: DirectStep) -> None:
        self.direct = direct
        self.recordings: dict[tuple[int, ...], _Recording] = {}
        self.pool = torch.cuda.graph_pool_handle()

    def __call__(self, batch: Tensor, labels: Tensor, factor: float, lengths: Tensor | None = None) -> Tensor:
        shape = tuple(batch.shape)
        if shape not in self.recordings:
            self.recordings[shape] = _Recording(self.direct, self.pool)
        return self.recordings[shape](batch, labels, factor, lengths)


class _Recording:
    """The graph for one shape; the graphs are replayed one after the other, so that they share memory."""

    def __init__(self, direct: DirectStep, pool: Any) -> None:
        self.direct, self.pool = direct, pool
        self.steps, self.impossible = 0, False
        self.graph = torch.cuda.CUDAGraph()

    def __call__(self, batch: Tensor, labels: Tensor, factor: float, lengths: Tensor | None) -> Tensor:
        self.steps += 1
        if self.steps <= WARM_UP_STEPS:
            return self._aside(batch, labels, factor, lengths)
        if self.steps == WARM_UP_STEPS + 1:
            self._try_to_record(batch, labels, lengths)
        if self.impossible:
            return self.direct(batch, labels, factor, lengths)
        set_learning_rates(self.direct.optimizer, factor)
        self.batch.copy_(batch)
        self.labels.copy_(labels)
        if self.lengths is not None and lengths is not None:
            self.lengths.copy_(lengths)
        self.graph.replay()
        return self.loss

    def _aside(self, batch: Tensor, labels: Tensor, factor: float, lengths: Tensor | None) -> Tensor:
        """On a stream of its own, as a recording is."""
        stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            loss = self.direct(batch, labels, factor, lengths)
        torch.cuda.current_stream().wait_stream(stream)
        return loss

    def _try_to_record(self, batch: Tensor, labels: Tensor, lengths: Tensor | None) -> None:
        """Where an operation can't be recorded, training goes on without, slower."""
        try:
            self._record(batch, labels, lengths)
        except RuntimeError as error:
            warnings.warn(f"steps of shape {tuple(batch.shape)} are not recorded: {error}", stacklevel=2)
            self.impossible = True

    def _record(self, batch: Tensor, labels: Tensor, lengths: Tensor | None) -> None:
        self.batch, self.labels = batch.clone(), labels.clone()
        self.lengths = None if lengths is None else lengths.clone()
        # Gradients of the direct steps lie outside the recording's memory.
        self.direct.optimizer.zero_grad()
        with torch.cuda.graph(self.graph, pool=self.pool):
            self.loss = self.direct.move(self.batch, self.labels, self.lengths)


def loss_of(output: Output, labels: Tensor, config: TrainConfig, lengths: Tensor | None = None) -> Tensor:
    """Cross-entropy of every decision plus the price of spikes; what is padding does not count.

    Args:
        output: of the network.
        labels: (batch,), or (batch, steps) for one decision a step.
        config: its price of spikes and smoothing of labels.
        lengths: (batch,) steps that count, or None for all.
    """
    price = config.rate_penalty * rate_of(output, lengths)
    return entropy_of(output.logits, labels, lengths, config.label_smoothing) + price


def entropy_of(logits: Tensor, wanted: Tensor, lengths: Tensor | None, smoothing: float = 0.0) -> Tensor:
    """Mean cross-entropy of the decisions that count.

    Args:
        logits: (batch, classes), or (batch, classes, steps) for one decision a step.
        wanted: labels, (batch,) or (batch, steps), or probabilities in the shape of `logits`.
        lengths: (batch,) steps that count, or None for all.
        smoothing: of labels.
    """
    if lengths is None or logits.ndim == 2:
        return nn.functional.cross_entropy(logits, wanted, label_smoothing=smoothing)
    mask = step_mask(lengths, logits.shape[-1], logits.dtype)
    entropy = nn.functional.cross_entropy(logits, wanted, label_smoothing=smoothing, reduction="none")
    return (entropy * mask).sum() / mask.sum()


def rate_of(output: Output, lengths: Tensor | None) -> Tensor:
    """Spikes a neuron and step that counts, the mean over blocks and stages."""
    first = output.spikes[0]
    mask = None if lengths is None else step_mask(lengths, first.shape[-1], first.dtype)
    return torch.stack([_rate(spikes.abs() if output.signed else spikes, mask) for spikes in output.spikes]).mean()


def _rate(spikes: Tensor, mask: Tensor | None) -> Tensor:
    """Mean of the spikes over the steps that count."""
    # Sums, whose gradient is one number for many places and need not be written down.
    if mask is None:
        return spikes.sum() / spikes.numel()
    return (spikes.sum(1) * mask).sum() / (spikes.shape[1] * mask.sum())


def set_learning_rates(optimizer: torch.optim.AdamW, factor: float) -> None:
    """Each group's rate at a share of its peak; where it is a tensor (a recorded step reads it), in place."""
    for group in optimizer.param_groups:
        if isinstance(group["lr"], Tensor):
            group["lr"].fill_(group["peak"] * factor)
        else:
            group["lr"] = group["peak"] * factor


@contextmanager
def _short_mantissas() -> Iterator[None]:
    """Products of float32 matrices with TF32, where the GPU has it."""
    before = torch.backends.cuda.matmul.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = True
    try:
        yield
    finally:
        torch.backends.cuda.matmul.allow_tf32 = before
