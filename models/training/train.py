"""Training: AdamW, one cycle, a price on spikes, and the choice of the weights on the validation part alone.

A run writes into its folder

    model.safetensors       the chosen weights
    config.json             task, network, training settings, and the figures measured
    checkpoint.safetensors  everything needed to go on after an interruption

An interrupted run that is resumed ends with the same weights as one that was not.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.layers.normalization import StreamNorm, estimate_statistics
from models.layers.weights import fill, load_tensors, round_to_half, save_tensors, write_json
from models.network.calibrate import with_constant_thresholds
from models.network.config import NetworkConfig, read_json
from models.network.growth import can_grow, grown
from models.network.spiking_ssm import SpikingSSM
from models.tasks import Part, Task
from models.training.average import Average
from models.training.batches import batches
from models.training.config import TrainConfig
from models.training.folder import CONFIG, WEIGHTS, load_folder
from models.training.measure import Figures, largest_state, measure
from models.training.optimizer import DECAYED, make_optimizer, one_cycle
from models.training.run_state import RunState, read_run, write_run
from models.training.step import DirectStep, RecordedStep, Step
from models.training.team import Team
from toolchain.errors import InputError
from toolchain.folders import only_one

CALIBRATION_SAMPLES = 100
RANKS_APART = 2**40 + 15
"""Between the seeds of two processes: beyond any seed and epoch of the first."""

NORM_BATCHES = 32
"""Undistorted batches of the training part that the statistics of norms are of, where figures are measured."""


@dataclass(frozen=True)
class Progress:
    """One finished epoch, for the caller's display."""

    epoch: int
    epochs: int
    train_loss: float
    validation: Figures
    best_epoch: int


@dataclass(frozen=True)
class TrainingResult:
    """What came out.

    Attributes:
        folder: where it was written.
        best_epoch: counted from 1, chosen on the validation part.
        validation, test: figures of the chosen weights; test is None unless asked for.
        largest_state: largest real or imaginary part of a mode on the validation part; None without a recurrence.
        wall_seconds, cpu_seconds: of this call.
    """

    folder: Path
    best_epoch: int
    validation: Figures
    test: Figures | None
    largest_state: float | None
    wall_seconds: float
    cpu_seconds: float


def train(
    task: Task,
    network_config: NetworkConfig,
    config: TrainConfig,
    folder: Path,
    *,
    resume: bool = False,
    measure_test: bool = True,
    on_epoch: Callable[[Progress], None] | None = None,
    stop_after: int | None = None,
    seconds: float | None = None,
    threads: int = 1,
    device: str = "cpu",
    start: Path | None = None,
    team: Team | None = None,
) -> TrainingResult | None:
    """Train a network and write it into `folder`.

    Args:
        task: data; its sizes must be the network's.
        network_config, config: what to train and how.
        folder: is made if absent.
        resume: go on from the checkpoint in `folder`, if there is one.
        measure_test: run the test part once, at the end, on the chosen weights.
        on_epoch: called after every epoch.
        stop_after: end the call after so many epochs in all, leaving a checkpoint.
        seconds: end the call after the first epoch that is over so long after its start, leaving a checkpoint.
        threads: for torch. Networks this small gain nothing from a second one, and rounding depends on it.
        device: where to train: ``cpu``, or ``cuda`` for the GPU. Bytes are repeated on the CPU only.
        start: folder of a finished run whose weights are the initial ones; its network may have fewer blocks or
            channels (`models/network/growth.py`).
        team: this process's place among several that train the network together (`together.py` starts them).

    Returns:
        The result, or None if `stop_after` or `seconds` came first, and in all processes of a team but the first.

    Raises:
        InputError: sizes that do not fit, a folder that another run writes into, a checkpoint of another
            configuration, or a loss that is not finite.
    """
    clock = time.perf_counter(), time.process_time()
    check_sizes(task, network_config)
    leads = team is None or team.rank == 0
    with _quiet(folder if leads else None, device), _threads(threads):
        torch.manual_seed(config.seed)
        network = _initial(network_config, start, task).to(device)
        optimizer = make_optimizer(network, config)
        average = Average(network, config.ema) if config.ema else None
        settings = {"task": task.name, "network": network_config.to_mapping(), "training": config.to_mapping()}
        run = (read_run(folder, network, optimizer, settings, average) if resume else None) or RunState(0, 0, None, {})
        direct = DirectStep(network, optimizer, config, task.distortion, average, team)
        step = direct if device == "cpu" else RecordedStep(direct)
        trainer = _Trainer(network, step, task, config, average, team)
        while run.epoch < config.epochs:
            if _is_over(run.epoch, stop_after, time.perf_counter() - clock[0], seconds, team):
                return None
            run = trainer.epoch(run, on_epoch if leads else None)
            if leads:
                write_run(folder, network, optimizer, settings, run, average)
    if not leads:
        return None
    network.load_state_dict(run.best_weights)
    return _finish(network, task, settings, folder, run.best_epoch, measure_test, clock, start)


