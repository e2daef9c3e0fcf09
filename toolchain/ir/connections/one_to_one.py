"""One synapse a neuron."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from toolchain.ir.connections.base import Listed, frozen_integers
from toolchain.ir.integer import IntArray


@dataclass(frozen=True, eq=False)
class OneToOne(Listed):
    """Source i reaches target i and no other.

    Attributes:
        weights: (neuron,) integers; zeros are stored too.
    """

    weights: IntArray
    kind = "one-to-one"

    def __post_init__(self) -> None:
        object.__setattr__(self, "weights", frozen_integers(self.weights))
        if self.weights.ndim != 1:
            raise ValueError(f"weights have {self.weights.ndim} axes instead of (neuron,)")

    @property
    def target_size(self) -> int:
        """Number of target neurons."""
        return int(self.weights.size)

    @property
    def source_size(self) -> int:
        """Number of source neurons."""
        return int(self.weights.size)

    @property
    def values(self) -> IntArray:
        """Every stored weight."""
        return self.weights

    def _synapses(self) -> tuple[IntArray, IntArray, IntArray]:
        neurons = np.arange(self.weights.size, dtype=np.int64)
        return neurons, neurons, self.weights
