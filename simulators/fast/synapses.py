"""A projection's synapses in memory, and the function that delivers along them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse

from simulators.fast.compiling import has_feature
from simulators.fast.layout import PAD, Packed, aligned, padded, tiles
from simulators.fast.quads_code import FEATURE, QUAD
from simulators.fast.synapse_code import COMPRESS, Delivery, group
from toolchain.bounds.ranges import Range, hull, lane_width, message_width
from toolchain.bounds.sums import arrival_range, sum_range
from toolchain.ir.integer import IntArray
from toolchain.ir.program import Projection

DENSE_SHARE = 1 / 16
"""With at least this share of all pairs joined, whole rows of weights are added, 16 or 32 at a time."""


@dataclass(frozen=True, eq=False)
class Synapses:
    """Weights as bytes.

    Attributes:
        weights: (tile of targets, padded source, target of the tile) of all pairs, or the listed synapses' weights.
        quads: the same of all pairs as (tile of targets, four sources, target of the tile, source of the four); empty
            where no delivery of the kind could use it.
        starts: where each source's listed synapses begin, one more than there are sources; empty where not sparse.
        rows: the listed synapses' targets.
    """

    weights: Packed
    quads: Packed
    starts: Packed
    rows: Packed

    @property
    def sparse(self) -> bool:
        """Whether synapses are listed."""
        return bool(self.starts.size)


def synapses(projection: Projection, message: Range) -> Synapses:
    """The synapses of a projection whose messages have a range, listed where few pairs are joined."""
    connection = projection.connection
    pairs = connection.target_size * connection.source_size
    matrix = connection.matrix()
    if int(connection.nonzero_fan_out().sum()) < DENSE_SHARE * pairs:
        return _listed(scipy.sparse.csc_array(matrix))
    weights = _all_pairs(matrix if isinstance(matrix, np.ndarray) else matrix.toarray())
    quads = _quads(weights) if _by_quads(projection, message) else aligned((0,), 8)
    return Synapses(weights, quads, aligned((0,), 64), aligned((0,), 32))


def _by_quads(projection: Projection, message: Range) -> bool:
    """Whether messages are bytes without a sign whose products with four weights an instruction sums in 32 bits."""
    unsigned = message[0] >= 0 and message_width(message) == 8
    return unsigned and lane_width(sum_range(projection, message)) == 32 and has_feature(FEATURE)


def _quads(weights: Packed) -> Packed:
    tiles_of_targets, sources, _ = weights.shape
    quads = aligned((tiles_of_targets, sources * PAD), 8)
    quads[:] = weights.reshape(tiles_of_targets, -1, QUAD, PAD).swapaxes(2, 3).reshape(tiles_of_targets, -1)
    return quads


def _all_pairs(matrix: IntArray) -> Packed:
    targets, sources = matrix.shape
    weights = aligned((tiles(targets), padded(sources), PAD), 8)
    for tile in range(tiles(targets)):
        part = matrix[tile * PAD : (tile + 1) * PAD]
        weights[tile, :sources, : part.shape[0]] = part.T
    return weights


def _listed(columns: scipy.sparse.csc_array) -> Synapses:
    columns.eliminate_zeros()
    sources = columns.shape[1]
    weights, rows = aligned((columns.nnz,), 8), aligned((columns.nnz,), 32)
    weights[:], rows[:] = columns.data, columns.indices
    starts = aligned((padded(sources) + 1,), 64)
    starts[: sources + 1], starts[sources + 1 :] = columns.indptr, columns.nnz
    return Synapses(weights, aligned((0,), 8), starts, rows)


def delivery(projection: Projection, found: Synapses, message: Range, port: Range, adds: bool) -> Delivery:
    """Choose the function of a projection by what its messages and sums can be."""
    whole = hull(sum_range(projection, message), arrival_range(projection, message))
    bits = message_width(message)
    return Delivery(
        sparse=found.sparse,
        quads=bool(found.quads.size),
        compress=bits == 8 and has_feature(COMPRESS),
        spikes=message[0] >= 0 and message[1] <= 1,
        group=group(max(-message[0], message[1])),
        adds=adds,
        source_bits=bits,
        sum_bits=lane_width(whole),
        port_bits=lane_width(port),
    )
