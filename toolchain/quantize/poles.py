"""Rounding of poles: real and imaginary part to nearest, or jointly where that would bend a slow pole too far.

A pole A = |A| e^(i phase) has a time constant of -1 / ln |A| steps. Rounding moves A by at most half a unit in either
part, which is nothing to a fast pole and much to one whose 1 - |A| is a few units. Two numbers say how much: the
relative error of the time constant, and the phase lost within one time constant, in radians. Where one is over the
tolerance, the pole goes to the neighbour, strictly inside the unit circle, at which the greater of both is least.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from toolchain.frontend.graph import FloatArray
from toolchain.ir.integer import IntArray
from toolchain.quantize.settings import Settings

ComplexArray = NDArray[np.complex128]

MAX_A_BITS = 24
NEIGHBOURS = (-1, 0, 1, 2)
"""Distances from the integer below, in either part, of the places that a joint rounding looks at."""
FORGETFUL = float(np.exp(-1.0))
"""A pole below this magnitude forgets within a step; its time constant is not judged."""


@dataclass(frozen=True, eq=False)
class RoundedPoles:
    """Poles in integers, (size, modes) each.

    Attributes:
        a_re, a_im: with bits - 1 fraction bits, inside the unit circle.
        bits: their width.
        joint: where both parts were rounded together.
        time_error: relative error of the time constant.
        phase_drift: error of the phase within one time constant, radians.
    """

    a_re: IntArray
    a_im: IntArray
    bits: int
    joint: NDArray[np.bool_]
    time_error: FloatArray
    phase_drift: FloatArray

    @property
    def worst(self) -> FloatArray:
        """The greater of both errors."""
        greater: FloatArray = np.maximum(self.time_error, self.phase_drift)
        return greater


def round_poles(poles: ComplexArray, settings: Settings) -> RoundedPoles:
    """Round poles at the width that the settings ask for, wider where they allow it and the tolerance needs it."""
    bits = settings.a_bits
    if settings.widen_poles:
        bits = least_bits(poles, bits, settings.pole_tolerance) or MAX_A_BITS
    return round_at(poles, bits, settings.pole_tolerance)


def least_bits(poles: ComplexArray, start: int, tolerance: float) -> int | None:
    """The least width from `start` on at which all poles meet the tolerance; None if 24 bits are too few."""
    widths = range(start, MAX_A_BITS + 1)
    return next((bits for bits in widths if np.all(round_at(poles, bits, tolerance).worst <= tolerance)), None)


def round_at(poles: ComplexArray, bits: int, tolerance: float) -> RoundedPoles:
    """Round poles at a width."""
    one = float(1 << (bits - 1))
    nearest = np.rint(poles.real * one) + 1j * np.rint(poles.imag * one)
    time_error, phase_drift = pole_errors(poles, nearest / one)
    joint = ~_inside(nearest, one) | (np.maximum(time_error, phase_drift) > tolerance)
    chosen = nearest.copy()
    chosen[joint] = _best_neighbour(poles[joint], one)
    time_error, phase_drift = pole_errors(poles, chosen / one)
    moved = joint & (chosen != nearest)
    a_re, a_im = chosen.real.astype(np.int64), chosen.imag.astype(np.int64)
    return RoundedPoles(a_re, a_im, bits, moved, time_error, phase_drift)


def _inside(whole: ComplexArray, one: float) -> NDArray[np.bool_]:
    inside: NDArray[np.bool_] = np.square(whole.real) + np.square(whole.imag) < one * one
    return inside


def _best_neighbour(poles: ComplexArray, one: float) -> ComplexArray:
    """Among 16 places around each pole the one of least error; the pole cut toward zero is always inside."""
    base = np.floor(poles.real * one) + 1j * np.floor(poles.imag * one)
    steps = np.array([re + 1j * im for re in NEIGHBOURS for im in NEIGHBOURS])
    places = base[:, None] + steps
    cost = np.maximum(*pole_errors(poles[:, None], places / one))
    cost = np.where(_inside(places, one), cost, np.inf)
    chosen: ComplexArray = np.take_along_axis(places, np.argmin(cost, axis=1)[:, None], axis=1)[:, 0]
    cut = np.trunc(poles.real * one) + 1j * np.trunc(poles.imag * one)
    return np.where(np.isfinite(cost.min(axis=1)), chosen, cut)


def pole_errors(poles: ComplexArray, rounded: ComplexArray) -> tuple[FloatArray, FloatArray]:
    """(relative error of the time constant, phase lost in one time constant in radians); 0 for forgetful poles."""
    judged = np.broadcast_to(np.abs(poles) > FORGETFUL, np.broadcast_shapes(poles.shape, rounded.shape))
    before, after = (np.where(judged, values, 0.5) for values in (poles, rounded))
    size = np.minimum(np.abs(after), np.nextafter(1.0, 0.0))
    constant, found = -1.0 / np.log(np.abs(before)), -1.0 / np.log(np.maximum(size, 1e-300))
    turned = np.abs(np.angle(np.where(after == 0, 1.0, after) / before))
    return np.abs(found / constant - 1.0), turned * constant


def pole_findings(name: str, poles: ComplexArray, settings: Settings) -> list[str]:
    """What rounding a unit's poles lost beyond the tolerance, and which width would not lose it."""
    rounded, tolerance = round_poles(poles, settings), settings.pole_tolerance
    over = rounded.worst > tolerance
    if not over.any():
        return []
    slow = float((-1.0 / np.log(np.abs(poles[over]))).max())
    what = (
        f"{int(over.sum())} of {over.size} poles, of time constants up to {slow:.0f} steps, are off by up to "
        f"{100 * rounded.time_error.max():.2g} % in time constant and {rounded.phase_drift.max():.2g} rad in phase "
        f"at {rounded.bits} bits"
    )
    enough = least_bits(poles, rounded.bits, tolerance)
    remedy = f"a_bits = {enough} keeps all within {tolerance:g}" if enough else "24 bits do not hold them either"
    return [f"{name}.a: {what}; {remedy}"]
