"""How a message reaches its targets: weights by source, so that nothing is done for a neuron that is silent.

What arrives at a port is a sum of partial sums. Projections whose exponent is at least 0 and equal share one, which is
shifted once: shifts to the left are exact. Each one with a negative exponent rounds by itself and has its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse

from toolchain.bounds.ranges import Range
from toolchain.bounds.sums import port_ranges, sum_range
from toolchain.ir.integer import IntArray
from toolchain.ir.program import Projection


@dataclass(frozen=True, eq=False)
class Synapses:
    """A projection's weights by source.

    Attributes:
        weights: (source, target) where `targets` is None, otherwise one a synapse.
        targets: of each synapse, those of source 0 first.
        starts: (source + 1,): where the synapses of each source begin; None where each source has exactly one, its own.
    """

    projection: Projection
    weights: IntArray
    targets: IntArray | None = None
    starts: IntArray | None = None

    @property
    def form(self) -> str:
        """``"dense"``, ``"listed"`` or ``"paired"`` (source i reaches target i)."""
        if self.targets is not None:
            return "listed"
        return "dense" if self.weights.ndim == 2 else "paired"


@dataclass(frozen=True, eq=False)
class Arrival:
    """One partial sum of a port.

    Attributes:
        exponent: power of two that is applied to the sum.
        synapses: what is summed.
        range: of the sum before the shift.
        whole: of what is added to the port.
    """

    exponent: int
    synapses: tuple[Synapses, ...]
    range: Range
    whole: Range


def arrivals(projections: Sequence[Projection], messages: Mapping[str, Range]) -> tuple[Arrival, ...]:
    """The partial sums of a port that can be more than 0; `messages` bounds what each source emits."""
    groups: dict[object, list[Projection]] = {}
    for projection in projections:
        alone = projection.exponent < 0
        groups.setdefault(projection.name if alone else projection.exponent, []).append(projection)
    found = []
    for group in groups.values():
        ranges = [sum_range(projection, messages[projection.source]) for projection in group]
        before = sum(low for low, _ in ranges), sum(high for _, high in ranges)
        whole = port_ranges(tuple(group), messages)
        if before != (0, 0):
            found.append(Arrival(group[0].exponent, tuple(map(by_source, group)), before, whole))
    return tuple(found)


def by_source(projection: Projection) -> Synapses:
    """A projection's weights in the form that takes the least room."""
    matrix = projection.connection.matrix()
    by_row = scipy.sparse.csr_array(np.asarray(matrix).T if isinstance(matrix, np.ndarray) else matrix.T)
    by_row.eliminate_zeros()
    by_row.sort_indices()
    sources, targets = by_row.shape
    own = np.arange(sources)
    if sources == targets and by_row.nnz <= sources and np.array_equal(by_row.indices, np.repeat(own, _counts(by_row))):
        weights = np.zeros(sources, dtype=np.int64)
        weights[by_row.indices] = by_row.data
        return Synapses(projection, weights)
    index_bytes = 1 if targets <= 1 << 8 else 2 if targets <= 1 << 16 else 4
    if by_row.nnz * (1 + index_bytes) + 4 * sources >= sources * targets:
        return Synapses(projection, np.ascontiguousarray(by_row.toarray(), dtype=np.int64))
    listed = (np.array(part, dtype=np.int64) for part in (by_row.data, by_row.indices, by_row.indptr))
    return Synapses(projection, *listed)


def _counts(matrix: scipy.sparse.csr_array) -> IntArray:
    counts: IntArray = np.diff(matrix.indptr)
    return counts
