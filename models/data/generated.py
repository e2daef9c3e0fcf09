"""Data sets that are made here by published rules, from fixed seeds, and checked by hash like fetched ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from models.data import listops, pathfinder
from models.data.convert import Arrays
from models.data.shards import Tell


@dataclass(frozen=True)
class Generated:
    """A data set that a program makes.

    Attributes:
        title: what it is.
        terms: on what terms it is used.
        rules: whose rules it follows, for the table of data sets.
        make: the arrays, from size, number of processes and what is told; the same for any number of processes.
        size: the usual number of samples.
        digests: of the arrays, by size, see `models.data.digest`; another size is checked against what was written.
    """

    title: str
    terms: str
    rules: str
    make: Callable[[int, int, Tell], Arrays]
    size: int
    digests: Mapping[int, str]


GENERATED = {
    "listops": Generated(
        title="ListOps, 100000 nested expressions of 501 to 1999 symbols, regenerated",
        terms="made here",
        rules="Long Range Arena, listops.py",
        make=listops.make,
        size=100_000,
        digests={100_000: "2a59a6f2511506893902e80366cdb4244798586febb5f23ffbae65125913c15f"},
    ),
    "pathfinder32": Generated(
        title="Pathfinder, 200000 images of 32 x 32 pixels, the hard ones, regenerated",
        terms="made here",
        rules="drewlinsley/pathfinder, settings of Long Range Arena",
        make=pathfinder.make,
        size=200_000,
        digests={200_000: "4d2ec8e7fe517dcbabed5100ce7f6e33e23afb984a9cb3f24597abf2ca06e906"},
    ),
    "pathfinder32-large": Generated(
        title="Pathfinder, the 200000 hard images of pathfinder32 and 440000 more, regenerated",
        terms="made here",
        rules="drewlinsley/pathfinder, settings of Long Range Arena",
        make=pathfinder.make,
        size=640_000,
        digests={640_000: "073f441db6ec37587ec9248b4c65fd223322d12f1ff7b3a846e8de173d3c053f"},
    ),
    "pathfinder32-easy": Generated(
        title="Pathfinder, 100000 images of 32 x 32 pixels, the easy ones, regenerated",
        terms="made here",
        rules="drewlinsley/pathfinder, settings of Long Range Arena",
        make=partial(pathfinder.make, difficulty=pathfinder.EASY),
        size=100_000,
        digests={100_000: "a38df62cbb77ad844a217c1c50fe3d5c7066e914eee574cdb9a12264754491aa"},
    ),
}
"""Name to generator."""
