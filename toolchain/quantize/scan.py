"""Run a diagonal state space over sequences in float64, a few samples at a time, on all processors."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from toolchain.engine.run import processors
from toolchain.frontend.graph import FloatArray

ComplexArray = NDArray[np.complex128]

UPDATES_AT_ONCE = 1 << 25
"""Updates of a mode in one piece of work: about 30 ms. The pieces do not depend on the number of processors, and what
they sum is added in their order, so that results do not either."""
MOMENT_ROWS = 4096
"""States a neuron that second moments are taken over, spread evenly over samples and steps."""
ROW_WORDS = 1 << 21
"""Float64 words of states that a piece keeps until their products are summed, unless one sample has more: 16 MiB."""


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
    every = -(-samples * steps // moment_rows) if moment_rows else 0
    run = _Run(poles, c, np.ascontiguousarray(drive), every)
    features = 2 * poles.shape[1] + 1
    peak, moments = np.zeros(size), np.zeros((size, features, features) if moment_rows else (size, 0, 0))
    with ThreadPoolExecutor(processors()) as pool:
        for high, products in pool.map(run.piece, run.pieces()):
            peak = np.maximum(peak, high)
            moments += products
    return Scanned(peak, run.readout + d * drive, moments, samples * (steps // every) if every else 0)


class _Run:
    """A scan in pieces, some samples each."""

    def __init__(self, poles: ComplexArray, c: ComplexArray, drive: FloatArray, every: int) -> None:
        self.poles = np.ascontiguousarray([poles.real.T, poles.imag.T])
        self.weights = np.ascontiguousarray([c.real.T, -c.imag.T])
        self.drive, self.every = drive, every
        self.readout = np.zeros_like(drive)

    def pieces(self) -> Iterator[slice]:
        samples, steps, size = self.drive.shape
        modes = self.poles.shape[1]
        together = UPDATES_AT_ONCE // max(1, steps * size * modes)
        if self.every:
            together = min(together, ROW_WORDS // max(1, (steps // self.every) * size * (2 * modes + 1)))
        for start in range(0, samples, max(1, together)):
            yield slice(start, start + max(1, together))

    def piece(self, part: slice) -> tuple[FloatArray, FloatArray | float]:
        """Fill the readout of some samples; their peak, and their sums of products."""
        # Here, because numba takes half a second to load and not every command runs floats.
        from toolchain.quantize.scan_kernel import advance

        drive = self.drive[part]
        samples, steps, size = drive.shape
        rows = steps // self.every if self.every else 0
        kept, peak = np.empty((samples, rows, size, 2 * self.poles.shape[1])), np.zeros(size)
        advance(self.poles, self.weights, drive, self.readout[part], peak, kept, self.every)
        return peak, self._products(kept, drive) if rows else 0.0

    def _products(self, kept: FloatArray, drive: FloatArray) -> FloatArray:
        driven = drive[:, self.every - 1 :: self.every]
        rows = (
            np.concatenate([kept, driven[..., None]], axis=-1)
            .transpose(2, 0, 1, 3)
            .reshape(kept.shape[2], -1, kept.shape[3] + 1)
        )
        return np.asarray(np.matmul(rows.swapaxes(1, 2), rows))
