"""The convolution filters of several layers at once, where they go in chunks.

A filter takes some hundred operations, so small that a GPU needs longer to begin one than to do it.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from models.kernels.chunks import Filter, split
from models.kernels.state_space import chunk_filter
from models.layers.s4d import S4D, StateSpace


def filters_of(layers: Sequence[S4D], steps: int) -> list[Filter]:
    """What `S4D.forward` takes, of each of several layers of one size, for sequences of so many steps."""
    space = StateSpace(*(torch.cat(part) for part in zip(*(layer.state_space() for layer in layers), strict=True)))
    return split(chunk_filter(space.exponent(), space.discretize().c, space.d, steps), len(layers))
