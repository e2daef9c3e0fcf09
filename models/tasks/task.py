"""What a task is: three parts of labelled sequences, of values or of symbols."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from toolchain.errors import InputError

Inputs = NDArray[Any]
"""float32 values or uint8 symbols; `Part` checks which."""


@dataclass(frozen=True)
class Part:
    """Labelled sequences.

    Attributes:
        inputs: values (samples, steps, channels), float32, or symbols (samples, steps), uint8.
        labels: (samples,), int64: one class a sequence; or (samples, steps): one a step, such as the next symbol.
        lengths: (samples,), int64: how many first steps of each sequence count, what follows being padding; None
            where all steps do.

    Raises:
        InputError: another type or shape, or a length outside 1..steps.
    """

    inputs: Inputs
    labels: NDArray[np.int64]
    lengths: NDArray[np.int64] | None = None

    def __post_init__(self) -> None:
        shape = self.inputs.shape
        if (self.inputs.dtype.name, len(shape)) not in (("float32", 3), ("uint8", 2)):
            found = f"are {self.inputs.dtype} {shape}"
            raise InputError("inputs", found, "give float32 (samples, steps, channels) or uint8 (samples, steps)")
        if self.labels.dtype != np.int64 or self.labels.shape not in (shape[:1], shape[:2]):
            found = f"are {self.labels.dtype} {self.labels.shape} beside inputs {shape}"
            raise InputError("labels", found, "give int64 (samples,) or (samples, steps)")
        if self.lengths is not None:
            _check_lengths(self.lengths, shape[0], shape[1])

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def symbolic(self) -> bool:
        """Whether the inputs are symbols."""
        return bool(self.inputs.dtype == np.uint8)

    @property
    def per_step(self) -> bool:
        """Whether there is a label for every step."""
        return self.labels.ndim == 2


def _check_lengths(lengths: NDArray[np.int64], samples: int, steps: int) -> None:
    if lengths.dtype != np.int64 or lengths.shape != (samples,):
        raise InputError("lengths", f"are {lengths.dtype} {lengths.shape}", f"give int64 ({samples},)")
    if samples and not (lengths.min() >= 1 and lengths.max() <= steps):
        raise InputError("lengths", f"lie in {lengths.min()}..{lengths.max()}", f"give 1..{steps}")


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
        square: whether it may be turned by quarter turns and mirrored, whatever the strength: any of the eight
            symmetries of a square is as likely.
    """

    side: int
    order: NDArray[np.int64]
    degrees: float
    stretch: float
    shear: float
    pixels: float
    mirror: bool = False
    square: bool = False

    @property
    def moves(self) -> bool:
        """Whether pixels end up between pixels."""
        return any((self.degrees, self.stretch, self.shear, self.pixels, self.mirror))


Augment = Callable[[Inputs, np.random.Generator, float], Inputs]
"""Training inputs, a source of chance and a strength to inputs of the same shape; strength 1 is usual."""


@dataclass(frozen=True)
class Task:
    """A classification task: of whole sequences, or of every step.

    Attributes:
        name: as in the command line.
        classes: number of labels.
        train: what the weights are fitted to.
        validation: what everything is chosen on.
        test: measured once, for the network that was chosen.
        augment: distorts all training inputs at once, or None.
        distortion: for images: how training batches are distorted where they are, on the GPU too.
        symbols: number of symbols, padding included, where the inputs are symbols; None where they are values.
        large: reads a training part that holds `train` and more, for tasks whose samples are made here; or None.

    Raises:
        InputError: parts of different forms, or a symbol or label outside its range.
    """

    name: str
    classes: int
    train: Part
    validation: Part
    test: Part
    augment: Augment | None = None
    distortion: Distortion | None = None
    symbols: int | None = None
    large: Callable[[], Part] | None = None

    def __post_init__(self) -> None:
        for kind in ("train", "validation", "test"):
            part: Part = getattr(self, kind)
            where = f"{self.name}.{kind}"
            if part.symbolic is (self.symbols is None) or part.per_step is not self.train.per_step:
                found = f"has inputs {part.inputs.dtype} {part.inputs.shape} and labels {part.labels.shape}"
                raise InputError(where, f"{found}; symbols are {self.symbols}", "give all parts one form")
            _check_range(part.labels, self.classes, f"{where}.labels")
            if self.symbols is not None:
                _check_range(part.inputs, self.symbols, f"{where}.inputs")

    @property
    def steps(self) -> int:
        """Length of a sequence, padding included."""
        return int(self.train.inputs.shape[1])

    @property
    def inputs(self) -> int:
        """Values a step; for symbols, how many there are, as each becomes a unit vector."""
        return self.symbols if self.symbols is not None else int(self.train.inputs.shape[2])


def _check_range(values: NDArray[np.int64] | Inputs, end: int, where: str) -> None:
    if values.size and not (values.min() >= 0 and values.max() < end):
        raise InputError(where, f"lie in {values.min()}..{values.max()}", f"give 0..{end - 1}")
