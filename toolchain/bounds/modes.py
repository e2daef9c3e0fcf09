"""Bounds of the neuron types that hold complex modes: their states, and the readout of a state space."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from toolchain.bounds.responses import (
    SAFETY,
    Box,
    ComplexArray,
    FloatArray,
    Sums,
    combined_sums,
    imaginary_range,
    real_range,
    response_sums,
)
from toolchain.bounds.widths import room
from toolchain.ir.integer import add, fit
from toolchain.ir.interval import Interval, interval
from toolchain.ir.program import Population

ANYTHING = 1 << 61


@dataclass(frozen=True, eq=False)
class ModeBounds:
    """What is known of a population with modes.

    Attributes:
        claims: by register, bounds on what enters it while no state saturates; sound wherever `fits`.
        fits: whether no mode of a neuron can saturate, (size,).
        reached: by register, what some input does reach (low, high), where the whole drive is free to choose.
    """

    claims: Mapping[str, Interval]
    fits: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]
    reached: Mapping[str, Interval]

    def known(self) -> dict[str, Interval]:
        """The claims, opened wide for neurons in which they are not sound."""
        return {name: self._opened(claim) for name, claim in self.claims.items()}

    def _opened(self, claim: Interval) -> Interval:
        sound = self.fits.reshape(-1, *(1,) * (claim.low.ndim - 1))
        return Interval(np.where(sound, claim.low, -ANYTHING), np.where(sound, claim.high, ANYTHING))


def mode_bounds(population: Population, ports: Mapping[str, Interval], terms: int | None) -> ModeBounds | None:
    """Bounds for a population with modes; None for a type that has none.

    Args:
        population: whose registers.
        ports: what can arrive at each port in a step.
        terms: how many steps a run has; None for any number.
    """
    names = {register.name for register in population.type.registers}
    if not {"state_re", "state_im"} <= names:
        return None
    if population.modes == 0:
        return _oscillator(population, ports, terms)
    return _state_space(population, ports, terms)


def _oscillator(population: Population, ports: Mapping[str, Interval], terms: int | None) -> ModeBounds | None:
    """`resonate_fire`: four products a step, each rounded toward zero by less than one unit."""
    own = population.values()
    poles = (own.cos_decay + 1j * own.sin_decay) / 2.0**own.decay_bits
    if np.any(np.square(poles.real) + np.square(poles.imag) >= 1):
        return None
    real, imag = (_with_zero(ports[name], own.state_exp) for name in ("real", "imag"))
    box = Box(real[0] - 2, real[1] + 2, imag[0] - 2, imag[1] + 2)
    sums = response_sums(poles, np.ones_like(poles), terms)
    claims = {"state_re": _integers(*real_range(sums, box)), "state_im": _integers(*imaginary_range(sums, box))}
    return ModeBounds(claims, _fits(population, claims), {})


def _with_zero(port: Interval, shift: int) -> tuple[FloatArray, FloatArray]:
    """Ends of what a port adds, opened to hold 0: nothing may arrive."""
    scale = 2.0**shift
    return np.minimum(port.low, 0) * scale, np.maximum(port.high, 0) * scale


def _integers(low: FloatArray, high: FloatArray) -> Interval:
    """The least interval of integers around two bounds."""
    first, last = (np.clip(end, -ANYTHING, ANYTHING).astype(np.int64) for end in (np.floor(low), np.ceil(high)))
    return Interval(first, last)


def _fits(population: Population, claims: Mapping[str, Interval]) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    fits = np.ones(population.size, dtype=np.bool_)
    for name, claim in claims.items():
        declared = population.type.register(name)
        least, most = room(population.width(declared.bits), declared.overflow)
        inside = (claim.low >= least) & (claim.high <= most)
        fits &= inside.reshape(population.size, -1).all(axis=1)
    return fits


def _state_space(population: Population, ports: Mapping[str, Interval], terms: int | None) -> ModeBounds:
    """Floor at each product: the real part errs by less than 1 either way, the imaginary part by 0 to -2."""
    own = population.values()
    poles = (own.a_re + 1j * own.a_im) / 2.0 ** (own.a_bits - 1)
    drive = held_drive(population, ports)
    low, high = (end[:, None] for end in _with_zero(drive, own.input_shift))
    one, still = np.ones_like(poles), np.zeros_like(poles.real)
    sums = response_sums(poles, one, terms)
    box, noise = Box(low - 1, high + 1, still - 2, still), Box(still - 1, still + 1, still - 2, still)
    claims = {"state_re": _integers(*real_range(sums, box)), "state_im": _integers(*imaginary_range(sums, box))}
    fits = _fits(population, claims)
    claims["readout"] = _readout(population, poles, drive, noise, terms)
    return ModeBounds(claims, fits, _reached(population, sums, drive, noise))


def held_drive(population: Population, ports: Mapping[str, Interval]) -> Interval:
    """What the drive register of a state space holds."""
    arrived = add(ports["input"], interval(population.values().bias))
    declared = population.type.register("drive")
    held: Interval = fit(arrived, population.width(declared.bits), declared.overflow)
    return held


def _readout(population: Population, poles: ComplexArray, drive: Interval, noise: Box, terms: int | None) -> Interval:
    """The modes' joint impulse response and the skip, then what rounding of states and products adds."""
    own = population.values()
    c = (own.c_re + 1j * own.c_im) / 2.0**own.c_shift
    up, down, first = combined_sums(poles, c, terms)
    low, high = _with_zero(drive, own.input_shift)
    skip = first + own.d / 2.0 ** (own.d_shift + own.input_shift)
    top = up * high - down * low + np.maximum(skip * high, skip * low)
    bottom = up * low - down * high + np.minimum(skip * high, skip * low)
    errors = response_sums(poles, c, terms)
    less, more = (end.sum(axis=1) for end in real_range(errors, noise))
    modes = poles.shape[1]
    return _integers(bottom + less - modes - 2, top + more + modes + 1)


def _reached(population: Population, sums: Sums, drive: Interval, noise: Box) -> dict[str, Interval]:
    """What the drive's extremes, in the signs of the impulse response, are sure to reach in spite of rounding."""
    own = population.values()
    scale = 2.0**own.input_shift
    low, high = drive.low[:, None] * scale, drive.high[:, None] * scale
    still = np.zeros_like(sums.tail)
    found = {}
    for name, extent in (("state_re", real_range), ("state_im", imaginary_range)):
        bottom, top = extent(sums, Box(low + still, high + still, still, still))
        less, more = extent(sums, noise)
        # Bounds are from above: their tails and their margin for float64 are no part of what is sure.
        unsure = 2 * sums.tail * np.maximum(np.abs(low), np.abs(high)) + 1
        unsure += 2 * (SAFETY - 1) * (np.abs(top) + np.abs(bottom))
        found[name] = _integers(bottom + more + unsure, top + less - unsure)
    return found
