"""Bounds as passes need them: magnitudes of what arrives."""

from __future__ import annotations

import numpy as np

from toolchain.bounds.arrivals import at_port
from toolchain.bounds.messages import sent
from toolchain.bounds.widths import magnitude
from toolchain.ir.integer import IntArray, Value, shift_floor, shift_left
from toolchain.ir.program import Program


def exactly_shifted(values: IntArray, exponent: int) -> IntArray | None:
    """values * 2^exponent, or None where that is no integer."""
    if exponent >= 0:
        return np.asarray(shift_left(values, exponent))
    shifted = shift_floor(values, -exponent)
    return np.asarray(shifted) if np.array_equal(shift_left(shifted, -exponent), values) else None


def worst_arrival(program: Program, population: str, port: str) -> IntArray:
    """Greatest magnitude that can reach each neuron's port in one step, (neuron,)."""
    return magnitude(at_port(program, program.population(population), port, sent(program)))


def shifted_down(magnitudes: IntArray, bits: Value) -> IntArray:
    """Magnitudes over 2^bits, one number of bits or one each, rounded away from zero."""
    return np.asarray(np.negative(shift_floor(np.negative(magnitudes), bits)))
