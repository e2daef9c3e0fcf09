"""What each kind of connection means, as loops over single numbers: (target, source) -> weight of every synapse."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

from toolchain.ir.connections import Connection

Synapses = dict[tuple[int, int], int]


def flat(place: tuple[int, ...], shape: tuple[int, ...]) -> int:
    """The index of a place in an array of that shape, last axis fastest."""
    index = 0
    for at, extent in zip(place, shape, strict=True):
        assert 0 <= at < extent
        index = index * extent + at
    return index


def places(length: int, kernel: int, stride: int, dilation: int, padding: tuple[int, int]) -> list[int]:
    """Where a window begins on the padded axis, for every window that lies on it whole."""
    padded = padding[0] + length + padding[1]
    return [start for start in range(0, padded, stride) if start + dilation * (kernel - 1) < padded]


def covered(
    sizes: tuple[int, ...], kernel: tuple[int, ...], stride: tuple[int, ...], padding: Any, dilation: tuple[int, ...]
) -> tuple[tuple[int, ...], Iterator[tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]]]:
    """Number of windows an axis, and (window, tap, position) for every tap that lies on the input itself."""
    starts = [places(*axis) for axis in zip(sizes, kernel, stride, dilation, padding, strict=True)]

    def triples() -> Iterator[tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]]:
        for window in product(*(range(len(start)) for start in starts)):
            for tap in product(*(range(taps) for taps in kernel)):
                position = tuple(
                    starts[axis][window[axis]] + tap[axis] * dilation[axis] - padding[axis][0]
                    for axis in range(len(sizes))
                )
                if all(0 <= at < size for at, size in zip(position, sizes, strict=True)):
                    yield window, tap, position

    return tuple(len(start) for start in starts), triples()


def dense(c: Any) -> Synapses:
    return {(i, j): int(c.weights[i][j]) for i in range(len(c.weights)) for j in range(len(c.weights[0]))}


def sparse(c: Any) -> Synapses:
    return {(int(i), int(j)): int(w) for i, j, w in zip(c.rows, c.columns, c.values, strict=True)}


def one_to_one(c: Any) -> Synapses:
    return {(i, i): int(w) for i, w in enumerate(c.weights)}


def convolution(c: Any) -> Synapses:
    out_channels, in_group, *kernel = c.weights.shape
    windows, triples = covered(c.input_shape[1:], tuple(kernel), c.stride, c.padding, c.dilation)
    found: Synapses = {}
    for window, tap, position in triples:
        for group in range(c.groups):
            for out in range(group * out_channels // c.groups, (group + 1) * out_channels // c.groups):
                for within in range(in_group):
                    target = flat((out, *window), (out_channels, *windows))
                    source = flat((group * in_group + within, *position), c.input_shape)
                    assert (target, source) not in found
                    found[target, source] = int(c.weights[(out, within, *tap)])
    return found


def pooling(c: Any, weight: int) -> Synapses:
    windows, triples = covered(c.input_shape[1:], c.kernel, c.stride, c.padding, (1,) * len(c.kernel))
    found: Synapses = {}
    for window, _, position in triples:
        for channel in range(c.input_shape[0]):
            ends = flat((channel, *window), (c.input_shape[0], *windows)), flat((channel, *position), c.input_shape)
            assert ends not in found
            found[ends] = weight
    return found


def average(c: Any) -> Synapses:
    """The integer nearest to 2^fraction_bits / window; no window of a power of two makes a tie."""
    share = 2**c.fraction_bits / math.prod(c.kernel)
    return pooling(c, min(range(int(share), int(share) + 2), key=lambda weight: abs(weight - share)))


MEANING: dict[str, Callable[[Any], Synapses]] = {
    "dense": dense,
    "sparse": sparse,
    "one-to-one": one_to_one,
    "convolution": convolution,
    "sum-pooling": lambda c: pooling(c, 1),
    "average-pooling": average,
}


def synapses(connection: Connection) -> Synapses:
    return MEANING[connection.kind](connection)
