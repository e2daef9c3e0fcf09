"""Rounding real parameters to integers, and what it cost: one row a tensor for the report."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from toolchain.frontend.graph import FloatArray
from toolchain.ir.integer import IntArray

FLOAT_NOISE = 2.0**-96
"""Share of a tensor's power below which an error is that of float64 arithmetic, such as of 1 - dt/tau."""


@dataclass(frozen=True)
class TensorRow:
    """How one tensor was quantized.

    Attributes:
        name: unit or link and tensor.
        bits: width of its integers.
        scale: how an integer is read, in words.
        count: number of elements.
        max_error: greatest |real - rounded|, in real units.
        sqnr_db: 10 log10(signal power / error power); None where the rounding is exact.
        rounded: the integers as the numbers that they stand for, in the form of `Unit.tensors`.
    """

    name: str
    bits: int
    scale: str
    count: int
    max_error: float
    sqnr_db: float | None
    rounded: FloatArray = field(default_factory=lambda: np.zeros(0), repr=False, compare=False)


def round_to(values: FloatArray, scale: FloatArray | float) -> IntArray:
    """Round values * scale to the nearest integers (ties to even)."""
    return np.rint(np.asarray(values) * scale).astype(np.int64)


def row(
    name: str, bits: int, scale_text: str, values: FloatArray, integers: Any, scale: FloatArray | float
) -> TensorRow:
    """Describe one rounding."""
    rounded: FloatArray = np.asarray(integers) / scale
    error = np.asarray(values) - rounded
    power, noise = float(np.sum(np.square(values))), float(np.sum(np.square(error)))
    sqnr = 10 * float(np.log10(power / noise)) if noise > power * FLOAT_NOISE and power > 0 else None
    worst = float(np.abs(error).max()) if error.size else 0.0
    return TensorRow(name, bits, scale_text, int(np.asarray(values).size), worst, sqnr, rounded)
