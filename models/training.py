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
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from models.checkpoint import fill, load_tensors, save_tensors, write_json
from models.config import NetworkConfig, TrainConfig, read_json
from models.measure import Figures, largest_state, measure
from models.run_state import RunState, read_run, write_run
from models.spiking_ssm import SpikingSSM
from models.step import DirectStep, RecordedStep, Step
from models.tasks import Task
from toolchain.errors import InputError

WEIGHTS, CONFIG = "model.safetensors", "config.json"
WARM_UP = 0.3
START_FACTOR, END_FACTOR = 0.04, 1e-4
SLOW = ("log_dt", "log_decay", "frequency")
"""Parameters of dt and A: their own learning rate, no decay (as S4's authors do)."""

DECAYED = ("encoder.weight", "mix.weight", "readout.weight", "ssm.c")


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
        largest_state: largest real or imaginary part of a mode on the validation part.
        wall_seconds, cpu_seconds: of this call.
    """

    folder: Path
    best_epoch: int
    validation: Figures
    test: Figures | None
    largest_state: float
    wall_seconds: float
    cpu_seconds: float


def one_cycle(progress: float) -> float:
    """Factor on the learning rate at `progress` in 0..1: half cosines up to 1 and down again."""
    if progress < WARM_UP:
        return 1 + (START_FACTOR - 1) * (1 + math.cos(math.pi * progress / WARM_UP)) / 2
    along = (progress - WARM_UP) / (1 - WARM_UP)
    return END_FACTOR + (1 - END_FACTOR) * (1 + math.cos(math.pi * along)) / 2


def make_optimizer(network: SpikingSSM, config: TrainConfig) -> torch.optim.AdamW:
    """AdamW with three groups: decayed weights, the rest, and dt with A."""
    groups: dict[str, list[nn.Parameter]] = {"decayed": [], "plain": [], "slow": []}
    for name, parameter in network.named_parameters():
        kind = "slow" if name.endswith(SLOW) else "decayed" if name.endswith(DECAYED) else "plain"
        groups[kind].append(parameter)
    fast, decay = config.learning_rate, config.weight_decay
    on_gpu = network.encoder.weight.device.type == "cuda"
    optimizer = torch.optim.AdamW(
        [
            {"params": groups["decayed"], "lr": fast, "peak": fast, "weight_decay": decay},
            {"params": groups["plain"], "lr": fast, "peak": fast, "weight_decay": 0.0},
            {"params": groups["slow"], "peak": config.ssm_learning_rate, "weight_decay": 0.0},
        ],
        lr=config.ssm_learning_rate,
        fused=on_gpu or None,
        capturable=on_gpu,
    )
    for group in optimizer.param_groups if on_gpu else []:
        group["lr"] = torch.tensor(group["lr"], device=network.encoder.weight.device)
    return optimizer


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
        start: folder of a finished run whose weights are the initial ones.

    Returns:
        The result, or None if `stop_after` or `seconds` came first.

    Raises:
        InputError: sizes that do not fit, a checkpoint of another configuration, or a loss that is not finite.
    """
    clock = time.perf_counter(), time.process_time()
    _check_sizes(task, network_config)
    with torch.random.fork_rng(devices=[] if device == "cpu" else None), _threads(threads):
        torch.manual_seed(config.seed)
        network = _initial(network_config, start).to(device)
        optimizer = make_optimizer(network, config)
        settings = {"task": task.name, "network": network_config.to_mapping(), "training": config.to_mapping()}
        run = read_run(folder, network, optimizer, settings) if resume else None
        run = run or RunState(0, 0, None, {})
        direct = DirectStep(network, optimizer, config, task.distortion)
        step: Step = direct if device == "cpu" else RecordedStep(direct)
        while run.epoch < config.epochs:
            if _is_over(run.epoch, stop_after, time.perf_counter() - clock[0], seconds):
                return None
            run = _epoch(network, step, task, config, run, on_epoch)
            write_run(folder, network, optimizer, settings, run)
    network.load_state_dict(run.best_weights)
    return _finish(network, task, settings, folder, run.best_epoch, measure_test, clock, start)


def _initial(config: NetworkConfig, start: Path | None) -> SpikingSSM:
    """A new network, with the weights of a finished run if one is given."""
    network = SpikingSSM(config)
    if start is not None:
        fill(network, load_tensors(start / WEIGHTS)[0], str(start / WEIGHTS))
    return network


