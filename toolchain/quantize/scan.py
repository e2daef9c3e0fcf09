"""Run a diagonal state space over sequences in float64, a few samples at a time so that the states stay in cache."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from toolchain.frontend.graph import FloatArray

ComplexArray = NDArray[np.complex128]

STATES_AT_ONCE = 1 << 14
"""Complex states stepped together: 256 KiB, which fits the second-level cache of today's processors."""


def scan(poles: ComplexArray, c: ComplexArray, d: FloatArray, drive: FloatArray) -> tuple[FloatArray, FloatArray]:
    """x' = poles x + drive, y = Re(sum c x') + d drive.

    Args:
        poles, c: (size, modes).
        d: (size,).
        drive: (sample, step, neuron).

    Returns:
        The greatest magnitude of a real or imaginary part of each neuron's modes, (size,), and y, (sample, step,
        neuron).
    """
    samples, _, size = drive.shape
    together = max(1, STATES_AT_ONCE // max(poles.size, 1))
    # The real and imaginary parts of a state lie side by side, so that Re(c x) is a plain product of reals.
    weights = np.stack([c.real, -c.imag], axis=-1).reshape(size, -1)
    readout, peak = np.empty_like(drive), np.zeros(size)
    for start in range(0, samples, together):
        part = slice(start, start + together)
        peak = np.maximum(peak, _scan(poles, weights, drive[part], readout[part]))
    return peak, readout + d * drive


def _scan(poles: ComplexArray, weights: FloatArray, drive: FloatArray, readout: FloatArray) -> FloatArray:
    """Fill `readout`; return the greatest part of each neuron's modes, (size,)."""
    samples, steps, _ = drive.shape
    state = np.zeros((samples, *poles.shape), dtype=np.complex128)
    parts = state.view(np.float64)
    high, low = np.zeros_like(parts), np.zeros_like(parts)
    for t in range(steps):
        state *= poles
        state.real += drive[:, t, :, None]
        np.maximum(high, parts, out=high)
        np.minimum(low, parts, out=low)
        readout[:, t] = np.einsum("shk,hk->sh", parts, weights)
    return np.asarray(np.maximum(high, -low).max(axis=(0, 2)))
