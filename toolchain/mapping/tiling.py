"""How the plane of a convolution's output is cut into tiles.

What two published compiler tables show in all their rows: a tile has a power of two of columns and all rows, or a
half, a quarter, ... of them, and all channels; channels are halved only where the kernel of all of them does not fit a
core. The neurons that a tile takes are those of its full extent, also at a ragged edge. Which of the tilings with the
fewest tiles a compiler takes is not known; here the one whose tiles have the least rim, since a message goes to every
tile whose receptive field holds its place.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

from toolchain.mapping.slices import Slice


@dataclass(frozen=True)
class Tiling:
    """Equal boxes over a population: `extent` on each axis of `shape`, smaller at the end of an axis."""

    shape: tuple[int, ...]
    extent: tuple[int, ...]

    @property
    def grid(self) -> tuple[int, ...]:
        """Number of tiles on each axis."""
        return tuple(-(-size // extent) for size, extent in zip(self.shape, self.extent, strict=True))

    @property
    def tiles(self) -> int:
        """Number of tiles."""
        return math.prod(self.grid)

    @property
    def rim(self) -> float:
        """Places of a tile and around it, over those of the tile."""
        return math.prod((extent + 2) / extent for extent in self.extent[1:])

    def first(self, population: str) -> Slice:
        """The tile at the origin, with the room of a whole one: no tile takes more."""
        whole = tuple(min(size, extent) for size, extent in zip(self.shape, self.extent, strict=True))
        return Slice(population, self.shape, tuple((0, end) for end in whole), math.prod(self.extent))

    def slices(self, population: str, trimmed: bool) -> Iterator[Slice]:
        """Every tile, channel groups first, then rows, then columns.

        Args:
            population: whose.
            trimmed: a tile at an edge takes the room of the next power of two of its columns; else that of a whole one.
        """
        for at in product(*map(range, self.grid)):
            starts = [index * extent for index, extent in zip(at, self.extent, strict=True)]
            ends = zip(starts, self.extent, self.shape, strict=True)
            ranges = tuple((start, min(start + extent, size)) for start, extent, size in ends)
            held = [stop - start for start, stop in ranges]
            room = math.prod(held[:-1]) * min(self.extent[-1], power_of_two(held[-1]))
            yield Slice(population, self.shape, ranges, room if trimmed else math.prod(self.extent))


def power_of_two(size: int) -> int:
    """The least power of two that is not smaller."""
    return 1 << (size - 1).bit_length()


def halvings(size: int) -> list[int]:
    """Halves of a number, rounded up, down to 1."""
    found = [size]
    while found[-1] > 1:
        found.append(-(-found[-1] // 2))
    return found


def tilings(shape: tuple[int, ...], channels: int) -> list[Tiling]:
    """All tilings of a plane with so many channels a tile: fewest tiles first, then least rim, then most rows.

    Args:
        shape: (channels, columns) or (channels, rows, columns).
        channels: of a tile.
    """
    columns = halvings(power_of_two(shape[-1]))
    rows = [halvings(size) for size in shape[1:-1]]
    found = [Tiling(shape, (channels, *cut)) for cut in product(*rows, columns)]
    return sorted(found, key=lambda tiling: (tiling.tiles, tiling.rim, tiling.extent[-1]))
