"""The axons that arrive at a slice: sources with synapses there, how many, in how many words."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from toolchain.ir.connections import Connection, Convolution, Dense, OneToOne, Sparse, SumPooling
from toolchain.ir.integer import IntArray
from toolchain.ir.program import Projection
from toolchain.mapping.kernels import entries_of_kernel, field, group_channels
from toolchain.mapping.memory import kernel_row_words, kernel_words, list_words, shares_kernel
from toolchain.mapping.slices import Slice
from toolchain.mapping.target import ListPacking, Target


@dataclass(frozen=True, eq=False)
class Axons:
    """One projection's axons on a slice.

    Attributes:
        sources: those with a stored synapse there, ascending, (source,).
        stored, nonzero: their synapses; those whose weight is not 0, (source,).
        reached: whether a message of the source is sent here, (source,).
        words: words that one message touches, (source,).
        entries: entries of the core's table of arriving axons.
        memory_words: words that the synapses fill.
    """

    sources: IntArray
    stored: IntArray
    nonzero: IntArray
    reached: NDArray[np.bool_]
    words: IntArray
    entries: int
    memory_words: int


def axons(projection: Projection, part: Slice, target: Target) -> Axons:
    """The axons of a projection on a slice of its target."""
    connection = projection.connection
    if isinstance(connection, Convolution | SumPooling) and shares_kernel(connection, target):
        # Populations that kernels of two shapes feed are not cut into tiles; their synapses are listed.
        same_plane = part.shape == connection.output_shape
        if same_plane:
            return _kernel_axons(connection, part, target)
    sources, stored, nonzero = _listed(connection, part)
    drops_zeros = isinstance(target.packing, ListPacking)
    held = nonzero if drops_zeros else stored
    words = list_words(projection, held, target)
    return Axons(sources, stored, nonzero, held > 0, words, int(np.count_nonzero(held)), int(words.sum()))


def _kernel_axons(kernel: Convolution | SumPooling, part: Slice, target: Target) -> Axons:
    """The position comes with the message, so that a group of input channels is one entry."""
    found = field(kernel, part)
    words = found.rows * kernel_row_words(kernel, found.row_targets, target)
    groups = len(group_channels(kernel, part.ranges[0])) if found.sources.size else 0
    entries = groups * entries_of_kernel(kernel, target)
    memory_words = kernel_words(kernel, part.ranges[0], target)
    return Axons(found.sources, found.stored, found.nonzero, found.nonzero > 0, words, entries, memory_words)


def _listed(connection: Connection, part: Slice) -> tuple[IntArray, IntArray, IntArray]:
    """Sources with their stored and their non-zero synapses."""
    if isinstance(connection, Convolution | SumPooling) and part.shape == connection.output_shape:
        found = field(connection, part)
        return found.sources, found.stored, found.nonzero
    if isinstance(connection, Dense):
        filled = np.count_nonzero(_rows(connection.weights, part), axis=0).astype(np.int64)
        return np.arange(connection.source_size), np.full(connection.source_size, part.count), filled
    sources, weights, _ = synapses(connection, part)
    held, where = np.unique(sources, return_inverse=True)
    nonzero = np.bincount(where[weights != 0], minlength=held.size)
    return held.astype(np.int64), np.bincount(where, minlength=held.size), nonzero


def _rows(weights: IntArray, part: Slice) -> IntArray:
    """Rows of a (target, source) matrix, without a copy where they follow each other."""
    if len(part.shape) == 1:
        return weights[slice(*part.ranges[0])]
    return weights[part.indices()]


def synapses(
    connection: Sparse | OneToOne | Convolution | SumPooling, part: Slice
) -> tuple[IntArray, IntArray, IntArray]:
    """Source, weight and target (counted within the slice) of every listed synapse into a slice, target by target."""
    if isinstance(connection, OneToOne):
        neurons = part.indices()
        return neurons, connection.weights[neurons], np.arange(part.count)
    if isinstance(connection, Sparse):
        inside, targets = _inside(connection.rows, part)
        return connection.columns[inside], connection.values[inside], targets
    matrix = connection.matrix()[part.indices()]
    targets = np.repeat(np.arange(part.count), np.diff(matrix.indptr))
    return matrix.indices.astype(np.int64), matrix.data, targets


def _inside(rows: IntArray, part: Slice) -> tuple[slice | IntArray, IntArray]:
    """Where the ascending rows are neurons of the slice, and which of its neurons they are."""
    if len(part.shape) == 1:
        start, stop = part.ranges[0]
        begin, end = (int(at) for at in np.searchsorted(rows, (start, stop)))
        return slice(begin, end), rows[begin:end] - start
    neurons = part.indices()
    begins = np.searchsorted(rows, neurons)
    lengths = np.searchsorted(rows, neurons, side="right") - begins
    offsets = np.repeat(begins - np.concatenate(([0], np.cumsum(lengths)[:-1])), lengths)
    return offsets + np.arange(len(offsets)), np.repeat(np.arange(len(neurons)), lengths)


def fan_out(connection: Connection) -> tuple[IntArray, IntArray]:
    """Synapses of each source, (source,): all that are stored, and those whose weight is not 0."""
    if isinstance(connection, Dense):
        return connection.stored_fan_out(), connection.nonzero_fan_out()
    size = connection.source_size
    if isinstance(connection, Convolution | SumPooling):
        shape = connection.output_shape
        whole = Slice("", shape, tuple((0, extent) for extent in shape), connection.target_size)
        found, counts = field(connection, whole), np.zeros((2, size), dtype=np.int64)
        counts[:, found.sources] = found.stored, found.nonzero
        return counts[0], counts[1]
    if isinstance(connection, OneToOne):
        return np.ones(size, dtype=np.int64), (connection.weights != 0).astype(np.int64)
    columns = connection.columns
    return np.bincount(columns, minlength=size), np.bincount(columns[connection.values != 0], minlength=size)


def sends(connection: Connection, target: Target) -> IntArray:
    """Whether each source has a synapse that the target stores, (source,) of 0 and 1."""
    stored, nonzero = fan_out(connection)
    return ((nonzero if isinstance(target.packing, ListPacking) else stored) > 0).astype(np.int64)
