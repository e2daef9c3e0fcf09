"""All-to-all synapses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np

from toolchain.ir.connections.base import frozen_integers
from toolchain.ir.integer import IntArray


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
