"""Which samples make a batch: in a random order, and where lengths differ, of similar lengths.

A recorded step on a GPU needs batches of few shapes. Sequences are therefore put into buckets: each holds those up to
some number of steps, one of at most `BUCKETS`, and its batches are cut to that number.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

BUCKETS = 8
STEP_UNIT = 64
"""Buckets end at multiples of this many steps."""


class Batch(NamedTuple):
    """Samples of one batch: their numbers, and how many steps of them to look at."""

    chosen: Tensor
    steps: int


def batches(
    count: int, size: int, steps: int, lengths: NDArray[np.int64] | None, rng: np.random.Generator, device: torch.device
) -> list[Batch]:
    """All batches of one epoch.

    Args:
        count: number of samples.
        size: samples a batch.
        steps: of a sequence, padding included.
        lengths: true lengths of the samples, or None.
        rng: source of the order.
        device: where the batches are used. A recorded step needs batches of one size, so that a GPU leaves out the
            rest, which is another in every epoch.
    """
    order = rng.permutation(count)
    if lengths is None:
        return [Batch(part, steps) for part in _cut(torch.from_numpy(order), size, device)]
    edges = bucket_edges(lengths, steps)
    bucket = np.searchsorted(edges, lengths[order])
    found = []
    for index, edge in enumerate(edges):
        inside = torch.from_numpy(order[bucket == index])
        found += [Batch(part, int(edge)) for part in _cut(inside, size, device) if len(part)]
    return [found[place] for place in rng.permutation(len(found))]


def bucket_edges(lengths: NDArray[np.int64], steps: int) -> NDArray[np.int64]:
    """Longest sequence of each bucket: buckets hold about as many samples each."""
    wanted = np.quantile(lengths, np.arange(1, BUCKETS + 1) / BUCKETS)
    edges: NDArray[np.int64] = np.unique(np.minimum(-(-wanted // STEP_UNIT) * STEP_UNIT, steps).astype(np.int64))
    return edges


def _cut(order: Tensor, size: int, device: torch.device) -> list[Tensor]:
    """The samples in `order`, in batches: of nearly equal size on the CPU; elsewhere, full ones only."""
    if device.type == "cpu" or len(order) < size:
        return list(order.to(device).tensor_split(max(1, math.ceil(len(order) / size))))
    return list(order[: len(order) // size * size].to(device).view(-1, size))
