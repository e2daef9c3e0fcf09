"""A list of synapses."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from toolchain.ir.connections.base import Listed, frozen_integers
from toolchain.ir.integer import IntArray


@dataclass(frozen=True, eq=False)
class Sparse(Listed):
    """A list of synapses.

    Attributes:
        shape: (target, source).
        rows, columns: target and source of each synapse, sorted by row and then column, none twice.
        values: their weights.
    """

    shape: tuple[int, int]
    rows: IntArray
    columns: IntArray
    values: IntArray
    kind = "sparse"

    def __post_init__(self) -> None:
        for name in ("rows", "columns", "values"):
            object.__setattr__(self, name, frozen_integers(getattr(self, name)))
        if not self.rows.shape == self.columns.shape == self.values.shape == (self.rows.size,):
            raise ValueError(f"{self.rows.shape} rows, {self.columns.shape} columns, {self.values.shape} values")
        self._check_places()

    def _check_places(self) -> None:
        """ValueError where a synapse is outside the shape, out of order or listed twice."""
        targets, sources = self.shape
        outside = (self.rows < 0) | (self.rows >= targets) | (self.columns < 0) | (self.columns >= sources)
        if outside.any():
            at = int(np.flatnonzero(outside)[0])
            raise ValueError(f"synapse {at} ({self.rows[at]}, {self.columns[at]}) is outside {targets}x{sources}")
        stepping = np.diff(self.rows * sources + self.columns)
        if (stepping <= 0).any():
            at = int(np.flatnonzero(stepping <= 0)[0]) + 1
            raise ValueError(f"synapse {at} ({self.rows[at]}, {self.columns[at]}) is out of order or listed twice")

    @classmethod
    def from_dense(cls, weights: IntArray) -> Sparse:
        """List the non-zero entries of a (target, source) matrix."""
        rows, columns = np.nonzero(weights)
        return cls((weights.shape[0], weights.shape[1]), rows, columns, weights[rows, columns])

    @property
    def target_size(self) -> int:
        """Number of target neurons."""
        return self.shape[0]

    @property
    def source_size(self) -> int:
        """Number of source neurons."""
        return self.shape[1]

    def _synapses(self) -> tuple[IntArray, IntArray, IntArray]:
        return self.rows, self.columns, self.values
