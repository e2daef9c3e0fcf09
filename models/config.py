"""The two configurations, of a network and of a training run, and their JSON form."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Self

from toolchain.errors import InputError


def _within(default: float, low: float, high: float) -> Any:
    """A dataclass field with its legal range (both ends included)."""
    return field(default=default, metadata={"low": low, "high": high})


@dataclass(frozen=True)
class Config:
    """Base: numbers with ranges, checked when made; an unknown key in a file is an error."""

    def __post_init__(self) -> None:
        for spec in fields(self):
            _check(f"{type(self).__name__}.{spec.name}", getattr(self, spec.name), spec.type, spec.metadata)

    @classmethod
    def from_mapping(cls, values: object, where: str) -> Self:
        """The configuration in a JSON object; keys that are absent keep their default.

        Raises:
            InputError: not an object, an unknown key, or a value out of its range.
        """
        if not isinstance(values, Mapping):
            raise InputError(where, f"expected a JSON object, got {type(values).__name__}")
        known = {spec.name for spec in fields(cls)}
        unknown = sorted(set(map(str, values)) - known)
        if unknown:
            raise InputError(where, f"unknown keys {unknown}", f"known are {sorted(known)}")
        return cls(**values)

    def to_mapping(self) -> dict[str, Any]:
        """Plain numbers, for JSON."""
        return asdict(self)


def _check(where: str, value: object, kind: object, limits: Mapping[str, Any]) -> None:
    """Raise InputError unless `value` is a number of the declared kind within its limits."""
    wanted = int if kind == "int" else (int, float)
    if isinstance(value, bool) or not isinstance(value, wanted):
        raise InputError(where, f"{value!r} is not {'an integer' if kind == 'int' else 'a number'}")
    if not math.isfinite(value) or not limits["low"] <= value <= limits["high"]:
        raise InputError(where, f"{value} is out of range", f"choose from {limits['low']} to {limits['high']}")


@dataclass(frozen=True)
class NetworkConfig(Config):
    """Shape of a SpikingSSM.

    Attributes:
        inputs: values a step.
        classes: outputs of the readout.
        blocks: S4D + soma + mixing, one after the other.
        channels: width of the stream and of every block.
        modes: complex modes kept a channel (N / 2 in the literature).
        dt_min, dt_max: range of the initial step sizes, log-uniform.
        dropout: share of channels whose spikes are dropped in training, whole sequences at a time.
    """

    inputs: int = _within(1, 1, 4096)
    classes: int = _within(10, 2, 65536)
    blocks: int = _within(2, 1, 64)
    channels: int = _within(64, 1, 8192)
    modes: int = _within(8, 1, 1024)
    dt_min: float = _within(1e-3, 1e-6, 10.0)
    dt_max: float = _within(1e-1, 1e-6, 10.0)
    dropout: float = _within(0.0, 0.0, 0.9)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.dt_min > self.dt_max:
            raise InputError("NetworkConfig.dt_min", f"{self.dt_min} is above dt_max = {self.dt_max}", "swap them")


@dataclass(frozen=True)
class TrainConfig(Config):
    """How to train.

    Attributes:
        seed: of the initial weights, the order of the samples, the augmentation and the dropout.
        epochs: passes over the training part.
        batch_size: sequences a step of the optimizer.
        learning_rate: peak of the one-cycle schedule.
        ssm_learning_rate: the same for dt and A, which get no weight decay either.
        weight_decay: AdamW's, on the weight matrices and C.
        rate_penalty: weight of the spike rate (mean over blocks) in the loss.
        clip_norm: largest norm of the gradient.
        label_smoothing: of the cross-entropy.
        augment: how far the task distorts its training samples, as a multiple of what is usual for it; 0 for none.
    """

    seed: int = _within(0, 0, 2**31 - 1)
    epochs: int = _within(60, 1, 100_000)
    batch_size: int = _within(64, 1, 65536)
    learning_rate: float = _within(1e-2, 0.0, 1.0)
    ssm_learning_rate: float = _within(1e-3, 0.0, 1.0)
    weight_decay: float = _within(1e-2, 0.0, 1.0)
    rate_penalty: float = _within(0.1, 0.0, 100.0)
    clip_norm: float = _within(1.0, 1e-6, 1e6)
    label_smoothing: float = _within(0.0, 0.0, 0.5)
    augment: float = _within(1, 0, 10)


def read_json(path: Path) -> Any:
    """Parse a JSON file.

    Raises:
        InputError: missing, not UTF-8 or not JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(str(path), "no such file") from None
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise InputError(str(path), f"cannot be read as JSON ({error})") from error
