"""Where the values of neurons lie in memory: by blocks of `LANES` neurons, a block's modes one after the other.

    (neuron, mode)  ->  (block, mode, lane)        neuron = block * LANES + lane

so that one vector holds a mode of `LANES` neurons and everything that a block needs is contiguous. Lanes beyond the
last neuron hold 0 and are masked where they could be seen.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulators.fast.assembly import LANES
from toolchain.ir.integer import IntArray

Packed = NDArray[Any]
"""An array in the order of memory."""

PAD = 64
"""Rows of messages and port sums are padded to this many neurons, so that events are found 64 at a time."""

LINE_BYTES = 64

PAGE_BYTES = 4096
"""Addresses so far apart share a set of the nearest cache."""

BLOCKS_OF_TILE = 4

_TYPES: dict[int, type[np.signedinteger[Any]]] = {8: np.int8, 16: np.int16, 32: np.int32, 64: np.int64}


def integer_type(bits: int) -> type[np.signedinteger[Any]]:
    """numpy's integer of exactly 8, 16, 32 or 64 bits."""
    return _TYPES[bits]


def storage_bits(bits: int) -> int:
    """The least of 8, 16, 32 and 64 that holds a signed word of `bits`."""
    return next(width for width in _TYPES if bits <= width)


def padded(size: int) -> int:
    """The least multiple of `PAD` that holds `size` neurons."""
    return size + -size % PAD


def row_width(size: int) -> int:
    """Neurons from one row to the next: an odd number of tiles, since rows a power of two apart share cache sets."""
    return padded(size) + PAD * (tiles(size) % 2 == 0)


def tiles(size: int) -> int:
    """Parts of `PAD` neurons in a padded row."""
    return padded(size) // PAD


def blocks(size: int) -> int:
    """Blocks of `LANES` neurons that hold at least one."""
    return (size + -size % LANES) // LANES


def aligned(shape: tuple[int, ...], bits: int, turn: int | None = None) -> Packed:
    """Zeros that begin at a cache line; with a turn, at the given one of a page's (beyond the last, from the first)."""
    kind = np.dtype(integer_type(bits))
    count = int(np.prod(shape))
    unit = LINE_BYTES if turn is None else PAGE_BYTES
    room = np.zeros(count * kind.itemsize + 2 * unit, dtype=np.uint8)
    start = -room.ctypes.data % unit + (turn or 0) * LINE_BYTES % PAGE_BYTES
    return room[start : start + count * kind.itemsize].view(kind).reshape(shape)


def empty_words(lead: tuple[int, ...], size: int, modes: int, bits: int, place: int = 0) -> Packed:
    """Zeros for one word a neuron, or `modes` a neuron where that is not 0, in packed order.

    A block's words of several arrays are used together. Those of the arrays whose places are 0, 1, 2 ... lie in the
    nearest cache as if one array's began where another's end: from the same line of a page they would crowd each other
    out of the same sets.
    """
    shape = (*lead, tiles(size) * BLOCKS_OF_TILE, max(modes, 1), LANES)
    return aligned(shape, bits, place * modes if modes else None)


def pack(values: IntArray, bits: int, place: int = 0) -> Packed:
    """(neuron,) or (neuron, mode) integers in packed order; they must fit `bits`."""
    size, modes = values.shape[0], values.shape[1] if values.ndim == 2 else 0
    packed = empty_words((), size, modes, bits, place)
    fill(packed, values, modes)
    return packed


def fill(packed: Packed, values: IntArray, modes: int) -> None:
    """Put (..., neuron) or (..., neuron, mode) integers where `unpack` finds them."""
    wide = values if modes else values[..., None]
    room = np.zeros((*wide.shape[:-2], padded(wide.shape[-2]), wide.shape[-1]), dtype=packed.dtype)
    room[..., : wide.shape[-2], :] = wide
    packed[...] = np.moveaxis(room.reshape(*wide.shape[:-2], packed.shape[-3], LANES, wide.shape[-1]), -1, -2)


def unpack(packed: Packed, size: int, modes: int) -> IntArray:
    """The inverse of `pack` for leading axes: (..., neuron) or (..., neuron, mode) int64."""
    lead = packed.shape[:-3]
    count = packed.shape[-3] * LANES
    ordered = np.moveaxis(packed, -2, -1).reshape(*lead, count, packed.shape[-2])[..., :size, :]
    return np.array(ordered if modes else ordered[..., 0], dtype=np.int64)
