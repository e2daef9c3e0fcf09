"""Input sequences as a user or a task gives them: values or symbols, with labels and true lengths if there are any."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from toolchain.errors import InputError
from toolchain.frontend.graph import FloatArray
from toolchain.ir.integer import IntArray


@dataclass(frozen=True, eq=False)
class Samples:
    """Input sequences.

    Attributes:
        x: values (sample, step, channel), the channels of several inputs side by side; or symbols (sample, step),
            uint8, each of which enters as a unit vector.
        y: classes (sample,), or one label a step (sample, step); None where unknown.
        lengths: how many first steps of each sequence count, (sample,); None where all do.
        channels: width of what enters: the number of symbols where `x` holds symbols.
        output: what the program calls the output that `y` speaks of; "" for the first.
        others: labels of further outputs, of the same forms, by the program's names.
    """

    x: NDArray[Any]
    y: IntArray | None = None
    lengths: IntArray | None = None
    channels: int = 0
    output: str = ""
    others: Mapping[str, IntArray] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.x)

    @property
    def steps(self) -> int:
        """Length of a sequence, padding included."""
        return int(self.x.shape[1])

    @property
    def symbolic(self) -> bool:
        """Whether `x` holds symbols."""
        return self.x.ndim == 2

    @property
    def per_step(self) -> bool:
        """Whether there is a label for every step."""
        return self.y is not None and self.y.ndim == 2

    @property
    def stepwise_outputs(self) -> tuple[str, ...]:
        """The outputs with a label for every step where outputs have labels of their own, by name."""
        return tuple(part.output for part in self.by_output() if part.per_step) if self.others else ()

    def by_output(self) -> tuple[Samples, ...]:
        """The same samples with the labels of one output at a time; these themselves where there are no others."""
        more = (replace(self, y=labels, output=name, others={}) for name, labels in self.others.items())
        return (replace(self, others={}) if self.others else self, *more)

    @property
    def counted_steps(self) -> IntArray:
        """Length of each sequence, (sample,)."""
        return np.full(len(self), self.steps, dtype=np.int64) if self.lengths is None else self.lengths

    def refuse_labels_beyond(self, classes: int, where: str, several: bool = False) -> None:
        """See that every label that counts is one of so many classes, of one output or one of several.

        Raises:
            InputError: one that is not.
        """
        if self.y is None:
            return
        counted = self.y if not self.per_step else self.y[np.arange(self.steps) < self.counted_steps[:, None]]
        wrong = counted[(counted < 0) | (counted >= classes)]
        if wrong.size:
            what = f"{wrong.size} of {counted.size} labels are none of the {classes} classes 0 .. {classes - 1}"
            remedy = "count classes from 0, one an output of the network"
            remedy += "; labels of one Output alone are an array y/NAME" if several else ""
            raise InputError(where, f"{what}: {wrong.min()} to {wrong.max()}", remedy)

    def chosen(self, rows: IntArray | slice) -> Samples:
        """Some of the samples."""
        return replace(
            self,
            x=self.x[rows],
            y=None if self.y is None else self.y[rows],
            lengths=None if self.lengths is None else self.lengths[rows],
            others={name: labels[rows] for name, labels in self.others.items()},
        )

    def joined(self, other: Samples) -> Samples:
        """These samples and then others of the same task."""

        def both(first: NDArray[Any] | None, second: NDArray[Any] | None) -> NDArray[Any] | None:
            return None if first is None or second is None else np.concatenate([first, second])

        return replace(
            self,
            x=np.concatenate([self.x, other.x]),
            y=both(self.y, other.y),
            lengths=both(self.lengths, other.lengths),
            others={
                name: np.concatenate([labels, other.others[name]])
                for name, labels in self.others.items()
                if name in other.others
            },
        )

    def values(self) -> FloatArray:
        """What enters the network, (sample, step, channel) float64; symbols as unit vectors.

        Raises:
            InputError: a symbol that the network has no channel for.
        """
        if not self.symbolic:
            return np.asarray(self.x, dtype=np.float64)
        if self.x.size and int(self.x.max()) >= self.channels:
            what = f"holds the symbol {int(self.x.max())} for a network of {self.channels} input channels"
            raise InputError("x", what, f"give symbols 0..{self.channels - 1}")
        return np.asarray(np.eye(self.channels)[self.x])

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The arrays by name, as an npz file holds them."""
        given = {"x": self.x, "y": self.y, "lengths": self.lengths}
        given |= {f"y/{name}": labels for name, labels in self.others.items()}
        return {name: array for name, array in given.items() if array is not None}


Data = Path | str | Mapping[str, Any] | NDArray[Any] | Samples
"""An npz file, the arrays x (or one for each Input), y and lengths by name, x alone, or samples."""


def with_labels(given: Data | None, labels: Any) -> Data | None:
    """Inputs and the labels that were given beside them.

    Raises:
        InputError: labels without inputs, or beside a file or a mapping, which hold their own.
    """
    if labels is None:
        return given
    if given is None or isinstance(given, str | Path | Mapping | Samples):
        raise InputError("labels", "are given without an array of inputs", 'give calibrate=x, or {"x": ..., "y": ...}')
    return {"x": given, "y": labels}


def spread(total: int, wanted: int) -> IntArray:
    """`wanted` indices spread evenly over `total`."""
    return np.unique(np.linspace(0, total - 1, min(total, wanted)).astype(np.int64))
