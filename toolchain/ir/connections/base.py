"""What connections share: frozen integers, and synapses as the rows of a matrix."""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import cached_property

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


class Listed(ABC):
    """A connection whose synapses are fewer than all pairs: its matrix lists each, those of weight 0 too."""

    @property
    @abstractmethod
    def target_size(self) -> int:
        """Number of target neurons."""

    @property
    @abstractmethod
    def source_size(self) -> int:
        """Number of source neurons."""

    @abstractmethod
    def _synapses(self) -> tuple[IntArray, IntArray, IntArray]:
        """Target, source and weight of each synapse, none twice, in any order."""

    def matrix(self) -> scipy.sparse.csr_array:
        """The (target, source) map, made once; rows hold their columns in order. Not to be written to."""
        return self._matrix

    @cached_property
    def _matrix(self) -> scipy.sparse.csr_array:
        targets, sources, weights = self._synapses()
        matrix = scipy.sparse.csr_array((weights, (targets, sources)), shape=(self.target_size, self.source_size))
        matrix.sort_indices()
        for part in (matrix.data, matrix.indices, matrix.indptr):
            part.setflags(write=False)
        return matrix

    def stored_fan_out(self) -> IntArray:
        """Synapses of each source, those of weight 0 too, (source,)."""
        return np.bincount(self._matrix.indices, minlength=self.source_size)

    def nonzero_fan_out(self) -> IntArray:
        """Synapses of each source whose weight is not zero, (source,)."""
        return np.bincount(self._matrix.indices[self._matrix.data != 0], minlength=self.source_size)
