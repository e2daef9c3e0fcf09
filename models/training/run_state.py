"""The state of a training run between epochs, and its file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from models.layers.weights import fill, load_tensors, save_tensors
from models.network.spiking_ssm import SpikingSSM
from models.training.average import Average
from models.training.measure import Figures
from toolchain.errors import InputError

FILE = "checkpoint.safetensors"
MOMENTS = ("exp_avg", "exp_avg_sq")
"""AdamW's state of one parameter, besides its step count."""


@dataclass(frozen=True)
class RunState:
    """Where a run stands.

    Attributes:
        epoch: epochs done.
        best_epoch: the one whose weights are kept, counted from 1; 0 before the first.
        best: figures of those weights on the validation part.
        best_weights: their tensors.
    """

    epoch: int
    best_epoch: int
    best: Figures | None
    best_weights: Mapping[str, Tensor] = field(repr=False)


def write_run(
    folder: Path,
    network: SpikingSSM,
    optimizer: torch.optim.AdamW,
    settings: Mapping[str, Any],
    run: RunState,
    average: Average | None = None,
) -> None:
    """Write weights, their average, best weights, optimizer state and counters in one file."""
    tensors = {f"model.{name}": tensor for name, tensor in network.state_dict().items()}
    if average is not None:
        tensors |= {f"average.{name}": tensor for name, tensor in average.network.state_dict().items()}
    tensors |= {f"best.{name}": tensor for name, tensor in run.best_weights.items()}
    for index, values in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{index}.{name}": tensor for name, tensor in values.items()}
    best = None if run.best is None else run.best.to_mapping()
    note = {"settings": settings, "epoch": run.epoch, "best_epoch": run.best_epoch, "best": best}
    save_tensors(folder / FILE, tensors, note)


def read_run(
    folder: Path,
    network: SpikingSSM,
    optimizer: torch.optim.AdamW,
    settings: Mapping[str, Any],
    average: Average | None = None,
) -> RunState | None:
    """Put a run back into `network`, `optimizer` and `average`; None if the folder holds none.

    Raises:
        InputError: the file is damaged, or belongs to a run with other settings.
    """
    path = folder / FILE
    if not path.exists():
        return None
    tensors, note = load_tensors(path)
    if note.get("settings") != settings:
        raise InputError(str(path), "belongs to a run with other settings", "repeat those, or use another folder")
    best_weights = _under("best.", tensors)
    # Once to check them, then the weights to go on with.
    fill(network, best_weights, str(path))
    fill(network, _under("model.", tensors), str(path))
    if average is not None:
        fill(average.network, _under("average.", tensors), str(path))
    _fill_optimizer(optimizer, _under("optimizer.", tensors), str(path))
    try:
        return RunState(note["epoch"], note["best_epoch"], _figures(note["best"]), best_weights)
    except (KeyError, TypeError) as error:
        raise InputError(str(path), f"its note is damaged ({error!r})", "start the run again") from error


def _under(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def _fill_optimizer(optimizer: torch.optim.AdamW, tensors: Mapping[str, Tensor], where: str) -> None:
    blank = optimizer.state_dict()
    weights = [weight for group in optimizer.param_groups for weight in group["params"]]
    wanted = {f"{index}.{kind}" for index in range(len(weights)) for kind in ("step", *MOMENTS)}
    if wanted != tensors.keys():
        raise InputError(
            where, f"holds {len(tensors)} optimizer tensors, expected {len(wanted)}", "start the run again"
        )
    for index, weight in enumerate(weights):
        if any(tensors[f"{index}.{kind}"].shape != weight.shape for kind in MOMENTS):
            raise InputError(where, f"optimizer state {index} has a wrong shape", "start the run again")
    state = {index: {kind: tensors[f"{index}.{kind}"] for kind in ("step", *MOMENTS)} for index in range(len(weights))}
    optimizer.load_state_dict(blank | {"state": state})


def _figures(values: Mapping[str, Any] | None) -> Figures | None:
    if values is None:
        return None
    rates, bits = tuple(values["spike_rates"]), values.get("bits_per_symbol")
    return Figures(values["samples"], values["accuracy"], values["loss"], rates, bits)
