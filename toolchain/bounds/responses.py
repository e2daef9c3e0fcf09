"""What a stable complex mode can hold at most, whatever enters it: the L1 norm of its impulse response.

    x' = A x + z,  z in a box:  |Re x| <= sum over k of the worst Re(A^k z),  and so for Im x and for Re(c x)

Rounding errors are part of the box: `floor(p) = p - f` with 0 <= f < 1, so a multiply-shift by floor adds an error of
at most one unit, and the bound holds for the rounded recurrence itself. The sums run over powers of the quantized pole
until they have converged; the rest is at most |A|^K / (1 - |A|). L1 norm as the exact worst case of a linear filter
under bounded input: Dahleh and Pearson, IEEE Trans. Automatic Control 32(10), 1987.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
ComplexArray = NDArray[np.complex128]

BLOCK = 64
MOST_TERMS = 1 << 18
TAIL = 2.0**-10
"""Share of what was summed at which the rest is bounded instead of summed."""
SAFETY = 1.0 + 2.0**-20
"""Covers the rounding of these sums themselves: at most 2^18 products of float64, 2^-34 of the result."""


@dataclass(frozen=True, eq=False)
class Sums:
    """Sums over k of the positive and of the negative parts of Re(w A^k) and Im(w A^k), each at least 0.

    Attributes:
        re_up, re_down, im_up, im_down: bounds from above, of the shape of A.
        tail: how much of each is the bound on terms that were not summed.
    """

    re_up: FloatArray
    re_down: FloatArray
    im_up: FloatArray
    im_down: FloatArray
    tail: FloatArray


@dataclass(frozen=True, eq=False)
class Box:
    """What enters in a step: real part in [re_low, re_high], imaginary part in [im_low, im_high]; holds 0."""

    re_low: FloatArray
    re_high: FloatArray
    im_low: FloatArray
    im_high: FloatArray


def response_sums(poles: ComplexArray, weights: ComplexArray, terms: int | None) -> Sums:
    """Sum the impulse responses w A^k of single modes.

    Args:
        poles: A, |A| < 1, any shape.
        weights: w, the same shape.
        terms: how many steps a run has; None for any number.
    """
    flat, start = poles.ravel(), weights.ravel()
    found = np.zeros((4, flat.size))
    tail = np.zeros(flat.size)
    open_, power = np.arange(flat.size), start.astype(np.complex128)
    steps = 0
    while open_.size and (terms is None or steps < terms):
        count = BLOCK if terms is None else min(BLOCK, terms - steps)
        powers = power[:, None] * flat[open_, None] ** np.arange(count)
        found[:, open_] += _parts(powers)
        power = powers[:, -1] * flat[open_]
        steps += count
        rest = np.abs(power) / _distance(flat[open_])
        size = np.maximum(found[:, open_].max(axis=0), np.abs(start[open_]))
        done = (rest <= TAIL * size) | (steps >= MOST_TERMS)
        tail[open_[done]] = rest[done]
        open_, power = open_[~done], power[~done]
    bounds = (found + tail) * SAFETY
    re_up, re_down, im_up, im_down = bounds.reshape(4, *poles.shape)
    return Sums(re_up, re_down, im_up, im_down, tail.reshape(poles.shape))


def combined_sums(poles: ComplexArray, c: ComplexArray, terms: int | None) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Sums of the positive and negative parts of h_k = sum over modes of Re(c A^k), k >= 1, and h_0 apart.

    Args:
        poles, c: (size, modes).
        terms: how many steps a run has; None for any number.

    Returns:
        (up, down, first), (size,) each.
    """
    size = len(poles)
    up, down, tail = np.zeros(size), np.zeros(size), np.zeros(size)
    open_, power = np.arange(size), c * poles
    steps = 1
    while open_.size and (terms is None or steps < terms):
        count = BLOCK if terms is None else min(BLOCK, terms - steps)
        powers = power[:, :, None] * poles[open_, :, None] ** np.arange(count)
        response = powers.real.sum(axis=1)
        up[open_] += np.maximum(response, 0).sum(axis=1)
        down[open_] += np.maximum(-response, 0).sum(axis=1)
        power = powers[:, :, -1] * poles[open_]
        steps += count
        rest = (np.abs(power) / _distance(poles[open_])).sum(axis=1)
        done = (rest <= TAIL * np.maximum(up[open_] + down[open_], np.abs(c[open_]).sum(axis=1))) | (
            steps >= MOST_TERMS
        )
        tail[open_[done]] = rest[done]
        open_, power = open_[~done], power[~done]
    return (up + tail) * SAFETY, (down + tail) * SAFETY, c.real.sum(axis=1)


def _distance(poles: ComplexArray) -> FloatArray:
    """1 - |A|, without loss: the squares of a quantized pole's parts are exact in float64."""
    distance: FloatArray = (1.0 - np.square(poles.real) - np.square(poles.imag)) / (1.0 + np.abs(poles))
    return distance


def _parts(powers: ComplexArray) -> FloatArray:
    """Sums over the last axis of the positive and negative real parts, then imaginary parts: (4, ...)."""
    re, im = powers.real, powers.imag
    both = [np.maximum(part, 0).sum(axis=-1) for part in (re, -re, im, -im)]
    return np.stack(both)


def real_range(sums: Sums, box: Box) -> tuple[FloatArray, FloatArray]:
    """Least and greatest sum over k of Re(w A^k z_k), z_k anywhere in the box."""
    high = sums.re_up * box.re_high - sums.re_down * box.re_low + sums.im_down * box.im_high - sums.im_up * box.im_low
    low = sums.re_up * box.re_low - sums.re_down * box.re_high + sums.im_down * box.im_low - sums.im_up * box.im_high
    return low, high


def imaginary_range(sums: Sums, box: Box) -> tuple[FloatArray, FloatArray]:
    """Least and greatest sum over k of Im(w A^k z_k)."""
    high = sums.im_up * box.re_high - sums.im_down * box.re_low + sums.re_up * box.im_high - sums.re_down * box.im_low
    low = sums.im_up * box.re_low - sums.im_down * box.re_high + sums.re_up * box.im_low - sums.re_down * box.im_high
    return low, high
