"""What the integer recurrence of a pole does without input: the dead zone and the limit cycles of its rounding.

Floor takes up to one unit a product, in one direction, so a slow pole never comes to rest at 0: it stays at an offset
of about 1 / (1 - |A|) units, or goes round in a cycle. Both are measured, by running the recurrence from random states
until it has settled, and bounded, by the same L1 norm as the state itself.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from toolchain.bounds.responses import Box, imaginary_range, real_range, response_sums
from toolchain.frontend.graph import FloatArray
from toolchain.ir.integer import IntArray, add, limits, multiply_shift_floor, subtract
from toolchain.ir.program import Population, Program
from toolchain.quantize.poles import ComplexArray, pole_errors
from toolchain.units.network import Network
from toolchain.units.state_space import StateSpace

STARTS = 4
WINDOW_STEPS = 256
MOST_STEPS = 1 << 15
TIME_CONSTANTS = 8


@dataclass(frozen=True)
class PoleRow:
    """One quantized pole.

    Attributes:
        population, neuron, mode: where.
        a_re, a_im, bits: its integers.
        magnitude: |A| of the integers, below 1.
        time_constant_steps: of the float pole.
        time_error, phase_drift: see `quantize.poles`.
        rest_units: greatest part of the state that was left without input, in units of the state's last place.
        rest: "zero", "fixed" (a constant offset), "cycle", or "moving" where it had not settled.
        rest_period_steps: of the cycle; 1 for a fixed state, 0 where none was found.
        rest_bound_units: that `rest_units` can't exceed, by proof.
    """

    population: str
    neuron: int
    mode: int
    a_re: int
    a_im: int
    bits: int
    magnitude: float
    time_constant_steps: float
    time_error: float
    phase_drift: float
    rest_units: int
    rest: Literal["zero", "fixed", "cycle", "moving"]
    rest_period_steps: int
    rest_bound_units: float

    def as_dict(self) -> dict[str, Any]:
        """The row by field."""
        return asdict(self)


def pole_rows(program: Program, network: Network, most: int | None = None) -> tuple[PoleRow, ...]:
    """One row for each pole of a program that was lowered from `network`.

    Args:
        program, network: of one compilation.
        most: about how many poles of a population; its neurons are then left out evenly.
    """
    rows: list[PoleRow] = []
    spaces = {unit.name: unit.poles for unit in network.units if isinstance(unit, StateSpace)}
    for population in program.populations:
        if population.name in spaces:
            poles = spaces[population.name]
            step = 1 if most is None else max(1, poles.size // most)
            rows += _population_rows(population, poles, slice(0, None, step))
    return tuple(rows)


def _population_rows(population: Population, poles: ComplexArray, chosen: slice) -> list[PoleRow]:
    own, poles = population.values(), poles[chosen]
    neurons, a_re, a_im = np.arange(population.size)[chosen], own.a_re[chosen], own.a_im[chosen]
    rounded = (a_re + 1j * a_im) / 2.0 ** (own.a_bits - 1)
    left, periods = measure_rest(a_re, a_im, own.a_bits, own.state_bits)
    bounds = rest_bound(rounded)
    time_error, phase_drift = pole_errors(poles, rounded)
    with np.errstate(divide="ignore"):
        constants = -1.0 / np.log(np.abs(poles))
    return [
        PoleRow(
            population=population.name,
            neuron=int(neurons[row]),
            mode=mode,
            a_re=int(a_re[row, mode]),
            a_im=int(a_im[row, mode]),
            bits=own.a_bits,
            magnitude=float(np.abs(rounded[row, mode])),
            time_constant_steps=float(constants[row, mode]),
            time_error=float(time_error[row, mode]),
            phase_drift=float(phase_drift[row, mode]),
            rest_units=int(left[row, mode]),
            rest=_kind(int(left[row, mode]), int(periods[row, mode])),
            rest_period_steps=int(periods[row, mode]),
            rest_bound_units=float(bounds[row, mode]),
        )
        for row, mode in np.ndindex(poles.shape)
    ]


def _kind(left: int, period: int) -> Literal["zero", "fixed", "cycle", "moving"]:
    if left == 0:
        return "zero"
    return "moving" if period == 0 else "fixed" if period == 1 else "cycle"


def rest_bound(poles: ComplexArray) -> FloatArray:
    """What rounding alone can hold up in a mode, in units: errors of floor in the box of `modes`."""
    still = np.zeros(poles.shape)
    box = Box(still - 1, still + 1, still - 2, still)
    sums = response_sums(poles, np.ones_like(poles), None)
    ends = [*real_range(sums, box), *imaginary_range(sums, box)]
    bounds: FloatArray = np.ceil(np.max(np.abs(ends), axis=0))
    return bounds


def measure_rest(a_re: IntArray, a_im: IntArray, a_bits: int, state_bits: int, seed: int = 0) -> tuple[IntArray, ...]:
    """Run poles without input until they settle.

    Args:
        a_re, a_im: (size, modes).
        a_bits, state_bits: widths.
        seed: of the random states to start from.

    Returns:
        The greatest part of the state that is left, and the steps after which it repeats (0 if it does not within
        256), over all starts; (size, modes) each.
    """
    fraction, shape = a_bits - 1, a_re.shape
    distance = np.maximum(1.0 - np.abs(a_re + 1j * a_im) / (1 << fraction), 2.0**-46)
    left, period = np.zeros(a_re.size, dtype=np.int64), np.zeros(a_re.size, dtype=np.int64)
    speed = np.floor(np.log2(distance)).ravel()
    rng = np.random.default_rng(seed)
    for group in np.unique(speed):  # poles that need about as long to settle
        chosen = np.flatnonzero(speed == group)
        reach = min(4.0 * 2.0**-group + 64, float(limits(state_bits)[1]))
        steps = int(min(TIME_CONSTANTS * 2.0**-group + 64, MOST_STEPS))
        state = rng.integers(-int(reach), int(reach) + 1, (2, STARTS, chosen.size))
        left[chosen], period[chosen] = _settled(a_re.ravel()[chosen], a_im.ravel()[chosen], fraction, state, steps)
    return left.reshape(shape), period.reshape(shape)


def _settled(a_re: IntArray, a_im: IntArray, fraction: int, state: IntArray, steps: int) -> tuple[IntArray, IntArray]:
    for _ in range(steps):
        state = _advanced(a_re, a_im, fraction, state)
    seen = [state]
    for _ in range(WINDOW_STEPS):
        seen.append(_advanced(a_re, a_im, fraction, seen[-1]))
    window = np.stack(seen)
    left = np.abs(window).max(axis=(0, 1, 2))
    same = (window[1:] == window[0]).all(axis=(1, 2))  # for each later step, whether all starts are back
    period = np.where(same.any(axis=0), np.argmax(same, axis=0) + 1, 0)
    return left, period


def _advanced(a_re: IntArray, a_im: IntArray, fraction: int, state: IntArray) -> IntArray:
    """One step without input, as `ssm_lif` takes it."""
    re, im = state
    next_re = subtract(multiply_shift_floor(a_re, re, fraction), multiply_shift_floor(a_im, im, fraction))
    next_im = add(multiply_shift_floor(a_re, im, fraction), multiply_shift_floor(a_im, re, fraction))
    return np.stack([next_re, next_im])
