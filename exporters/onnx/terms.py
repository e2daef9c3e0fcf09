"""A value of a step while it is written as nodes: what it is called, and what it can be."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from toolchain.bounds.ranges import Range
from toolchain.ir.integer import IntArray


@dataclass(frozen=True, eq=False)
class Term:
    """A tensor, or integers that are known when the file is written.

    Attributes:
        name: of the tensor; "" while it is only known.
        range: what its elements can be.
        shape: with the sample axis first where samples differ; for `body.SAMPLES` samples.
        flag: whether the tensor is Boolean, as comparisons give it.
        known: the integers, where they are known.
        outside: whether the tensor has the type of the graph's edge in place of the lanes'.
    """

    name: str
    range: Range
    shape: tuple[int, ...] = ()
    flag: bool = False
    known: IntArray | None = None
    outside: bool = False

    @property
    def number(self) -> int | None:
        """The one number that it is, for all neurons; None where there are several."""
        return self.range[0] if self.range[0] == self.range[1] else None


def known(values: IntArray | int) -> Term:
    """Integers that are known."""
    array = np.asarray(values, dtype=np.int64)
    return Term("", (int(array.min()), int(array.max())), np.shape(array), known=array)
