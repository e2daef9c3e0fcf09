"""Random connections of every kind that join populations of given sizes, for property tests.

`CONNECTION_STRATEGIES` is keyed by kind; a test holds it to the kinds that programs know. A kind that can't join two
sizes gives None.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import product

import numpy as np
from hypothesis import strategies as st

from toolchain.ir.connections import (
    AveragePooling,
    Connection,
    Convolution,
    Dense,
    OneToOne,
    Sparse,
    SumPooling,
)
from toolchain.ir.integer import IntArray, limits

Axis = tuple[int, int, int, tuple[int, int]]
"""(kernel, stride, dilation, (before, after))"""

WEIGHTS = limits(8)


def weights(*shape: int, low: int = WEIGHTS[0], high: int = WEIGHTS[1]) -> st.SearchStrategy[IntArray]:
    """8-bit weights, their ends and small ones often."""
    ends = sorted({low, low + 1, max(low, -1), 0, 1, high - 1, high})
    one = st.sampled_from(ends) | st.integers(max(low, -9), 9) | st.integers(low, high)
    count = math.prod(shape)
    return st.lists(one, min_size=count, max_size=count).map(lambda w: np.array(w, dtype=np.int64).reshape(shape))


def _divisors(number: int) -> list[int]:
    return [d for d in range(1, number + 1) if number % d == 0]


def _dense(target_size: int, source_size: int) -> st.SearchStrategy[Connection]:
    return weights(target_size, source_size).map(Dense)


@st.composite
def _sparse(draw: st.DrawFn, target_size: int, source_size: int) -> Connection:
    """Some pairs; a listed weight may be 0."""
    listed = draw(st.lists(st.booleans(), min_size=target_size * source_size, max_size=target_size * source_size))
    rows, columns = np.nonzero(np.reshape(listed, (target_size, source_size)))
    return Sparse((target_size, source_size), rows, columns, draw(weights(rows.size)))


def _one_to_one(target_size: int, source_size: int) -> st.SearchStrategy[Connection] | None:
    return weights(target_size).map(OneToOne) if target_size == source_size else None


@st.composite
def axes(draw: st.DrawFn, size: int, places: int, max_dilation: int = 2) -> Axis:
    """Windows that make `places` of `size`, with as much padding as that takes, on either side."""
    possible = []
    for kernel, stride, dilation in product(range(1, size + 2), (1, 2, 3), range(1, max_dilation + 1)):
        padding = (places - 1) * stride + dilation * (kernel - 1) + 1 - size
        possible += [(kernel, stride, dilation, padding + rest) for rest in range(stride) if padding + rest >= 0]
    kernel, stride, dilation, padding = draw(st.sampled_from(possible))
    before = draw(st.integers(0, padding))
    return kernel, stride, dilation, (before, padding - before)


@st.composite
def geometries(
    draw: st.DrawFn, sources: int, targets: int, max_dilation: int = 2
) -> tuple[tuple[int, ...], tuple[Axis, ...]]:
    """Extents of a channel's one or two axes, and windows that turn `sources` positions into `targets`."""
    if draw(st.booleans()):
        return (sources,), (draw(axes(sources, targets, max_dilation)),)
    high, to_high = draw(st.sampled_from(_divisors(sources))), draw(st.sampled_from(_divisors(targets)))
    rest, to_rest = sources // high, targets // to_high
    return (high, rest), (draw(axes(high, to_high, max_dilation)), draw(axes(rest, to_rest, max_dilation)))


@st.composite
def _convolution(draw: st.DrawFn, target_size: int, source_size: int) -> Connection:
    entering, leaving = draw(st.sampled_from(_divisors(source_size))), draw(st.sampled_from(_divisors(target_size)))
    groups = draw(st.sampled_from(_divisors(math.gcd(entering, leaving))))
    sizes, windows = draw(geometries(source_size // entering, target_size // leaving))
    kernel, stride, dilation, padding = zip(*windows, strict=True)
    values = draw(weights(leaving, entering // groups, *kernel))
    return Convolution(values, (entering, *sizes), stride, padding, dilation, groups)


@st.composite
def _sum_pooling(draw: st.DrawFn, target_size: int, source_size: int) -> Connection:
    channels = draw(st.sampled_from(_divisors(math.gcd(target_size, source_size))))
    sizes, windows = draw(geometries(source_size // channels, target_size // channels, max_dilation=1))
    kernel, stride, _, padding = zip(*windows, strict=True)
    return SumPooling((channels, *sizes), kernel, stride, padding)


@st.composite
def _average_pooling(draw: st.DrawFn, target_size: int, source_size: int) -> Connection:
    """As many fraction bits as leave a weight of 8 bits."""
    pooling = draw(_sum_pooling(target_size, source_size))
    assert isinstance(pooling, SumPooling)
    window = math.prod(pooling.kernel)
    bits = [bits for bits in range(20) if window <= 2**bits and 2 ** (bits + 1) < 255 * window]
    geometry = (pooling.input_shape, pooling.kernel, pooling.stride, pooling.padding)
    return AveragePooling(*geometry, draw(st.sampled_from(bits)))


CONNECTION_STRATEGIES: dict[str, Callable[[int, int], st.SearchStrategy[Connection] | None]] = {
    "dense": _dense,
    "sparse": _sparse,
    "one-to-one": _one_to_one,
    "convolution": _convolution,
    "sum-pooling": _sum_pooling,
    "average-pooling": _average_pooling,
}


def connections(target_size: int, source_size: int) -> st.SearchStrategy[Connection]:
    """A connection of any kind that joins populations of these sizes."""
    possible = (strategy(target_size, source_size) for strategy in CONNECTION_STRATEGIES.values())
    return st.one_of([strategy for strategy in possible if strategy is not None])
