"""Parts of populations: runs of neurons, or tiles of a plane of channels.

A population that a convolution or pooling feeds has the shape (channels, *axes) of that connection's output; its slices
are boxes in it. Any other population is one axis, and its slices are runs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from toolchain.ir.connections import Connection, Convolution, SumPooling
from toolchain.ir.integer import IntArray
from toolchain.ir.program import Population, Program

Ranges = tuple[tuple[int, int], ...]

AXES = {1: ("neurons",), 2: ("channels", "columns"), 3: ("channels", "rows", "columns")}
"""Names of the axes, by their number."""


@dataclass(frozen=True)
class Slice:
    """A box of a population's neurons on one core.

    Attributes:
        population: which.
        shape: extents of the population's axes, in C order: (size,), (channels, columns) or (channels, rows, columns).
        ranges: (start, stop) on each axis.
        room: neurons whose memory it takes; more than it holds at a ragged edge of a tiling.
    """

    population: str
    shape: tuple[int, ...]
    ranges: Ranges
    room: int

    @classmethod
    def run(cls, population: str, start: int, stop: int, size: int) -> Slice:
        """Neurons start .. stop - 1 of a population of one axis."""
        return cls(population, (size,), ((start, stop),), stop - start)

    @property
    def extents(self) -> tuple[int, ...]:
        """Length of each range."""
        return tuple(stop - start for start, stop in self.ranges)

    @property
    def count(self) -> int:
        """Number of neurons that it holds."""
        return math.prod(self.extents)

    @property
    def places(self) -> int:
        """Number of positions of the plane that it holds; 1 for a run."""
        return math.prod(self.extents[1:])

    def indices(self) -> IntArray:
        """Its neurons in the population, in order, (neuron,)."""
        axes = np.ix_(*(np.arange(start, stop, dtype=np.int64) for start, stop in self.ranges))
        return np.ravel_multi_index(axes, self.shape).ravel().astype(np.int64, copy=False)

    def __str__(self) -> str:
        if len(self.shape) == 1:
            return f"{self.population} [{self.ranges[0][0]}, {self.ranges[0][1]})"
        names = AXES[len(self.shape)]
        parts = (f"{name} [{start}, {stop})" for name, (start, stop) in zip(names, self.ranges, strict=True))
        return f"{self.population} {', '.join(parts)}"


def shape_of(program: Program, population: Population) -> tuple[int, ...]:
    """(channels, *axes) where kernels feed the population and agree on it, else (size,)."""
    shapes = {shape for p in program.into(population.name) if (shape := output_shape(p.connection)) is not None}
    return shapes.pop() if len(shapes) == 1 else (population.size,)


def output_shape(connection: Connection) -> tuple[int, ...] | None:
    """(channels, *axes) of what a kernel makes; None for other connections."""
    return connection.output_shape if isinstance(connection, Convolution | SumPooling) else None
