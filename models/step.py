"""One step of the optimizer: directly, or on a GPU as a recorded graph that is replayed.

A step of these networks is some hundred small kernels, and starting them from Python takes longer than running them;
a replayed CUDA graph starts them all at once. On a GPU the products with the mixing weights use TF32 (10-bit
mantissas; spikes, being 0 or 1, are exact); figures are always measured without.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

import torch
from torch import Tensor, nn

from models.config import TrainConfig
from models.distort import Distorter
from models.spiking_ssm import Output, SpikingSSM
from models.tasks import Distortion

WARM_UP_STEPS = 3
"""Direct steps before the recording: libraries choose and load their kernels in the first ones."""


class Step(Protocol):
    """Makes one step on a batch, at a share of the peak learning rates; returns the loss before it."""

    def __call__(self, batch: Tensor, labels: Tensor, factor: float) -> Tensor: ...


class DirectStep:
    """Operations one by one."""

    def __init__(
        self,
        network: SpikingSSM,
        optimizer: torch.optim.AdamW,
        config: TrainConfig,
        distortion: Distortion | None,
    ) -> None:
        self.network, self.optimizer, self.config = network, optimizer, config
        device = network.encoder.weight.device
        wanted = distortion is not None and config.augment > 0
        self.distorter = Distorter(distortion, config.augment, device) if distortion is not None and wanted else None

    def __call__(self, batch: Tensor, labels: Tensor, factor: float) -> Tensor:
        set_learning_rates(self.optimizer, factor)
        return self.move(batch, labels)

    def move(self, batch: Tensor, labels: Tensor) -> Tensor:
        """The step with the learning rates as they are."""
        self.optimizer.zero_grad()
        if self.distorter is not None:
            batch = self.distorter(batch)
        with _short_mantissas():
            loss = loss_of(self.network(batch), labels, self.config)
            loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.network.parameters(), self.config.clip_norm)
        self.optimizer.step()
        return loss.detach()


class RecordedStep:
    """A `DirectStep` recorded once on the GPU; all batches have the size of the first."""

    def __init__(self, direct: DirectStep) -> None:
        self.direct = direct
        self.steps = 0
        self.graph = torch.cuda.CUDAGraph()

    def __call__(self, batch: Tensor, labels: Tensor, factor: float) -> Tensor:
        self.steps += 1
        if self.steps <= WARM_UP_STEPS:
            return self._aside(batch, labels, factor)
        set_learning_rates(self.direct.optimizer, factor)
        if self.steps == WARM_UP_STEPS + 1:
            self._record(batch, labels)
        self.batch.copy_(batch)
        self.labels.copy_(labels)
        self.graph.replay()
        return self.loss

    def _aside(self, batch: Tensor, labels: Tensor, factor: float) -> Tensor:
        """On a stream of its own, as a recording is."""
        stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            loss = self.direct(batch, labels, factor)
        torch.cuda.current_stream().wait_stream(stream)
        return loss

    def _record(self, batch: Tensor, labels: Tensor) -> None:
        self.batch, self.labels = batch.clone(), labels.clone()
        # Gradients of the direct steps lie outside the recording's memory.
        self.direct.optimizer.zero_grad()
        with torch.cuda.graph(self.graph):
            self.loss = self.direct.move(self.batch, self.labels)


def loss_of(output: Output, labels: Tensor, config: TrainConfig) -> Tensor:
    """Cross-entropy plus the price of spikes."""
    rate = torch.stack([spikes.mean() for spikes in output.spikes]).mean()
    entropy = nn.functional.cross_entropy(output.logits, labels, label_smoothing=config.label_smoothing)
    return entropy + config.rate_penalty * rate


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
