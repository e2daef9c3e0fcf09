"""What can reach a neuron at worst: bounds that hold whatever the input is."""

from __future__ import annotations

import numpy as np

from toolchain.errors import UnsupportedError
from toolchain.ir.integer import IntArray, Value, shift_floor, shift_left
from toolchain.ir.program import PAYLOAD_BITS, Program, Projection
from toolchain.ir.verify import absolute_row_sums


def exactly_shifted(values: IntArray, exponent: int) -> IntArray | None:
    """values * 2^exponent, or None where that is no integer."""
    if exponent >= 0:
        return np.asarray(shift_left(values, exponent))
    shifted = shift_floor(values, -exponent)
    return np.asarray(shifted) if np.array_equal(shift_left(shifted, -exponent), values) else None


def worst_sums(program: Program, projection: Projection) -> IntArray:
    """Greatest magnitude of the weighted sum at each target, before the exponent, (target,)."""
    low, high = program.source_range(projection.source)
    return absolute_row_sums(projection.connection) * max(-low, high)


def shifted_up(magnitudes: IntArray, exponent: int) -> IntArray:
    """Magnitudes times 2^exponent, rounded away from zero: an upper bound of a floored shift of either sign."""
    if exponent >= 0:
        return np.asarray(shift_left(magnitudes, exponent))
    return shifted_down(magnitudes, -exponent)


def worst_arrival(program: Program, population: str, port: str) -> IntArray:
    """Greatest magnitude that can reach each neuron's port in one step, (neuron,)."""
    total: IntArray = np.zeros(program.sizes()[population], dtype=np.int64)
    for projection in program.into(population):
        if projection.port == port:
            total = total + shifted_up(worst_sums(program, projection), projection.exponent)
    return total


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
