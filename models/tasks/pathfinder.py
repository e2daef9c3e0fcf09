"""Pathfinder at 32 x 32, read row by row: 1024 steps of one value; do both dots lie on one path?

Regenerated (`models.data.pathfinder`), not Long Range Arena's own images. The first 80 % are the training part, the
next 10 % validation, the last 10 % test: 160000, 20000 and 20000, or half of each of the easy ones. Pixels 0..255 are
given as k / 128 - 1. Whether paths are joined does not change when an image is turned or mirrored: training images are.

Images cost nothing, so that there is a larger training part too (`large`): those 160000 and 440000 further ones. Long
Range Arena has no such part: what was trained on it is to be compared with care.
"""

from __future__ import annotations

from functools import partial
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from models.data import read_data
from models.data.pathfinder import SIDE
from models.tasks.task import Distortion, Part, Task
from toolchain.errors import InputError

HALF_LEVELS = 128


def load(name: str = "pathfinder32") -> Task:
    """The images that `seamount data make` made: ``pathfinder32``, or ``pathfinder32-easy`` with shorter paths."""
    arrays = read_data(name)
    count = len(arrays["labels"])
    ends = pairwise((0, count * 8 // 10, count * 9 // 10, count))
    parts = [part_of(arrays["images"][first:end], arrays["labels"][first:end]) for first, end in ends]
    symmetries = Distortion(SIDE, np.arange(SIDE**2), degrees=0, stretch=0, shear=0, pixels=0, square=True)
    more = partial(large, arrays["labels"]) if name == "pathfinder32" else None
    return Task(name, 2, parts[0], parts[1], parts[2], distortion=symmetries, large=more)


def large(known: NDArray[np.uint8]) -> Part:
    """The hard images of the training part and those beyond all three parts.

    Args:
        known: labels of all three parts, whose images the set `pathfinder32-large` begins with; their last fifth is
            validation and test, and left out.

    Raises:
        InputError: that set is not here, or begins otherwise.
    """
    arrays = read_data("pathfinder32-large")
    count = len(known)
    if not np.array_equal(arrays["labels"][:count], known):
        found = f"its first {count} labels are not those of pathfinder32"
        raise InputError("pathfinder32-large", found, "make both sets anew, in their usual sizes")
    chosen = np.r_[0 : count * 8 // 10, count : len(arrays["labels"])]
    return part_of(arrays["images"][chosen], arrays["labels"][chosen])


def part_of(images: NDArray[np.uint8], labels: NDArray[np.uint8]) -> Part:
    """Images (samples, rows, columns) as sequences of values from -1 to just below 1."""
    values = images.reshape(len(images), -1, 1) * np.float32(1 / HALF_LEVELS) - np.float32(1)
    return Part(values.astype(np.float32, copy=False), labels.astype(np.int64))
