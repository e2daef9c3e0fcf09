"""The recurrence of diagonal state spaces, compiled.

Neurons are lanes: a block of them stays in the first-level cache over all steps, and the modes of each are added one
after the other, so that the sums have one order on every processor, however wide its vectors are. Multiplications and
additions are not contracted.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from toolchain.frontend.graph import FloatArray

LANES = 64
"""Neurons stepped together: with 16 modes their states, poles and weights take 48 KiB."""


@njit(nogil=True, cache=True)
def advance(
    poles: FloatArray, weights: FloatArray, drive: FloatArray, readout: FloatArray, peak: FloatArray, kept: FloatArray,
    every: int,
) -> None:  # fmt: skip
    """Run some samples from rest.

    Args:
        poles: real and imaginary parts, (2, mode, neuron).
        weights: what the parts of the states are weighted by, (2, mode, neuron).
        drive: (sample, step, neuron).
        readout: the weighted sums are added here, (sample, step, neuron).
        peak: raised to the greatest magnitude of a part, (neuron,).
        kept: states of each `every`-th step, real and imaginary parts by turns, (sample, row, neuron, 2 modes).
        every: steps from one kept row to the next; 0 where none are kept.
    """
    samples, steps, size = drive.shape
    modes = poles.shape[1]
    state = np.empty((2, modes, LANES))
    for sample in range(samples):
        for first in range(0, size, LANES):
            count = min(LANES, size - first)
            last = first + count
            state[:] = 0.0
            top = peak[first:last]
            for t in range(steps):
                u, y = drive[sample, t, first:last], readout[sample, t, first:last]
                for mode in range(modes):
                    re, im = state[0, mode], state[1, mode]
                    a, b = poles[0, mode, first:last], poles[1, mode, first:last]
                    c, d = weights[0, mode, first:last], weights[1, mode, first:last]
                    for h in range(count):
                        real = re[h] * a[h] - im[h] * b[h] + u[h]
                        imaginary = re[h] * b[h] + im[h] * a[h]
                        re[h], im[h] = real, imaginary
                        y[h] += real * c[h] + imaginary * d[h]
                        top[h] = max(top[h], max(abs(real), abs(imaginary)))
                if every and t % every == every - 1:
                    row = kept[sample, t // every]
                    for mode in range(modes):
                        for h in range(count):
                            row[first + h, 2 * mode] = state[0, mode, h]
                            row[first + h, 2 * mode + 1] = state[1, mode, h]
