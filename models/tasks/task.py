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


Augment = Callable[[NDArray[np.float32], np.random.Generator], NDArray[np.float32]]


@dataclass(frozen=True)
class Task:
    """A classification task.

    Attributes:
        name: as in the command line.
        classes: number of labels.
        train: what the weights are fitted to.
        validation: what everything is chosen on.
        test: measured once, for the network that was chosen.
        augment: distorts a batch of training inputs, or None.
    """

    name: str
    classes: int
    train: Part
    validation: Part
    test: Part
    augment: Augment | None = None

    @property
    def steps(self) -> int:
        """Length of a sequence."""
        return int(self.train.inputs.shape[1])

    @property
    def inputs(self) -> int:
        """Values a step."""
        return int(self.train.inputs.shape[2])
