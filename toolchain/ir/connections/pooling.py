"""Sums and means over windows of each channel."""

from __future__ import annotations

import math
import operator
from dataclasses import dataclass

import numpy as np

from toolchain.ir.connections.base import Listed, frozen_integers
from toolchain.ir.integer import IntArray
from toolchain.windows import Padding, Windows, paired, unrolled, whole_numbers


@dataclass(frozen=True, eq=False)
class SumPooling(Listed):
    """Each target is the sum over its window of one channel: every weight is 1.

    Attributes:
        input_shape: (channels, *axes), one or two axes; sources and targets are flattened in C order.
        kernel, stride: extent and step of a window, one number an axis.
        padding: (before, after) of each axis: zeros around the input.

    Raises:
        ValueError: the fields do not fit each other.
    """

    input_shape: tuple[int, ...]
    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    padding: Padding
    kind = "sum-pooling"

    def __post_init__(self) -> None:
        for name in ("input_shape", "kernel", "stride"):
            object.__setattr__(self, name, whole_numbers(getattr(self, name)))
        object.__setattr__(self, "padding", paired(self.padding))
        if len(self.input_shape) not in (2, 3) or min(self.input_shape) < 1:
            raise ValueError(f"input shape {self.input_shape} instead of (channels, n) or (channels, h, w)")
        self.windows.entries()

    @property
    def windows(self) -> Windows:
        """Where the windows lie on each channel."""
        return Windows(self.input_shape[1:], self.kernel, self.stride, self.padding, (1,) * len(self.kernel))

    @property
    def output_shape(self) -> tuple[int, ...]:
        """(channels, *axes)."""
        return (self.input_shape[0], *self.windows.places)

    @property
    def target_size(self) -> int:
        """Number of target neurons."""
        return math.prod(self.output_shape)

    @property
    def source_size(self) -> int:
        """Number of source neurons."""
        return math.prod(self.input_shape)

    @property
    def weight(self) -> int:
        """The weight of every synapse."""
        return 1

    @property
    def values(self) -> IntArray:
        """The one stored weight."""
        return frozen_integers([self.weight])

    def _synapses(self) -> tuple[IntArray, IntArray, IntArray]:
        targets, sources, _ = unrolled(self.windows, self.input_shape[0])
        return targets, sources, np.full(targets.size, self.weight, dtype=np.int64)


@dataclass(frozen=True, eq=False)
class AveragePooling(SumPooling):
    """Each target is the mean over its window of one channel, padding counted as zeros, times 2^fraction_bits.

    Every weight is 2^fraction_bits / window, rounded to nearest, so the mean is exact where the window's size is a
    power of two; its projection's exponent takes the fraction bits back.

    Attributes:
        fraction_bits: at least enough for a weight of 1.
    """

    fraction_bits: int = 0
    kind = "average-pooling"

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "fraction_bits", operator.index(self.fraction_bits))
        if not 0 <= self.fraction_bits < 63 or 1 << self.fraction_bits < math.prod(self.kernel):
            raise ValueError(
                f"{self.fraction_bits} fraction bits leave no weight for a window of {math.prod(self.kernel)}"
            )

    @property
    def weight(self) -> int:
        """The weight of every synapse."""
        window, one = math.prod(self.kernel), 1 << self.fraction_bits
        return (2 * one + window) // (2 * window)
