"""What a task is: three parts of labelled sequences."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Part:
    """Labelled sequences: inputs (samples, steps, channels) float32, labels (samples,) int64."""

    inputs: NDArray[np.float32]
    labels: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class Distortion:
    """How far training images may be moved, drawn anew for each image each time.

    Attributes:
        side: rows and columns of the image that a sequence holds.
        order: step t of a sequence is pixel ``order[t]`` of the image read row by row.
        degrees: largest turn to either side.
        stretch: largest change of size, as a share.
        shear: largest shift of a row against the next, in pixels.
        pixels: largest shift of the whole image.
        mirror: whether left and right may be exchanged.
    """

    side: int
    order: NDArray[np.int64]
    degrees: float
    stretch: float
    shear: float
    pixels: float
    mirror: bool = False


Augment = Callable[[NDArray[np.float32], np.random.Generator, float], NDArray[np.float32]]
"""Training inputs, a source of chance and a strength to inputs of the same shape; strength 1 is usual."""


@dataclass(frozen=True)
class Task:
    """A classification task.

    Attributes:
        name: as in the command line.
        classes: number of labels.
        train: what the weights are fitted to.
        validation: what everything is chosen on.
        test: measured once, for the network that was chosen.
        augment: distorts all training inputs at once, or None.
        distortion: for images: how training batches are distorted where they are, on the GPU too.
    """

    name: str
    classes: int
    train: Part
    validation: Part
    test: Part
    augment: Augment | None = None
    distortion: Distortion | None = None

    @property
    def steps(self) -> int:
        """Length of a sequence."""
        return int(self.train.inputs.shape[1])

    @property
    def inputs(self) -> int:
        """Values a step."""
        return int(self.train.inputs.shape[2])