def _initial(config: NetworkConfig, start: Path | None, task: Task) -> SpikingSSM:
    """A new network, with the weights of a finished run if one is given.

    A wider or deeper network than that run's begins as the same function. Where that run's ternary thresholds are one
    a token and the new ones constant, they are calibrated.
    """
    network = SpikingSSM(config)
    if start is None:
        return network
    before = NetworkConfig.from_mapping(read_json(start / CONFIG)["network"], str(start / CONFIG))
    if can_grow(before, config):
        return grown(load_folder(start).network, network)
    fill(network, load_tensors(start / WEIGHTS)[0], str(start / WEIGHTS))
    if (before.soma, config.soma) != ("ternary-token", "ternary"):
        return network
    part, few = task.train, slice(0, CALIBRATION_SAMPLES)
    lengths = None if part.lengths is None else torch.from_numpy(part.lengths[few])
    trained = SpikingSSM(before)
    trained.load_state_dict(network.state_dict())
    constant = with_constant_thresholds(trained, torch.from_numpy(part.inputs[few]), lengths)
    network.load_state_dict(constant.state_dict())
    return network


def check_device(device: str) -> None:
    """See that networks can be trained there.

    Raises:
        InputError: a name that is neither ``cpu`` nor ``cuda``, or no GPU that PyTorch can use.
    """
    if device not in ("cpu", "cuda"):
        raise InputError("device", f"there is no {device!r}", "choose cpu or cuda")
    if device == "cuda" and not torch.cuda.is_available():
        raise InputError("device", "PyTorch finds no NVIDIA GPU here", "train on the cpu")


def _is_over(epoch: int, stop_after: int | None, elapsed: float, seconds: float | None, team: Team | None) -> bool:
    """Whether the caller wants the call to end here, with epochs left to do."""
    over = (stop_after is not None and epoch >= stop_after) or (seconds is not None and elapsed >= seconds)
    return over if team is None else team.agrees(over)


@contextmanager
def _quiet(folder: Path | None, device: str) -> Iterator[None]:
    """The folder to oneself, where there is one to write; the caller's random state as it was, afterwards."""
    with only_one(folder) if folder is not None else nullcontext():  # noqa: SIM117 (two lines read better)
        with torch.random.fork_rng(devices=[] if device == "cpu" else None):
            yield


