"""How a projection's sources reach its targets: linear maps with integer weights.

Every connection can say its map as a (target, source) matrix of integers; that matrix is its meaning. Kinds differ
in what is stored, hence in core memory, in counting and in how a backend may run them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias, cast

import numpy as np
import scipy.sparse

from toolchain.ir.integer import IntArray


def frozen_integers(values: object, shape: tuple[int, ...] | None = None) -> IntArray:
    """Return a read-only int64 copy in C order (so that equal values are stored as equal bytes).

    Raises:
        TypeError: the values are not integers.
        OverflowError: a value does not fit int64.
    """
    array = np.asarray(values)
    if array.size and array.dtype.kind not in "iu":
        raise TypeError(f"expected integers, got {array.dtype}")
    if array.size and array.max() > np.iinfo(np.int64).max:
        raise OverflowError(f"{array.max()} does not fit int64")
    copy = np.array(array if shape is None else np.broadcast_to(array, shape), dtype=np.int64, order="C")
    copy.setflags(write=False)
    return copy


@dataclass(frozen=True, eq=False)
class Dense:
    """All-to-all synapses; every weight is stored, zeros too.

    Attributes:
        weights: (target, source) integers.
    """

    weights: IntArray
    kind = "dense"

    def __post_init__(self) -> None:
        object.__setattr__(self, "weights", frozen_integers(self.weights))
        if self.weights.ndim != 2:
            raise ValueError(f"weights have {self.weights.ndim} axes instead of (target, source)")

    @property
    def target_size(self) -> int:
        """Number of target neurons."""
        return int(self.weights.shape[0])

    @property
    def source_size(self) -> int:
        """Number of source neurons."""
        return int(self.weights.shape[1])

    @property
    def values(self) -> IntArray:
        """Every stored weight."""
        return self.weights

    def matrix(self) -> IntArray:
        """The (target, source) map."""
        return self.weights

    def stored_fan_out(self) -> IntArray:
        """Stored synapses of each source, (source,)."""
        return np.full(self.source_size, self.target_size, dtype=np.int64)

    def nonzero_fan_out(self) -> IntArray:
        """Synapses of each source whose weight is not zero, (source,)."""
        return cast(IntArray, np.count_nonzero(self.weights, axis=0))


@dataclass(frozen=True, eq=False)
class Sparse:
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

    def matrix(self) -> scipy.sparse.csr_array:
        """The (target, source) map."""
        return scipy.sparse.csr_array((self.values, (self.rows, self.columns)), shape=self.shape)

    def stored_fan_out(self) -> IntArray:
        """Stored synapses of each source, (source,)."""
        return np.bincount(self.columns, minlength=self.source_size)

    def nonzero_fan_out(self) -> IntArray:
        """Synapses of each source whose weight is not zero, (source,)."""
        return np.bincount(self.columns[self.values != 0], minlength=self.source_size)


Connection: TypeAlias = Dense | Sparse
