"""Which inputs each window of a convolution or pooling covers: index arithmetic, apart from any weights.

A window's place p on an axis covers the positions p stride + tap dilation - before, for tap = 0 .. kernel - 1; a
position outside the input is padding and covers nothing. This is torch's `Conv1d`, `Conv2d` and `AvgPool2d`.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Indices: TypeAlias = NDArray[np.int64]
Padding: TypeAlias = tuple[tuple[int, int], ...]

MOST_ENTRIES = 1 << 25
"""Places times taps of a channel: index tables of so many entries are made."""


@dataclass(frozen=True)
class Windows:
    """Windows over the spatial axes of one channel.

    Attributes:
        sizes: extent of each axis.
        kernel, stride, dilation: one number an axis.
        padding: (before, after) of each axis.

    Raises:
        ValueError: fields of different length, a number out of range, or a kernel beyond its padded input.
    """

    sizes: tuple[int, ...]
    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    padding: Padding
    dilation: tuple[int, ...]

    def __post_init__(self) -> None:
        for name in ("sizes", "kernel", "stride", "dilation"):
            numbers = getattr(self, name)
            if len(numbers) != len(self.sizes) or min(numbers, default=0) < 1:
                raise ValueError(f"{name} {numbers} instead of one number of at least 1 for each axis of {self.sizes}")
        if len(self.padding) != len(self.sizes) or min(map(min, self.padding)) < 0:
            raise ValueError(f"padding {self.padding} instead of (before, after) for each axis of {self.sizes}")
        if min(self.places) < 1:
            raise ValueError(f"a kernel {self.kernel} (dilation {self.dilation}) does not fit the input {self.sizes}")
        if math.prod(self.places) * math.prod(self.kernel) > MOST_ENTRIES:
            raise ValueError(f"a kernel {self.kernel} at {self.places} places has more than {MOST_ENTRIES:,} entries")

    @property
    def places(self) -> tuple[int, ...]:
        """Number of windows on each axis."""
        return tuple(self._places(axis) for axis in range(len(self.sizes)))

    def _places(self, axis: int) -> int:
        span = self.dilation[axis] * (self.kernel[axis] - 1) + 1
        return (self.sizes[axis] + sum(self.padding[axis]) - span) // self.stride[axis] + 1

    def entries(self) -> tuple[Indices, Indices, Indices]:
        """Every (place, position, tap) where a window covers an input, as three flat arrays in C order of each."""
        place, position, tap = (np.zeros(1, dtype=np.int64) for _ in range(3))
        for axis, count in enumerate(self.places):
            here = self._axis(axis)
            place = _joined(place, count, here[0])
            position = _joined(position, self.sizes[axis], here[1])
            tap = _joined(tap, self.kernel[axis], here[2])
        return place, position, tap

    def _axis(self, axis: int) -> tuple[Indices, Indices, Indices]:
        """The entries of one axis."""
        place, tap = (part.ravel() for part in np.indices((self.places[axis], self.kernel[axis]), dtype=np.int64))
        position = place * self.stride[axis] + tap * self.dilation[axis] - self.padding[axis][0]
        inside = (position >= 0) & (position < self.sizes[axis])
        return place[inside], position[inside], tap[inside]


def _joined(outer: Indices, count: int, inner: Indices) -> Indices:
    """Flat indices of all pairs of an outer index and one of `count` on the next axis."""
    return (outer[:, None] * count + inner).ravel()


def whole_numbers(numbers: Sequence[int]) -> tuple[int, ...]:
    """A sequence of integers of any kind as a tuple of ints; TypeError where one is none."""
    return tuple(map(operator.index, numbers))


def paired(padding: Sequence[Sequence[int]]) -> Padding:
    """(before, after) of each axis as a tuple of pairs.

    Raises:
        TypeError, ValueError: something else.
    """
    pairs = tuple(whole_numbers(pair) for pair in padding)
    return tuple((before, after) for before, after in pairs)


def unrolled(windows: Windows, channels: int) -> tuple[Indices, Indices, Indices]:
    """Windows over every channel by itself: (target, source, tap) of each synapse, channel-major."""
    place, position, tap = windows.entries()
    channel = np.arange(channels, dtype=np.int64)[:, None]
    target = (channel * math.prod(windows.places) + place).ravel()
    source = (channel * math.prod(windows.sizes) + position).ravel()
    return target, source, np.tile(tap, channels)
