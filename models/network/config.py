"""The configuration of a network, what it shares with that of a training run, and their JSON form."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Self

from toolchain.errors import InputError
from toolchain.reading import json_of


def within(default: float, low: float, high: float) -> Any:
    """A dataclass field with its legal range (both ends included)."""
    return field(default=default, metadata={"low": low, "high": high})


def one_of(*names: str) -> Any:
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
    """Shape of a network; `systems.py` has the combinations that have names.

    Attributes:
        inputs: values a step, or number of symbols.
        classes: outputs of the readout.
        blocks: state space + soma + mixing, one after the other.
        channels: width of the stream and of every block.
        modes: complex modes kept a channel (N / 2 in the literature).
        dt_min, dt_max: range of the initial step sizes, log-uniform.
        dropout: share of channels whose spikes are dropped in training, whole sequences at a time.
        soma: what turns the state space's output into spikes: ``lif`` (`layers/soma.py`), ``threshold``
            (`layers/binary_s4d.py`), ``sdn`` (`layers/sdn.py`), or with mixing ``gsu`` the quantizers ``ternary`` (a
            constant threshold a channel) and ``ternary-token`` (one a step, from its largest value).
        theta: whether thresholds are ``learned`` (VT) or ``fixed`` at their start (VF).
        theta_start: their value before training.
        surrogate: gradient of a spike: ``triangle``, or for ``threshold`` also ``arctan`` and ``fast-sigmoid``.
        mix: what the spikes do to the stream: ``linear``, ``glu``, ``binary-gate`` and ``two-stage``
            (`layers/mixing.py`), or ``gsu`` (`layers/gsu.py`).
        activation: after the product of ``gsu``.
        norm: ``batch`` normalizes what enters a block; it folds into the block.
        decode: ``mean`` reads one class a sequence off the mean over time, ``every-step`` one a step.
        direction: ``both`` adds a kernel that runs backward in time, as in the published Long Range Arena models; such
            a network cannot be run step by step.
    """

    inputs: int = within(1, 1, 4096)
    classes: int = within(10, 2, 65536)
    blocks: int = within(2, 1, 64)
    channels: int = within(64, 1, 8192)
    modes: int = within(8, 1, 1024)
    dt_min: float = within(1e-3, 1e-6, 10.0)
    dt_max: float = within(1e-1, 1e-6, 10.0)
    dropout: float = within(0.0, 0.0, 0.9)
    soma: str = one_of("lif", "threshold", "sdn", "ternary", "ternary-token")
    theta: str = one_of("learned", "fixed")
    theta_start: float = within(1.0, 1e-6, 1e6)
    surrogate: str = one_of("triangle", "arctan", "fast-sigmoid")
    mix: str = one_of("linear", "glu", "binary-gate", "two-stage", "gsu")
    activation: str = one_of("none", "relu", "gelu")
    norm: str = one_of("none", "batch")
    decode: str = one_of("mean", "every-step")
    direction: str = one_of("causal", "both")

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


def read_json(path: Path) -> Any:
    """Parse a JSON file.

    Raises:
        InputError: missing, not UTF-8 or not JSON.
    """
    try:
        return json_of(path)
    except FileNotFoundError:
        raise InputError(str(path), "no such file") from None
    except (OSError, ValueError) as error:
        raise InputError(str(path), f"cannot be read as JSON ({error})") from error
