"""Run a diagonal state space over sequences in float64, a few samples at a time so that the states stay in cache."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from toolchain.frontend.graph import FloatArray

ComplexArray = NDArray[np.complex128]

STATES_AT_ONCE = 1 << 14
"""Complex states stepped together: 256 KiB, which fits the second-level cache of today's processors."""


MOMENT_ROWS = 4096
"""States a neuron that second moments are taken over, spread evenly over samples and steps."""
ROW_WORDS = 1 << 21
"""Float64 words of states that are kept until their products are summed: 16 MiB. One product of many rows takes a
fraction of the time of many products of one, each of which goes through all moments."""


@dataclass(frozen=True, eq=False)
class Scanned:
    """What a state space did.

    Attributes:
        peak: greatest magnitude of a real or imaginary part of each neuron's modes, (size,).
        readout: y, (sample, step, neuron).
        moments: sums of products of (Re x, Im x a mode by turns, then the drive), (size, features, features).
        rows: how many states a neuron those are sums over.
    """

    peak: FloatArray
    readout: FloatArray
    moments: FloatArray
    rows: int = 0


def scan(poles: ComplexArray, c: ComplexArray, d: FloatArray, drive: FloatArray, moment_rows: int = 0) -> Scanned:
    """x' = poles x + drive, y = Re(sum c x') + d drive.

    Args:
        poles, c: (size, modes).
        d: (size,).
        drive: (sample, step, neuron).
        moment_rows: about how many states a neuron to take moments over; 0 for none.
    """
    samples, steps, size = drive.shape
    together = max(1, STATES_AT_ONCE // max(poles.size, 1))
    # The real and imaginary parts of a state lie side by side, so that Re(c x) is a plain product of reals.
    weights = np.stack([c.real, -c.imag], axis=-1).reshape(size, -1)
    readout, peak = np.empty_like(drive), np.zeros(size)
    moments = np.zeros((size, weights.shape[1] + 1, weights.shape[1] + 1)) if moment_rows else np.zeros((size, 0, 0))
    every = -(-samples * steps // moment_rows) if moment_rows else 0
    for start in range(0, samples, together):
        part = slice(start, start + together)
        peak = np.maximum(peak, _scan(poles, weights, drive[part], readout[part], moments, every))
    return Scanned(peak, readout + d * drive, moments, samples * (steps // every) if every else 0)


def _scan(
    poles: ComplexArray, weights: FloatArray, drive: FloatArray, readout: FloatArray, moments: FloatArray, every: int
) -> FloatArray:
    """Fill `readout`, add to `moments` every so many steps; return the greatest part of each neuron's modes."""
    samples, steps, _ = drive.shape
    state = np.zeros((samples, *poles.shape), dtype=np.complex128)
    parts = state.view(np.float64)
    high, low = np.zeros_like(parts), np.zeros_like(parts)
    rows = _Rows(moments, samples)
    for t in range(steps):
        state *= poles
        state.real += drive[:, t, :, None]
        np.maximum(high, parts, out=high)
        np.minimum(low, parts, out=low)
        readout[:, t] = np.einsum("shk,hk->sh", parts, weights)
        if every and t % every == every - 1:
            rows.add(parts, drive[:, t])
    rows.flush()
    return np.asarray(np.maximum(high, -low).max(axis=(0, 2)))


class _Rows:
    """States and drives on their way into the moments."""

    def __init__(self, moments: FloatArray, samples: int) -> None:
        self.moments, self.samples = moments, samples
        size, features, _ = moments.shape
        most = max(1, ROW_WORDS // max(1, samples * size * features))
        self.kept = np.empty((size, most * samples if features else 0, features))
        self.count = 0

    def add(self, parts: FloatArray, drive: FloatArray) -> None:
        """Keep a step's (sample, neuron, part) and (sample, neuron)."""
        rows = self.kept[:, self.count : self.count + self.samples]
        rows[..., :-1] = parts.swapaxes(0, 1)
        rows[..., -1] = drive.T
        self.count += self.samples
        if self.count == self.kept.shape[1]:
            self.flush()

    def flush(self) -> None:
        """Add the products of what is kept."""
        if self.count:
            rows = self.kept[:, : self.count]
            self.moments += np.matmul(rows.swapaxes(1, 2), rows)
            self.count = 0
