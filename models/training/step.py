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

from models.network.spiking_ssm import SpikingSSM
from models.tasks import Distortion
from models.training.average import Average
from models.training.config import TrainConfig
from models.training.distort import Distorter
from models.training.gradients import Gradients
from models.training.team import Team

WARM_UP_STEPS = 3
"""Direct steps before the recording: libraries choose and load their kernels in the first ones."""

TEAM_WARM_UP_STEPS = 11
"""The same with several processes: DistributedDataParallel arranges its gradients anew in its first ten."""


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
        team: Team | None = None,
    ) -> None:
        self.network, self.optimizer, self.config, self.average = network, optimizer, config, average
        self.gradients = Gradients(network, config, team)
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
            loss = self.gradients(batch, labels, lengths)
        nn.utils.clip_grad_norm_(self.network.parameters(), self.config.clip_norm)
        self.optimizer.step()
        if self.average is not None:
            self.average.follow()
        return loss


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
        warm_up = WARM_UP_STEPS if self.direct.gradients.team is None else TEAM_WARM_UP_STEPS
        if self.steps <= warm_up:
            return self._aside(batch, labels, factor, lengths)
        if self.steps == warm_up + 1:
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
