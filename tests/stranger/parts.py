"""A program's parts and its connections' matrices, by docs/program_format.md."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import product
from math import prod

Row = list[tuple[int, int]]
"""What a target receives: (source, weight) pairs."""


@dataclass
class Population:
    name: str
    type: str
    size: int
    modes: int
    start_step: int
    settings: dict[str, int] = field(default_factory=dict)
    coefficients: dict[str, list[int]] = field(default_factory=dict)
    """Flat, in C order."""


@dataclass
class Projection:
    name: str
    source: str
    target: str
    port: str
    rows: list[Row]
    exponent: int
    delay: int


@dataclass
class Program:
    latency: int = 0
    inputs: dict[str, int] = field(default_factory=dict)
    """Sizes by name."""
    populations: dict[str, Population] = field(default_factory=dict)
    projections: list[Projection] = field(default_factory=list)
    outputs: list[tuple[str, str, str]] = field(default_factory=list)


@dataclass
class Geometry:
    """Windows over the axes of `shape`, (channels, *axes)."""

    shape: list[int]
    kernel: list[int]
    stride: list[int]
    padding: list[list[int]]
    dilation: list[int]

    def places(self) -> list[int]:
        each = zip(self.shape[1:], self.kernel, self.stride, self.padding, self.dilation, strict=True)
        return [(n + a + b - d * (k - 1) - 1) // s + 1 for n, k, s, (a, b), d in each]

    def taken(self, place: tuple[int, ...]) -> list[tuple[int, int]]:
        """(flat tap, flat position within a channel) of what a place takes."""
        found = []
        for taps in product(*(range(k) for k in self.kernel)):
            each = zip(place, self.stride, taps, self.dilation, self.padding, strict=True)
            position = [p * s + t * d - a for p, s, t, d, (a, _) in each]
            if all(0 <= x < n for x, n in zip(position, self.shape[1:], strict=True)):
                found.append((flat(taps, self.kernel), flat(position, self.shape[1:])))
        return found


def flat(index: tuple[int, ...] | list[int], shape: list[int]) -> int:
    """The C order."""
    at = 0
    for i, n in zip(index, shape, strict=True):
        at = at * n + i
    return at


def matrix_of(numbers: list[int], sources: int) -> list[Row]:
    """Rows of a dense matrix."""
    return [list(enumerate(numbers[at : at + sources])) for at in range(0, len(numbers), sources)]


def diagonal(numbers: list[int]) -> list[Row]:
    return [[(i, weight)] for i, weight in enumerate(numbers)]


def convolution(geometry: Geometry, weights: list[int], shape: list[int], groups: int) -> list[Row]:
    """`shape` is out channels, in channels / groups, then the kernel."""
    out_channels, own = shape[:2]
    area, taps = prod(geometry.shape[1:]), prod(shape[2:])
    rows = []
    for out, place in product(range(out_channels), product(*map(range, geometry.places()))):
        first = out // (out_channels // groups) * own
        rows.append(
            [
                ((first + j) * area + position, weights[(out * own + j) * taps + tap])
                for j in range(own)
                for tap, position in geometry.taken(place)
            ]
        )
    return rows


def pooling(geometry: Geometry, weight: int) -> list[Row]:
    area = prod(geometry.shape[1:])
    return [
        [(channel * area + position, weight) for _, position in geometry.taken(place)]
        for channel in range(geometry.shape[0])
        for place in product(*map(range, geometry.places()))
    ]


def average_weight(kernel: list[int], fraction_bits: int) -> int:
    window = prod(kernel)
    unit: int = 2**fraction_bits
    return (2 * unit + window) // (2 * window)
