"""Random numbers for compiled loops: SplitMix64 (Steele, Lea and Flood, 2014), whose state is one number.

A stream depends on nothing but its seed: on no version of numba or numpy, and on no thread.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

State = NDArray[np.uint64]
"""One number, (1,), which every call changes; at the start, the seed."""


@njit(cache=True)
def uniform(state: State) -> float:
    """A number in [0, 1), of 53 bits."""
    state[0] += np.uint64(0x9E3779B97F4A7C15)
    z = state[0]
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return float((z ^ (z >> np.uint64(31))) >> np.uint64(11)) * 2.0**-53


@njit(cache=True)
def below(state: State, end: int) -> int:
    """A whole number in 0..end-1."""
    return int(uniform(state) * end)
