"""Integers for C and D of a state space: each neuron in its own scale, rounded so that the readout errs least.

The states of a neuron's modes follow one drive, so that their errors in C can cancel. With G the second moments of
(states, drive) that calibration saw, an error e of a neuron's coefficients costs e^T G e. `fitted` rounds coefficient
by coefficient and lets those to come make up for what was lost: the least-squares compensation of optimal brain
surgery (Hassibi and Stork 1993) in the fixed order of GPTQ (Frantar et al. 2023).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from toolchain.frontend.graph import FloatArray
from toolchain.ir.integer import IntArray
from toolchain.quantize.settings import Settings

MAX_SHIFT = 31
CANDIDATES = 24
"""Gains looked at for each neuron, from the greatest down to half of it."""
DAMPING = 1e-6
"""Share of the mean moment added to each, so that modes which hardly differ keep a definite solution."""

ComplexArray = NDArray[np.complex128]


@dataclass(frozen=True, eq=False)
class Readout:
    """Coefficients in integers.

    Attributes:
        c_re, c_im: (size, modes).
        d, d_shift: (size,).
        c_gain: integer C per real C, (size,).
        d_scale: integer D per real D, (size,).
    """

    c_re: IntArray
    c_im: IntArray
    d: IntArray
    d_shift: IntArray
    c_gain: FloatArray
    d_scale: FloatArray


def choose_readout(
    c: ComplexArray,
    d: FloatArray,
    moments: FloatArray,
    most: FloatArray,
    shift: int,
    settings: Settings,
    *,
    free: bool = True,
) -> Readout:
    """Round C and D.

    Args:
        c: (size, modes), with the conjugate modes' factor 2 folded in.
        d: (size,).
        moments: of (Re x, Im x a mode by turns, then the drive), (size, features, features).
        most: the greatest gain at which all coefficients of a neuron fit, (size,).
        shift: fraction bits of the readout's shift beyond those of the state, so that D's own step is 2^-shift of C's.
        settings: widths and the rule.
        free: whether a smaller gain will do as well; otherwise it is `most`.
    """
    if settings.c_scale == "layer":
        return _one_scale(c, d, most, shift, settings)
    fitted = settings.c_rounding == "fitted"
    factor = _factor(moments) if fitted else None
    best, least = _rounded(c, d, moments, factor, most, shift, settings)
    for step in range(1, CANDIDATES) if fitted and free else ():
        gain = most * 2.0 ** (-step / CANDIDATES)
        other, errors = _rounded(c, d, moments, factor, gain, shift, settings)
        best, least = _taken(best, other, errors < least), np.minimum(least, errors)
    return best


def _taken(one: Readout, other: Readout, better: NDArray[np.bool_]) -> Readout:
    """The other one's neurons where they are better."""

    def pick(a: NDArray[np.generic], b: NDArray[np.generic]) -> NDArray[np.generic]:
        return np.where(better.reshape(-1, *(1,) * (a.ndim - 1)), b, a)

    names = ("c_re", "c_im", "d", "d_shift", "c_gain", "d_scale")
    return Readout(**{name: pick(getattr(one, name), getattr(other, name)) for name in names})  # type: ignore[arg-type]


def _rounded(
    c: ComplexArray,
    d: FloatArray,
    moments: FloatArray,
    factor: FloatArray | None,
    gain: FloatArray,
    shift: int,
    settings: Settings,
) -> tuple[Readout, FloatArray]:
    """Integers at given gains, and each neuron's mean squared error of the readout."""
    top = (1 << (settings.c_bits - 1)) - 1
    d_shift = _skip_shift(d, gain * 2.0**-shift, top)
    d_scale = gain * np.exp2(d_shift - shift)
    real = features(c, d)
    steps = np.concatenate([np.repeat(gain[:, None], 2 * c.shape[1], axis=1), d_scale[:, None]], axis=1)
    if factor is None:
        whole = np.clip(np.rint(real * steps), -top, top)
    else:
        whole = _compensated(real, steps, factor, top)
    error = whole / steps - real
    cost = np.einsum("hf,hfg,hg->h", error, moments, error)
    parts = whole[:, :-1].reshape(*c.shape, 2).astype(np.int64)
    return Readout(parts[..., 0], -parts[..., 1], whole[:, -1].astype(np.int64), d_shift, gain, d_scale), cost


def features(c: ComplexArray, d: FloatArray) -> FloatArray:
    """Coefficients in the order of the moments: y = sum of Re c Re x - Im c Im x, + d drive."""
    modes = np.stack([c.real, -c.imag], axis=-1).reshape(len(c), -1)
    return np.concatenate([modes, d[:, None]], axis=1)


def _factor(moments: FloatArray) -> FloatArray:
    """The upper Cholesky factor of the moments' inverse, (size, features, features)."""
    count = moments.shape[1]
    mean = np.trace(moments, axis1=1, axis2=2) / count
    damped = moments + (DAMPING * np.maximum(mean, 1e-30))[:, None, None] * np.eye(count)
    factor: FloatArray = np.swapaxes(np.linalg.cholesky(np.linalg.inv(damped)), 1, 2)
    return factor


def _compensated(real: FloatArray, steps: FloatArray, factor: FloatArray, top: int) -> FloatArray:
    """Round one coefficient after the other; what is lost is made up for by those that are still to come."""
    left, whole = real.copy(), np.empty_like(real)
    for f in range(real.shape[1]):
        whole[:, f] = np.clip(np.rint(left[:, f] * steps[:, f]), -top, top)
        lost = (left[:, f] - whole[:, f] / steps[:, f]) / factor[:, f, f]
        left[:, f + 1 :] -= lost[:, None] * factor[:, f, f + 1 :]
    return whole


def _skip_shift(d: FloatArray, base: FloatArray, top: int) -> IntArray:
    """The greatest shift, one a neuron, at which the skip's integer still fits its width."""
    size = np.maximum(np.abs(d) * base, top * 2.0**-MAX_SHIFT)
    shift = np.floor(np.log2(top / size))
    return np.minimum(np.maximum(shift, 0), MAX_SHIFT).astype(np.int64)


def _one_scale(c: ComplexArray, d: FloatArray, most: FloatArray, shift: int, settings: Settings) -> Readout:
    """One scale for C and D of a whole layer: for comparison, it ruins accuracy."""
    top = (1 << (settings.c_bits - 1)) - 1
    gain = np.full(len(d), min(float(most.min()), top / float(np.abs(d).max())))
    d_shift = np.full(len(d), max(0, shift), dtype=np.int64)
    d_scale = gain * np.exp2(d_shift - shift)
    rounded = (np.rint(c.real * gain[:, None]), np.rint(c.imag * gain[:, None]), np.rint(d * d_scale))
    c_re, c_im, d_whole = (np.clip(part, -top, top).astype(np.int64) for part in rounded)
    return Readout(c_re, c_im, d_whole, d_shift, gain, d_scale)
