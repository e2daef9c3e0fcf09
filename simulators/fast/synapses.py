"""A projection's synapses in memory, and the function that delivers along them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import scipy.sparse

from simulators.fast.layout import PAD, Packed, aligned, padded, tiles
from simulators.fast.plan import lane_width, message_width
from simulators.fast.ranges import Range, hull
from simulators.fast.synapse_code import Delivery, group
from toolchain.ir.integer import PRIMITIVES, IntArray
from toolchain.ir.program import Projection
from toolchain.ir.verify import absolute_row_sums

DENSE_SHARE = 1 / 16
"""With at least this share of all pairs joined, whole rows of weights are added, 16 or 32 at a time."""


@dataclass(frozen=True, eq=False)
class Synapses:
    """Weights as bytes.

    Attributes:
        weights: (tile of targets, padded source, target of the tile) of all pairs, or the listed synapses' weights.
        starts: where each source's listed synapses begin, one more than there are sources; empty where not sparse.
        rows: the listed synapses' targets.
    """

    weights: Packed
    starts: Packed
    rows: Packed

    @property
    def sparse(self) -> bool:
        """Whether synapses are listed."""
        return bool(self.starts.size)


def synapses(projection: Projection) -> Synapses:
    """The synapses of a projection, listed where few pairs are joined."""
    connection = projection.connection
    pairs = connection.target_size * connection.source_size
    matrix = connection.matrix()
    if int(connection.nonzero_fan_out().sum()) < DENSE_SHARE * pairs:
        return _listed(scipy.sparse.csc_array(matrix))
    return _all_pairs(matrix if isinstance(matrix, np.ndarray) else matrix.toarray())


def _all_pairs(matrix: IntArray) -> Synapses:
    targets, sources = matrix.shape
    weights = aligned((tiles(targets), padded(sources), PAD), 8)
    for tile in range(tiles(targets)):
        part = matrix[tile * PAD : (tile + 1) * PAD]
        weights[tile, :sources, : part.shape[0]] = part.T
    return Synapses(weights, aligned((0,), 64), aligned((0,), 32))


def _listed(columns: scipy.sparse.csc_array) -> Synapses:
    columns.eliminate_zeros()
    sources = columns.shape[1]
    weights, rows = aligned((columns.nnz,), 8), aligned((columns.nnz,), 32)
    weights[:], rows[:] = columns.data, columns.indices
    starts = aligned((padded(sources) + 1,), 64)
    starts[: sources + 1], starts[sources + 1 :] = columns.indptr, columns.nnz
    return Synapses(weights, starts, rows)


def sum_range(projection: Projection, message: Range) -> Range:
    """Bounds of the exact sum at any target, before the shift."""
    sums = absolute_row_sums(projection.connection)
    worst = int(sums.max(initial=0)) * max(-message[0], message[1])
    return -worst, worst


def arrival_range(projection: Projection, message: Range) -> Range:
    """Bounds of what a projection adds to its port."""
    shift = "shift_left" if projection.exponent >= 0 else "shift_floor"
    low, high = (
        int(PRIMITIVES[shift](np.array(end, dtype=object), abs(projection.exponent)))
        for end in sum_range(projection, message)
    )
    return low, high


def port_ranges(projections: tuple[Projection, ...], messages: Mapping[str, Range]) -> Range:
    """Bounds of the sum of what several projections add to one port."""
    ranges = [arrival_range(projection, messages[projection.source]) for projection in projections]
    return sum(low for low, _ in ranges), sum(high for _, high in ranges)


def delivery(projection: Projection, sparse: bool, message: Range, port: Range, adds: bool) -> Delivery:
    """Choose the function of a projection by what its messages and sums can be."""
    whole = hull(sum_range(projection, message), arrival_range(projection, message))
    return Delivery(
        sparse=sparse,
        spikes=message[0] >= 0 and message[1] <= 1,
        group=group(max(-message[0], message[1])),
        adds=adds,
        source_bits=message_width(message),
        sum_bits=lane_width(whole),
        port_bits=lane_width(port),
    )
