"""Bounds as passes need them: magnitudes of what arrives, and the relay that holds it."""

from __future__ import annotations

import numpy as np

from toolchain.bounds.arrivals import at_port
from toolchain.bounds.messages import sent
from toolchain.bounds.widths import magnitude
from toolchain.errors import UnsupportedError
from toolchain.ir.integer import IntArray, Value, shift_floor, shift_left
from toolchain.ir.program import PAYLOAD_BITS, Program


def exactly_shifted(values: IntArray, exponent: int) -> IntArray | None:
    """values * 2^exponent, or None where that is no integer."""
    if exponent >= 0:
        return np.asarray(shift_left(values, exponent))
    shifted = shift_floor(values, -exponent)
    return np.asarray(shifted) if np.array_equal(shift_left(shifted, -exponent), values) else None


def worst_arrival(program: Program, population: str, port: str) -> IntArray:
    """Greatest magnitude that can reach each neuron's port in one step, (neuron,)."""
    return magnitude(at_port(program, program.population(population), port, sent(program)))


def relay_bits(where: str, greatest: int) -> int:
    """Width of a relay that never saturates at magnitudes up to `greatest`.

    Raises:
        UnsupportedError: it would be over 24 bits.
    """
    bits = max(2, int(greatest).bit_length() + 1)
    if bits > PAYLOAD_BITS:
        what = f"sums up to {greatest} need a relay of {bits} bits (max {PAYLOAD_BITS})"
        raise UnsupportedError(where, what, "lower an exponent, or leave the pass out")
    return bits


def shifted_down(magnitudes: IntArray, bits: Value) -> IntArray:
    """Magnitudes over 2^bits, one number of bits or one each, rounded away from zero."""
    return np.asarray(np.negative(shift_floor(np.negative(magnitudes), bits)))
