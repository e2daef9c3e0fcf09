"""The widths that a program is quantized to, and the rules by which scales are chosen."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any

from toolchain.errors import InputError


@dataclass(frozen=True)
class Settings:
    """Bit widths and head-room of post-training quantization.

    Attributes:
        weight_bits: synaptic weights (at most 8).
        a_bits: real and imaginary part of A-bar, one of them the sign.
        c_bits: C and D.
        state_bits: state of the modes.
        input_bits: payload of the input, where the data need no fewer.
        headroom_bits: factor 2^headroom_bits kept between what calibration saw and what a register holds.
        weight_scale: "max", "mse" or "percentile": how a projection's power of two is chosen (`quantize.weights`).
        equalize: stretch each row of weights into a state space over the whole width.
        c_scale: "neuron", or "layer" for one scale of C and D a layer (for comparison: it ruins accuracy).
        c_rounding: "fitted" to the calibration data, or "nearest" (`quantize.readout`).
        pole_tolerance: relative error of a pole's time constant, and radians of phase lost in one time constant, from
            which its real and imaginary part are rounded jointly (`quantize.poles`).
        widen_poles: give a layer as many bits beyond a_bits, up to 24, as its poles need to meet the tolerance.
    """

    weight_bits: int = 8
    a_bits: int = 16
    c_bits: int = 8
    state_bits: int = 24
    input_bits: int = 12
    headroom_bits: int = 1
    weight_scale: str = "max"
    equalize: bool = True
    c_scale: str = "neuron"
    c_rounding: str = "fitted"
    pole_tolerance: float = 0.05
    widen_poles: bool = False

    def __post_init__(self) -> None:
        for name, (low, high) in _RANGES.items():
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
                raise InputError(
                    f"settings.{name}", f"{value!r} is not an integer in {low} .. {high}", "choose another"
                )

        for name, known in _WORDS.items():
            if getattr(self, name) not in known:
                what = f"{getattr(self, name)!r} is not a known rule"
                raise InputError(f"settings.{name}", what, f"use one of {', '.join(map(str, known))}")
        tolerance: object = self.pole_tolerance
        if not isinstance(tolerance, int | float) or isinstance(tolerance, bool) or not 0 < tolerance <= 1:
            raise InputError("settings.pole_tolerance", f"{tolerance!r} is not in 0 .. 1", "choose another")

    def as_dict(self) -> dict[str, Any]:
        """The settings by name."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Settings:
        """Build settings from names and values; InputError on an unknown name."""
        known = {field.name for field in fields(cls)}
        unknown = sorted(set(values) - known)
        if unknown:
            raise InputError(f"settings.{unknown[0]}", "no such setting", f"use {', '.join(sorted(known))}")
        return cls(**values)


_RANGES = {
    "weight_bits": (2, 8),
    "a_bits": (4, 24),
    "c_bits": (2, 16),
    "state_bits": (12, 32),
    "input_bits": (2, 24),
    "headroom_bits": (0, 8),
}
_WORDS: dict[str, tuple[object, ...]] = {
    "weight_scale": ("max", "mse", "percentile"),
    "equalize": (True, False),
    "c_scale": ("neuron", "layer"),
    "c_rounding": ("fitted", "nearest"),
    "widen_poles": (True, False),
}