@contextmanager
def _threads(count: int) -> Iterator[None]:
    """torch on so many threads, for a while."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


class _Trainer:
    """What every epoch of a run needs."""

    def __init__(
        self,
        network: SpikingSSM,
        step: Step,
        task: Task,
        config: TrainConfig,
        average: Average | None,
        team: Team | None = None,
    ) -> None:
        self.network, self.step, self.task, self.config, self.team = network, step, task, config, team
        self.measured = network if average is None else average.network
        self.part = training_part(task, config)
        for norm in (module for module in network.modules() if isinstance(module, StreamNorm)):
            norm.together = team is not None

    def epoch(self, run: RunState, on_epoch: Callable[[Progress], None] | None) -> RunState:
        """One pass over the training part, then the validation part."""
        # Every epoch has its own seeds, so that going on after an interruption needs no generator's state. Processes
        # draw the same order of samples, and each its own dropout and distortions.
        rank = 0 if self.team is None else self.team.rank
        torch.manual_seed(self.config.seed * 1_000_003 + run.epoch + rank * RANKS_APART)
        rng = np.random.default_rng((self.config.seed, run.epoch))
        loss = self._pass(run.epoch, rng)
        if self.measured.config.norm == "batch":
            estimate_statistics(self.measured, self._few_batches(rng))
        figures = measure(self.measured, self.task.validation)
        run = replace(run, epoch=run.epoch + 1)
        if self.config.refit or run.best is None or figures.merit > run.best.merit:
            weights = {name: tensor.clone() for name, tensor in self.measured.state_dict().items()}
            run = replace(run, best_epoch=run.epoch, best=figures, best_weights=weights)
        if on_epoch is not None:
            on_epoch(Progress(run.epoch, self.config.epochs, loss, figures, run.best_epoch))
        return run

    def _pass(self, epoch: int, rng: np.random.Generator) -> float:
        """All batches of one epoch; returns the mean loss."""
        self.network.train()
        device = self.network.encoder.weight.device
        part, size = self.part, self.config.batch_size
        samples = augmented(self.task, part, rng, self.config.augment)
        inputs, labels = torch.from_numpy(samples).to(device), torch.from_numpy(part.labels).to(device)
        lengths = None if part.lengths is None else torch.from_numpy(part.lengths).to(device)
        order = batches(len(part), size, self.task.steps, part.lengths, rng, device)
        # On the device until the end: asking for a number after every step would hold a GPU up.
        total = torch.zeros((), dtype=torch.float64, device=device)
        for number, (chosen, steps) in enumerate(order):
            factor = one_cycle((epoch + number / len(order)) / self.config.epochs)
            mine = chosen if self.team is None else self.team.share(chosen)
            wanted = labels[mine] if labels.ndim == 1 else labels[mine, :steps]
            count = None if lengths is None else lengths[mine]
            total += self.step(inputs[mine, :steps], wanted, factor, count) * len(chosen)
        if self.team is not None:
            total = self.team.sum(total) / self.team.size
        if not math.isfinite(total.item()):
            raise InputError(f"epoch {epoch + 1}", f"the loss is {total.item()}", "lower the learning rate")
        return total.item() / sum(len(chosen) for chosen, _ in order)

    def _few_batches(self, rng: np.random.Generator) -> Iterator[tuple[Tensor, ...]]:
        """Some batches of the training part as it is, as arguments of the network."""
        part, device = self.part, self.network.encoder.weight.device
        order = batches(len(part), self.config.batch_size, self.task.steps, part.lengths, rng, device)
        for chosen, steps in order[:NORM_BATCHES]:
            places = chosen.cpu().numpy()
            inputs = torch.from_numpy(part.inputs[places, :steps]).to(device)
            lengths = () if part.lengths is None else (torch.from_numpy(part.lengths[places]).to(device),)
            yield inputs, *lengths


def augmented(task: Task, part: Part, rng: np.random.Generator, strength: float) -> NDArray[Any]:
    """The inputs of a part that begins with the training part, distorted where the task does that to all at once."""
    if not strength or task.augment is None:
        return part.inputs
    bent = task.augment(task.train.inputs, rng, strength)
    return np.concatenate([bent, part.inputs[len(bent) :]]) if len(part) > len(bent) else bent


def training_part(task: Task, config: TrainConfig) -> Part:
    """What the weights are fitted to.

    Raises:
        InputError: the larger part is asked for, and the task has none or its data are not here.
    """
    if config.large and task.large is None:
        raise InputError("TrainConfig.large", f"task {task.name!r} has no larger training part", "leave it at 0")
    part = task.large() if config.large and task.large is not None else task.train
    return joined(part, task.validation) if config.refit else part


def joined(first: Part, second: Part) -> Part:
    """The samples of both parts."""
    lengths = None
    if first.lengths is not None and second.lengths is not None:
        lengths = np.concatenate([first.lengths, second.lengths])
    inputs, labels = (np.concatenate([getattr(p, name) for p in (first, second)]) for name in ("inputs", "labels"))
    return Part(inputs, labels, lengths)


def check_sizes(task: Task, config: NetworkConfig) -> None:
    """See that a network is made for a task.

    Raises:
        InputError: it decides at other times, or has other inputs or classes.
    """
    wanted = "every-step" if task.train.per_step else "mean"
    if config.decode != wanted:
        raise InputError("network", f"decodes {config.decode!r}, task {task.name!r} needs {wanted!r}", "set decode")
    if (task.inputs, task.classes) != (config.inputs, config.classes):
        found = f"{config.inputs} inputs and {config.classes} classes"
        raise InputError("network", f"has {found}, task {task.name!r} has {task.inputs} and {task.classes}")


def _finish(
    network: SpikingSSM,
    task: Task,
    settings: dict[str, Any],
    folder: Path,
    best_epoch: int,
    measure_test: bool,
    clock: tuple[float, float],
    start: Path | None,
) -> TrainingResult:
    """Measure the chosen weights step by step, as a chip runs them, and write them with their figures."""
    weights = network.state_dict()
    if settings["training"]["half"]:
        weights = round_to_half(weights, DECAYED)
        network.load_state_dict(weights)
    streams = network.config.direction == "causal"
    validation = measure(network, task.validation, step_by_step=streams)
    test = measure(network, task.test, step_by_step=streams) if measure_test else None
    largest = largest_state(network, task.validation) if streams else None
    figures: dict[str, Any] = {
        "best_epoch": best_epoch,
        "largest_state": largest,
        "validation": validation.to_mapping(),
    }
    if test is not None:
        figures["test"] = test.to_mapping()
    if start is not None:
        earlier = read_json(start / CONFIG)
        figures["start"] = {key: earlier[key] for key in ("training", "figures")}
        if earlier["network"] != settings["network"]:
            figures["start"]["network"] = earlier["network"]
    save_tensors(folder / WEIGHTS, weights)
    write_json(folder / CONFIG, settings | {"format": 1, "figures": figures})
    wall, cpu = time.perf_counter() - clock[0], time.process_time() - clock[1]
    return TrainingResult(folder, best_epoch, validation, test, largest, wall, cpu)


def summary(result: TrainingResult) -> dict[str, Any]:
    """The result as plain values, for JSON or a table."""
    return asdict(result) | {"folder": str(result.folder)}
