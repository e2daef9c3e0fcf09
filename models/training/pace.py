"""How fast a network trains where it is: measured before a run, to choose as many epochs as a time allows."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor

from models.network.config import NetworkConfig
from models.network.spiking_ssm import SpikingSSM
from models.tasks import Part, Task
from models.training.batches import Batch, batches
from models.training.config import TrainConfig
from models.training.measure import measure, parts_of
from models.training.optimizer import make_optimizer
from models.training.step import WARM_UP_STEPS, DirectStep, RecordedStep, Step
from models.training.train import augmented, training_part

TIMED_STEPS = 8
TIMED_RECURRENCE = 32
"""Steps of the recurrence that are timed, of the many that measuring takes."""


@dataclass(frozen=True)
class Pace:
    """Times of a run.

    Attributes:
        epoch_seconds: of an epoch with its validation.
        closing_seconds: of the measurements at the end.
        step_milliseconds: of one step, by the number of time steps in its batch.
    """

    epoch_seconds: float
    closing_seconds: float
    step_milliseconds: Mapping[int, float]

    def __str__(self) -> str:
        steps = ", ".join(f"{length}: {time:.2f}" for length, time in sorted(self.step_milliseconds.items()))
        return f"{self.epoch_seconds:.2f} s an epoch, {self.closing_seconds:.1f} s at the end, ms a step {{{steps}}}"


def measure_pace(task: Task, network_config: NetworkConfig, config: TrainConfig, device: str) -> Pace:
    """Train for a few steps on batches of every length, measure once, and forget the weights again."""
    torch.manual_seed(config.seed)
    network = SpikingSSM(network_config).to(device)
    direct = DirectStep(network, make_optimizer(network, config), config, task.distortion)
    step: Step = direct if device == "cpu" else RecordedStep(direct)
    where = network.encoder.weight.device
    rng = np.random.default_rng(0)
    part = training_part(task, config)
    plan = batches(len(part), config.batch_size, task.steps, part.lengths, rng, where)
    network.train()
    each = {steps: _step_seconds(step, part, batch, where) for steps, batch in _one_a_length(plan).items()}
    count = Counter(batch.steps for batch in plan)
    training = sum(each[steps] * number for steps, number in count.items())
    validation = _seconds(lambda: measure(network, task.validation), 1, where)
    closing = _recurrence_seconds(network, (task.validation, task.validation, task.test), where)
    milliseconds = {steps: 1e3 * seconds for steps, seconds in each.items()}
    return Pace(training + validation + _loading_seconds(task, part, config, where), closing, milliseconds)


def _one_a_length(plan: list[Batch]) -> dict[int, Batch]:
    return {batch.steps: batch for batch in plan}


def _step_seconds(step: Step, part: Part, batch: Batch, device: torch.device) -> float:
    chosen, steps = batch.chosen.cpu().numpy(), batch.steps
    inputs = torch.from_numpy(part.inputs[chosen, :steps]).to(device)
    labels = torch.from_numpy(part.labels[chosen] if part.labels.ndim == 1 else part.labels[chosen, :steps]).to(device)
    lengths = None if part.lengths is None else torch.from_numpy(part.lengths[chosen]).to(device)

    def run() -> Tensor:
        return step(inputs, labels, 1e-3, lengths)

    if device.type == "cuda":
        # The recording, and what libraries load at first.
        for _ in range(WARM_UP_STEPS + 1):
            run()
    return _seconds(run, TIMED_STEPS if device.type == "cuda" else 1, device)


def _seconds(run: Callable[[], object], repeats: int, device: torch.device) -> float:
    """Mean time of a call after a first one."""
    run()
    _wait(device)
    began = time.perf_counter()
    for _ in range(repeats):
        run()
    _wait(device)
    return (time.perf_counter() - began) / repeats


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()


def _loading_seconds(task: Task, part: Part, config: TrainConfig, device: torch.device) -> float:
    """Of distorting the training part and bringing it to the device, which every epoch does."""

    def run() -> object:
        return torch.from_numpy(augmented(task, part, np.random.default_rng(0), config.augment)).to(device)

    return _seconds(run, 1, device)


@torch.no_grad()
def _recurrence_seconds(network: SpikingSSM, parts: tuple[Part, ...], device: torch.device) -> float:
    """Of running the parts step by step."""
    if network.config.direction != "causal":
        return 0.0
    network.eval()
    total = 0.0
    for part in parts:
        for inputs, _, _ in parts_of(network, part):
            first = inputs[:, :TIMED_RECURRENCE]
            total += _seconds(partial(network.unroll, first), 1, device) * inputs.shape[1] / first.shape[1]
    return total
