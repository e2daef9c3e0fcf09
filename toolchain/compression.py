"""Arrays of a trace in few bytes, exactly: spikes as bits, registers as differences between steps.

A register moves little from step to step, and the sign of a difference is noise that a compressor cannot remove. So
differences along the steps are mapped to naturals (zigzag: 0, -1, 1, -2, ... become 0, 1, 2, 3, ...), each neuron's
steps lie side by side, and the bytes are stored plane by plane, least significant first: the upper planes are nearly
all zero. All arithmetic is of 64 bits modulo 2^64, so that every int64 returns.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

IntArray = NDArray[np.int64]

PLAIN = "plain"
BITS = "bits"
DELTAS = "deltas"
_ORDERS = {f"{DELTAS}{order}": order for order in range(4)}
"""Differences of differences of ...: slow oscillations are smooth, and shrink at each further order. 0: the values."""
STEPS = 1
"""The axis of the steps in the arrays of a run; where an array has none, the samples are taken in their place."""


@dataclass(frozen=True, eq=False)
class Packed:
    """One packed array: `stored` is what goes into a file, `form` and `shape` are how it is read back."""

    form: str
    shape: tuple[int, ...]
    stored: NDArray[Any]


def pack(array: IntArray) -> Packed:
    """The array in the form that suits it; `unpack` gives exactly it back.

    Arrays of a run, (sample, step, neuron[, mode]) or (sample, neuron[, mode]), become bits where all are 0 or 1, else
    differences of some order; a vector is stored in the smallest signed type that holds it.
    """
    if array.ndim < 2 or not array.size:
        return Packed(PLAIN, array.shape, narrow(array))
    if array.min() >= 0 and array.max() <= 1:
        return Packed(BITS, array.shape, np.packbits(_steps_last(array).astype(bool)))
    order, coded = _differences(_steps_last(array))
    return Packed(f"{DELTAS}{order}", array.shape, _planes(coded))


def unpack(form: str, shape: Sequence[int], stored: NDArray[Any]) -> IntArray:
    """The array that `pack` was given.

    Raises:
        ValueError: an unknown form, or not as many bytes as the shape needs.
    """
    if form == PLAIN:
        if stored.shape != tuple(shape):
            raise ValueError(f"an array of shape {stored.shape} where {tuple(shape)} is listed")
        return stored.astype(np.int64)
    if form not in (BITS, *_ORDERS) or stored.dtype != np.uint8 or any(extent < 1 for extent in shape):
        raise ValueError(f"packed as {form!r} in {stored.dtype} for shape {tuple(shape)}")
    axis = _axis(len(shape))
    last = (*shape[:axis], *shape[axis + 1 :], shape[axis])
    size = math.prod(last)
    if form == BITS:
        _check_bytes(stored, -(-size // 8))
        flat = np.unpackbits(stored, count=size).astype(np.int64)
        return _steps_back(flat.reshape(last))
    planes = max(1, min(8, stored.size // size))
    _check_bytes(stored, planes * size)
    values = _unzigzag(_joined(stored.reshape(planes, size))).reshape(last)
    for _ in range(_ORDERS[form]):
        values = np.cumsum(values, axis=-1)
    return _steps_back(values)


def _check_bytes(stored: NDArray[Any], expected: int) -> None:
    if stored.shape != (expected,):
        raise ValueError(f"{stored.size} bytes where the shape needs {expected}")


def _axis(dimensions: int) -> int:
    return STEPS if dimensions > 2 else 0


def _steps_last(array: IntArray) -> IntArray:
    return np.moveaxis(np.asarray(array, dtype=np.int64), _axis(array.ndim), -1)


def _steps_back(array: IntArray) -> IntArray:
    return np.ascontiguousarray(np.moveaxis(array, -1, _axis(array.ndim)))


def _differences(values: IntArray) -> tuple[int, NDArray[np.uint64]]:
    """The order whose differences have the fewest bits in all, and those differences."""
    best, fewest = (0, np.empty(0, dtype=np.uint64)), -1
    for order in _ORDERS.values():
        values = np.diff(values, prepend=0) if order else values
        coded = _zigzag(values)
        # The exponent of a float is the length of the integer, but for rounding above 2^53: a choice, not a value.
        bits = int(np.frexp(coded.astype(np.float64))[1].sum())
        if fewest < 0 or bits < fewest:
            best, fewest = (order, coded), bits
    return best


def _zigzag(values: IntArray) -> NDArray[np.uint64]:
    return ((values << 1) ^ (values >> 63)).view(np.uint64)


def _unzigzag(coded: NDArray[np.uint64]) -> IntArray:
    return (coded >> np.uint64(1)).view(np.int64) ^ -(coded & np.uint64(1)).view(np.int64)


def _planes(coded: NDArray[np.uint64]) -> NDArray[np.uint8]:
    """The bytes of the numbers, plane by plane, least significant first, without the planes that are zero in all."""
    planes = max(1, -(-int(coded.max()).bit_length() // 8))
    flat = np.ascontiguousarray(coded).reshape(-1).astype("<u8", copy=False)
    return np.ascontiguousarray(flat.view(np.uint8).reshape(-1, 8)[:, :planes].T).reshape(-1)


def _joined(planes: NDArray[np.uint8]) -> NDArray[np.uint64]:
    whole = np.zeros((planes.shape[1], 8), dtype=np.uint8)
    whole[:, : len(planes)] = planes.T
    return whole.reshape(-1).view("<u8").astype(np.uint64, copy=False)


def narrow(array: IntArray) -> NDArray[Any]:
    """The array in the smallest signed type that holds it."""
    low, high = (int(array.min()), int(array.max())) if array.size else (0, 0)
    for kind in (np.int8, np.int16, np.int32):
        if np.iinfo(kind).min <= low and high <= np.iinfo(kind).max:
            return array.astype(kind)
    return array
