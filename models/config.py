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


def _one_of(*names: str) -> Any:
    """A dataclass field that takes one of some names; the first is the default."""
    return field(default=names[0], metadata={"names": names})


@dataclass(frozen=True)
class Config:
    """Base: numbers with ranges and named choices, checked when made; an unknown key in a file is an error."""

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
        """Plain numbers and names, for JSON."""
        return asdict(self)


def _check(where: str, value: object, kind: object, limits: Mapping[str, Any]) -> None:
    """Raise InputError unless `value` is one of the names, or a number of the declared kind within its limits."""
    if "names" in limits:
        if value not in limits["names"]:
            raise InputError(where, f"there is no {value!r}", f"choose from {list(limits['names'])}")
        return
    wanted = int if kind == "int" else (int, float)
    if isinstance(value, bool) or not isinstance(value, wanted):
        raise InputError(where, f"{value!r} is not {'an integer' if kind == 'int' else 'a number'}")
    if not math.isfinite(value) or not limits["low"] <= value <= limits["high"]:
        raise InputError(where, f"{value} is out of range", f"choose from {limits['low']} to {limits['high']}")


@dataclass(frozen=True)
class NetworkConfig(Config):
    """Shape of a network; `models/systems.py` has the combinations that have names.

    Attributes:
        inputs: values a step, or number of symbols.
        classes: outputs of the readout.
        blocks: state space + soma + mixing, one after the other.
        channels: width of the stream and of every block.
        modes: complex modes kept a channel (N / 2 in the literature).
        dt_min, dt_max: range of the initial step sizes, log-uniform.
        dropout: share of channels whose spikes are dropped in training, whole sequences at a time.
        soma: what turns the state space's output into spikes: ``lif`` (`soma.py`), ``threshold``
            (`binary_s4d.py`), ``sdn`` (`sdn.py`), or with mixing ``gsu`` the quantizers ``ternary`` (a constant
            threshold a channel) and ``ternary-token`` (one a step, from its largest value).
        theta: whether thresholds are ``learned`` (VT) or ``fixed`` at their start (VF).
        theta_start: their value before training.
        surrogate: gradient of a spike: ``triangle``, or for ``threshold`` also ``arctan`` and ``fast-sigmoid``.
        mix: what the spikes do to the stream: ``linear``, ``glu``, ``binary-gate`` and ``two-stage`` (`mixing.py`), or
            ``gsu`` (`gsu.py`).
        activation: after the product of ``gsu``.
        norm: ``batch`` normalizes what enters a block; it folds into the block.
        decode: ``mean`` reads one class a sequence off the mean over time, ``every-step`` one a step.
        direction: ``both`` adds a kernel that runs backward in time, as in the published Long Range Arena models; such
            a network cannot be run step by step.
    """

    inputs: int = _within(1, 1, 4096)
    classes: int = _within(10, 2, 65536)
    blocks: int = _within(2, 1, 64)
    channels: int = _within(64, 1, 8192)
    modes: int = _within(8, 1, 1024)
    dt_min: float = _within(1e-3, 1e-6, 10.0)
    dt_max: float = _within(1e-1, 1e-6, 10.0)
    dropout: float = _within(0.0, 0.0, 0.9)
    soma: str = _one_of("lif", "threshold", "sdn", "ternary", "ternary-token")
    theta: str = _one_of("learned", "fixed")
    theta_start: float = _within(1.0, 1e-6, 1e6)
    surrogate: str = _one_of("triangle", "arctan", "fast-sigmoid")
    mix: str = _one_of("linear", "glu", "binary-gate", "two-stage", "gsu")
    activation: str = _one_of("none", "relu", "gelu")
    norm: str = _one_of("none", "batch")
    decode: str = _one_of("mean", "every-step")
    direction: str = _one_of("causal", "both")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.dt_min > self.dt_max:
            raise InputError("NetworkConfig.dt_min", f"{self.dt_min} is above dt_max = {self.dt_max}", "swap them")
        if (self.mix == "gsu") is not self.soma.startswith("ternary"):
            found = f"soma {self.soma!r} with mix {self.mix!r}"
            raise InputError("NetworkConfig.soma", found, "use the ternary somas with gsu, and only there")
        if self.surrogate != "triangle" and self.soma != "threshold":
            found = f"{self.surrogate!r} with soma {self.soma!r}"
            raise InputError("NetworkConfig.surrogate", found, "only 'threshold' has another gradient than 'triangle'")
        if self.activation != "none" and self.mix != "gsu":
            raise InputError(
                "NetworkConfig.activation", f"{self.activation!r} with mix {self.mix!r}", "only gsu has one"
            )


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
        ema: decay a step of a moving average of the weights, which is then what is measured and chosen; 0 for none.
        refit: 1 trains on the training and the validation part together and keeps the last weights: for settings and
            a number of epochs that an earlier run has chosen.
        half: 1 rounds the matrices and C of the chosen weights to half precision before they are measured, and stores
            them so: half the size, and a rounding far below that to 8 bits.
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
    ema: float = _within(0.0, 0.0, 0.999999)
    refit: int = _within(0, 0, 1)
    half: int = _within(0, 0, 1)


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
