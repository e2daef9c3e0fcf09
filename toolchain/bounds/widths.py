"""Intervals and the widths of registers."""

from __future__ import annotations

import numpy as np

from toolchain.ir.integer import IntArray, Overflow, limits
from toolchain.ir.interval import Interval


def whole(bits: int, shape: tuple[int, ...]) -> Interval:
    """Everything that a word of `bits` can hold."""
    low, high = limits(bits)
    return Interval(np.full(shape, low), np.full(shape, high))


def room(bits: int, rule: Overflow) -> tuple[int, int]:
    """The values that a register takes in unchanged."""
    low, high = limits(bits)
    return (-high, high) if rule == Overflow.SATURATE else (low, high)


def magnitude(value: Interval) -> IntArray:
    """The greatest absolute value of each element."""
    return np.maximum(np.maximum(value.high, -value.low), 0)
