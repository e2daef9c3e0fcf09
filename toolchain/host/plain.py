"""What the host does at the ends of a program, on plain arrays. It needs numpy alone: exported packages carry it.

A payload p stands for p * 2^-exponent; an output's integer v for v * 2^-exponent, with an exponent a neuron or one for
all. How an output stands after each step:

    count   the number of messages so far
    last    what there is in this step
    sum     the sum of all that there was so far
    max     the greatest that there was so far
    step    what there is in this step, a decision of its own at each
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def payloads(values: Array, bits: int, exponent: int) -> tuple[Array, Array]:
    """Round real numbers to payloads, clipped to the width; (payloads, which were clipped)."""
    rounded = np.rint(np.asarray(values, dtype=np.float64) * 2.0**exponent)
    high = 2 ** (bits - 1) - 1
    outside = (rounded < -high - 1) | (rounded > high)
    return np.clip(rounded, -high - 1, high).astype(np.int64), outside


def standing(values: Array, reading: str, latency_steps: int, steps: int) -> Array:
    """An output as it stands once each step of the input is complete, (sample, steps, neuron).

    Args:
        values: (sample, step, neuron), what the run recorded.
        reading: one of those above.
        latency_steps: until what enters is complete there.
        steps: of the input.
    """
    complete = values[:, latency_steps : latency_steps + steps]
    if reading == "count":
        return np.cumsum(complete != 0, axis=1, dtype=np.int64)
    if reading == "sum":
        return np.cumsum(complete, axis=1)
    if reading == "max":
        return np.asarray(np.maximum.accumulate(complete, axis=1))
    return complete


def real(values: Array, reading: str, exponents: Sequence[int]) -> Array:
    """Integers of an output, (..., neuron), in the network's own units; a count is one already."""
    scale = np.zeros(1) if reading == "count" else np.asarray(exponents, dtype=np.float64)
    return np.asarray(values * 2.0**-scale)


def classes(values: Array) -> Array:
    """The neuron with the greatest value over the last axis, the lowest on a tie."""
    return np.asarray(np.argmax(values, axis=-1))
