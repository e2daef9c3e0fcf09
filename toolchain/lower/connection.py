"""Which kind of connection holds a link's rounded weights, and why.

A link that is one convolution or pooling keeps its kernel, where the target's gain leaves the kernel shared. A path of
several such nodes (a convolution after a pooling) is one matrix: it is stored synapse by synapse, which is exact, since
sums of products are not rounded in between. Of the general kinds the one that takes fewer words is chosen.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import scipy.sparse

from toolchain.frontend.graph import FloatArray, Node
from toolchain.frontend.linear import CONVOLUTIONS, windows_of
from toolchain.frontend.links import Link
from toolchain.ir.connections import AveragePooling, Connection, Convolution, Dense, OneToOne, Sparse, SumPooling
from toolchain.ir.integer import limits
from toolchain.ir.program import WEIGHT_BITS
from toolchain.quantize.rounding import round_to

DENSE_FROM = 0.84
"""Share of non-zero weights from which all-to-all storage takes fewer words: 4 weights a word dense, 3.35 sparse."""


_SAME = 2.0**-40
"""Relative difference of factors that float64 alone makes."""


@dataclass(frozen=True)
class Choice:
    """A connection and why it has this kind, in words."""

    connection: Connection
    reason: str


def choose_connection(link: Link, integers: scipy.sparse.csr_array, gain: FloatArray, factor: float) -> Choice:
    """Choose the kind of a link.

    Args:
        link: whose weights.
        integers: link.weights * gain * factor, rounded.
        gain: of each target neuron, (target,).
        factor: of the weights' exponent.
    """
    if link.kernel is None:
        choice = _by_density(integers)
        return Choice(choice.connection, f"{link.origin} as one matrix: {choice.reason}")
    shared = _shared(link.kernel, gain, factor, integers)
    if isinstance(shared, str):
        choice = _by_density(integers)
        return Choice(choice.connection, f"{link.kernel.kind} {link.kernel.name} unrolled: {shared}; {choice.reason}")
    return Choice(shared, f"{link.kernel.kind} {link.kernel.name} alone: its kernel is stored once")


def _by_density(integers: scipy.sparse.csr_array) -> Choice:
    integers = integers.copy()
    integers.eliminate_zeros()
    integers.sum_duplicates()
    rows, columns = np.repeat(np.arange(integers.shape[0]), np.diff(integers.indptr)), integers.indices
    share = integers.nnz / math.prod(integers.shape)
    if integers.nnz == integers.shape[0] == integers.shape[1] > 1 and np.array_equal(rows, columns):
        return Choice(OneToOne(integers.data.astype(np.int64)), "a diagonal matrix")
    if share >= DENSE_FROM:
        return Choice(Dense(integers.toarray().astype(np.int64)), f"{share:.0%} of all pairs have a weight")
    values = integers.data.astype(np.int64)
    return Choice(Sparse(integers.shape, rows, columns, values), f"{share:.2%} of all pairs have a weight")


def _shared(kernel: Node, gain: FloatArray, factor: float, integers: scipy.sparse.csr_array) -> Connection | str:
    """The connection that stores the kernel alone, or why there is none."""
    windows = windows_of(kernel)
    if kernel.kind in CONVOLUTIONS:
        by_channel = gain.reshape(kernel.output_shape[0], -1)
        if not np.allclose(by_channel, by_channel[:, :1], rtol=_SAME, atol=0.0):
            return "the neurons of a channel scale it differently"
        weight = kernel.params["weight"]
        weights = round_to(weight, factor * by_channel[:, 0].reshape(-1, *(1,) * (weight.ndim - 1)))
        low, high = limits(WEIGHT_BITS)
        if weights.min() < low or weights.max() > high:
            return "a weight that meets only padding does not fit"
        groups = kernel.params["groups"]
        return Convolution(weights, kernel.input_shape, windows.stride, windows.padding, windows.dilation, groups)
    geometry = (kernel.input_shape, windows.kernel, windows.stride, windows.padding)
    mantissa, exponent = math.frexp(float(gain[0]) * factor)
    if kernel.kind == "AvgPool2d" and np.all(gain == gain[0]) and mantissa == 0.5:
        return AveragePooling(*geometry, exponent - 1)
    if np.all(integers.data == 1):
        return SumPooling(*geometry)
    return "its neurons scale it by what is no power of two"
