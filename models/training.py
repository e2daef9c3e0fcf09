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

from models.checkpoint import save_tensors, write_json
from models.config import NetworkConfig, TrainConfig
from models.measure import Figures, largest_state, measure
from models.run_state import RunState, read_run, write_run
from models.spiking_ssm import Output, SpikingSSM
from models.tasks import Task
from toolchain.errors import InputError

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
    return torch.optim.AdamW(
        [
            {"params": groups["decayed"], "lr": fast, "peak": fast, "weight_decay": decay},
            {"params": groups["plain"], "lr": fast, "peak": fast, "weight_decay": 0.0},
            {"params": groups["slow"], "peak": config.ssm_learning_rate, "weight_decay": 0.0},
        ],
        lr=config.ssm_learning_rate,
    )


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
    threads: int = 1,
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
        threads: for torch. Networks this small gain nothing from a second one, and rounding depends on it.

    Returns:
        The result, or None if `stop_after` came first.

    Raises:
        InputError: sizes that do not fit, a checkpoint of another configuration, or a loss that is not finite.
    """
    clock = time.perf_counter(), time.process_time()
    _check_sizes(task, network_config)
    with torch.random.fork_rng(devices=[]), _threads(threads):
        torch.manual_seed(config.seed)
        network = SpikingSSM(network_config)
        optimizer = make_optimizer(network, config)
        settings = {"task": task.name, "network": network_config.to_mapping(), "training": config.to_mapping()}
        run = read_run(folder, network, optimizer, settings) if resume else None
        run = run or RunState(0, 0, None, {})
        while run.epoch < config.epochs:
            if stop_after is not None and run.epoch >= stop_after:
                return None
            run = _epoch(network, optimizer, task, config, run, on_epoch)
            write_run(folder, network, optimizer, settings, run)
    network.load_state_dict(run.best_weights)
    return _finish(network, task, settings, folder, run.best_epoch, measure_test, clock)


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
    optimizer: torch.optim.AdamW,
    task: Task,
    config: TrainConfig,
    run: RunState,
    on_epoch: Callable[[Progress], None] | None,
) -> RunState:
    """One pass over the training part, then the validation part."""
    # Every epoch has its own seeds, so that going on after an interruption needs no generator's state.
    torch.manual_seed(config.seed * 1_000_003 + run.epoch)
    rng = np.random.default_rng((config.seed, run.epoch))
    loss = _pass(network, optimizer, task, config, run.epoch, rng)
    figures = measure(network, task.validation)
    run = replace(run, epoch=run.epoch + 1)
    if run.best is None or (figures.accuracy, -figures.loss) > (run.best.accuracy, -run.best.loss):
        weights = {name: tensor.clone() for name, tensor in network.state_dict().items()}
        run = replace(run, best_epoch=run.epoch, best=figures, best_weights=weights)
    if on_epoch is not None:
        on_epoch(Progress(run.epoch, config.epochs, loss, figures, run.best_epoch))
    return run


def _pass(
    network: SpikingSSM,
    optimizer: torch.optim.AdamW,
    task: Task,
    config: TrainConfig,
    epoch: int,
    rng: np.random.Generator,
) -> float:
    """All batches of one epoch; returns the mean loss."""
    network.train()
    inputs, labels = task.train.inputs, torch.from_numpy(task.train.labels)
    if config.augment and task.augment is not None:
        inputs = task.augment(inputs, rng)
    batches = np.array_split(rng.permutation(len(labels)), math.ceil(len(labels) / config.batch_size))
    total = 0.0
    for number, chosen in enumerate(batches):
        for group in optimizer.param_groups:
            group["lr"] = group["peak"] * one_cycle((epoch + number / len(batches)) / config.epochs)
        optimizer.zero_grad()
        loss = _loss(network(torch.from_numpy(inputs[chosen])), labels[chosen], config)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(network.parameters(), config.clip_norm)
        optimizer.step()
        total += loss.item() * len(chosen)
    if not math.isfinite(total):
        raise InputError(f"epoch {epoch + 1}", f"the loss is {total}", "lower the learning rate")
    return total / len(labels)


def _loss(output: Output, labels: Tensor, config: TrainConfig) -> Tensor:
    """Cross-entropy plus the price of spikes."""
    rate = torch.stack([spikes.mean() for spikes in output.spikes]).mean()
    entropy = nn.functional.cross_entropy(output.logits, labels, label_smoothing=config.label_smoothing)
    return entropy + config.rate_penalty * rate


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
) -> TrainingResult:
    """Measure the chosen weights step by step, as a chip runs them, and write them with their figures."""
    validation = measure(network, task.validation, step_by_step=True)
    test = measure(network, task.test, step_by_step=True) if measure_test else None
    largest = largest_state(network, task.validation)
    figures = {"best_epoch": best_epoch, "largest_state": largest, "validation": validation.to_mapping()}
    if test is not None:
        figures["test"] = test.to_mapping()
    save_tensors(folder / "model.safetensors", network.state_dict())
    write_json(folder / "config.json", settings | {"format": 1, "figures": figures})
    wall, cpu = time.perf_counter() - clock[0], time.process_time() - clock[1]
    return TrainingResult(folder, best_epoch, validation, test, largest, wall, cpu)


def summary(result: TrainingResult) -> dict[str, Any]:
    """The result as plain values, for JSON or a table."""
    return asdict(result) | {"folder": str(result.folder)}
