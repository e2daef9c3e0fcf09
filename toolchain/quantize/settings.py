"""The widths that a program is quantized to."""

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
    """

    weight_bits: int = 8
    a_bits: int = 16
    c_bits: int = 8
    state_bits: int = 24
    input_bits: int = 12
    headroom_bits: int = 1

    def __post_init__(self) -> None:
        for name, (low, high) in _RANGES.items():
            value = getattr(self, name)
            if not isinstance(value, int) or not low <= value <= high:
                raise InputError(
                    f"settings.{name}", f"{value!r} is not an integer in {low} .. {high}", "choose another"
                )

    def as_dict(self) -> dict[str, int]:
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
