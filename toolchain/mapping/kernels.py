"""Kernels on a tile, by index arithmetic: which sources reach it, with how many synapses, in how many words.

A pooling is the convolution of every channel by itself. Nothing is unrolled: what is computed has the size of the
tile's receptive field.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from toolchain.ir.connections import Convolution, SumPooling
from toolchain.ir.integer import IntArray
from toolchain.mapping.slices import Slice
from toolchain.mapping.target import Target

Kernel = Convolution | SumPooling


@dataclass(frozen=True, eq=False)
class Field:
    """The receptive field of a tile: a box of sources, and what each has on the tile.

    Attributes:
        sources: flat indices, (source,).
        stored, nonzero: synapses of each source on the tile, (source,).
        rows: kernel rows (an input channel and tap) that a message of each source touches, (source,).
        row_targets: output channels in such a row, (source,).
    """

    sources: IntArray
    stored: IntArray
    nonzero: IntArray
    rows: IntArray
    row_targets: IntArray


def out_per_group(kernel: Kernel) -> int:
    """Output channels of a group; a pooling has a group a channel."""
    return 1 if isinstance(kernel, SumPooling) else kernel.weights.shape[0] // kernel.groups


def in_per_group(kernel: Kernel) -> int:
    """Input channels of a group."""
    return 1 if isinstance(kernel, SumPooling) else int(kernel.weights.shape[1])


def taps(kernel: Kernel) -> int:
    """Weights of a kernel for one pair of channels."""
    return math.prod(kernel.windows.kernel)


def group_channels(kernel: Kernel, channels: tuple[int, int]) -> IntArray:
    """How many of a range of output channels lie in each group that it touches, (group,)."""
    start, stop = channels
    first = start // out_per_group(kernel)
    inside = np.bincount(np.arange(start, stop) // out_per_group(kernel) - first)
    return np.asarray(inside, dtype=np.int64)


def entries_of_kernel(kernel: Kernel, target: Target) -> int:
    """Entries that a target takes for a group of a kernel's channels, or for a position that sends to it."""
    return target.strided_entries.whole if target.strided_entries and max(kernel.windows.stride) > 1 else 1


def field(kernel: Kernel, part: Slice) -> Field:
    """The receptive field of a tile.

    Args:
        kernel: whose output shape is the tile's.
        part: a box of output channels and places.
    """
    covers = [_cover(kernel, axis, *part.ranges[axis + 1]) for axis in range(len(part.shape) - 1)]
    first_group = part.ranges[0][0] // out_per_group(kernel)
    targets = np.repeat(group_channels(kernel, part.ranges[0]), in_per_group(kernel))
    channels = first_group * in_per_group(kernel) + np.arange(len(targets), dtype=np.int64)
    filled = _nonzero(kernel, part.ranges[0], len(targets))
    rows = np.ones((), dtype=np.int64)
    nonzero = filled
    positions = []
    for first, cover in covers:
        rows = np.multiply.outer(rows, cover.sum(axis=1))
        # The leading tap axis of what is left is summed away and the axis of positions takes the last place.
        nonzero = np.tensordot(nonzero, cover, axes=([1], [1]))
        positions.append(np.arange(first, first + len(cover), dtype=np.int64))
    sources = np.ravel_multi_index(np.ix_(channels, *positions), kernel.input_shape)
    rows = np.broadcast_to(rows, sources.shape)
    row_targets = np.broadcast_to(targets.reshape(-1, *[1] * len(covers)), sources.shape)
    flat = (a.ravel().astype(np.int64, copy=False) for a in (sources, rows * row_targets, nonzero, rows, row_targets))
    found = Field(*flat)
    kept = found.stored > 0
    return found if kept.all() else Field(*(values[kept] for values in vars(found).values()))


def _cover(kernel: Kernel, axis: int, start: int, stop: int) -> tuple[int, IntArray]:
    """First position that places start .. stop - 1 of an axis cover; from there (position, tap), 1 where covered."""
    windows = kernel.windows
    size, taps_here, stride = windows.sizes[axis], windows.kernel[axis], windows.stride[axis]
    place, tap = np.meshgrid(np.arange(start, stop), np.arange(taps_here), indexing="ij")
    position = place * stride + tap * windows.dilation[axis] - windows.padding[axis][0]
    inside = (position >= 0) & (position < size)
    if not inside.any():
        return 0, np.zeros((1, taps_here), dtype=np.int64)
    first, last = int(position[inside].min()), int(position[inside].max())
    cover = np.zeros((last - first + 1, taps_here), dtype=np.int64)
    cover[position[inside] - first, tap[inside]] = 1
    return first, cover


def _nonzero(kernel: Kernel, channels: tuple[int, int], entering: int) -> IntArray:
    """Weights other than 0 into a range of output channels, (input channel, *taps)."""
    if isinstance(kernel, SumPooling):
        return np.ones((entering, *kernel.kernel), dtype=np.int64)
    start, stop = channels
    filled = kernel.weights[start:stop] != 0
    groups = np.arange(start, stop) // out_per_group(kernel)
    rows = [filled[groups == group].sum(axis=0) for group in range(groups[0], groups[-1] + 1)]
    return np.concatenate(rows).astype(np.int64)