def _is_over(epoch: int, stop_after: int | None, elapsed: float, seconds: float | None) -> bool:
    """Whether the caller wants the call to end here, with epochs left to do."""
    return (stop_after is not None and epoch >= stop_after) or (seconds is not None and elapsed >= seconds)


@contextmanager
def _threads(count: int) -> Iterator[None]:
    """torch on so many threads, for a while."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _epoch(
    network: SpikingSSM,
    step: Step,
    task: Task,
    config: TrainConfig,
    run: RunState,
    on_epoch: Callable[[Progress], None] | None,
) -> RunState:
    """One pass over the training part, then the validation part."""
    # Every epoch has its own seeds, so that going on after an interruption needs no generator's state.
    torch.manual_seed(config.seed * 1_000_003 + run.epoch)
    rng = np.random.default_rng((config.seed, run.epoch))
    loss = _pass(network, step, task, config, run.epoch, rng)
    figures = measure(network, task.validation)
    run = replace(run, epoch=run.epoch + 1)
    if run.best is None or (figures.accuracy, -figures.loss) > (run.best.accuracy, -run.best.loss):
        weights = {name: tensor.clone() for name, tensor in network.state_dict().items()}
        run = replace(run, best_epoch=run.epoch, best=figures, best_weights=weights)
    if on_epoch is not None:
        on_epoch(Progress(run.epoch, config.epochs, loss, figures, run.best_epoch))
    return run


def _pass(
    network: SpikingSSM, step: Step, task: Task, config: TrainConfig, epoch: int, rng: np.random.Generator
) -> float:
    """All batches of one epoch; returns the mean loss."""
    network.train()
    device = network.encoder.weight.device
    samples = task.train.inputs
    if config.augment and task.augment is not None:
        samples = task.augment(samples, rng, config.augment)
    inputs, labels = torch.from_numpy(samples).to(device), torch.from_numpy(task.train.labels).to(device)
    batches = _batches(torch.from_numpy(rng.permutation(len(labels))), config.batch_size, device)
    # On the device until the end: asking for a number after every step would hold a GPU up.
    total = torch.zeros((), dtype=torch.float64, device=device)
    for number, chosen in enumerate(batches):
        factor = one_cycle((epoch + number / len(batches)) / config.epochs)
        total += step(inputs[chosen], labels[chosen], factor) * len(chosen)
    if not math.isfinite(total.item()):
        raise InputError(f"epoch {epoch + 1}", f"the loss is {total.item()}", "lower the learning rate")
    return total.item() / sum(map(len, batches))


def _batches(order: Tensor, size: int, device: torch.device) -> list[Tensor]:
    """The samples in `order`, in batches: of nearly equal size on the CPU; elsewhere, full ones only.

    A recorded step needs batches of one size, so that a GPU leaves out the rest, which is another in every epoch.
    """
    if device.type == "cpu" or len(order) < size:
        return list(order.to(device).tensor_split(math.ceil(len(order) / size)))
    return list(order[: len(order) // size * size].to(device).view(-1, size))


def _check_sizes(task: Task, config: NetworkConfig) -> None:
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
    validation = measure(network, task.validation, step_by_step=True)
    test = measure(network, task.test, step_by_step=True) if measure_test else None
    largest = largest_state(network, task.validation)
    figures: dict[str, Any] = {
        "best_epoch": best_epoch,
        "largest_state": largest,
        "validation": validation.to_mapping(),
    }
    if test is not None:
        figures["test"] = test.to_mapping()
    if start is not None:
        earlier = read_json(start / CONFIG)
        figures["start"] = {"training": earlier["training"], "figures": earlier["figures"]}
    save_tensors(folder / WEIGHTS, network.state_dict())
    write_json(folder / CONFIG, settings | {"format": 1, "figures": figures})
    wall, cpu = time.perf_counter() - clock[0], time.process_time() - clock[1]
    return TrainingResult(folder, best_epoch, validation, test, largest, wall, cpu)


def summary(result: TrainingResult) -> dict[str, Any]:
    """The result as plain values, for JSON or a table."""
    return asdict(result) | {"folder": str(result.folder)}
