"""What can reach a neuron at worst: bounds that hold whatever the input is."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import scipy.sparse

from toolchain.errors import UnsupportedError
from toolchain.ir.integer import IntArray, Value, shift_floor, shift_left, weighted_sum
from toolchain.ir.program import PAYLOAD_BITS, Population, Program, Projection


def exactly_shifted(values: IntArray, exponent: int) -> IntArray | None:
    """values * 2^exponent, or None where that is no integer."""
    if exponent >= 0:
        return np.asarray(shift_left(values, exponent))
    shifted = shift_floor(values, -exponent)
    return np.asarray(shifted) if np.array_equal(shift_left(shifted, -exponent), values) else None


def peaks(program: Program) -> dict[str, IntArray]:
    """Greatest magnitude that each input channel or neuron can emit, by source, (neuron,).

    From the width of the messages; a relay saturates symmetrically and emits no more than can reach it, which is
    found relay by relay.
    """
    found = {name: _widest(program, name) for name in program.sizes()}
    relays = [population for population in program.populations if population.neuron == "relay"]
    for _ in relays:
        for relay in relays:
            found[relay.name] = np.minimum(found[relay.name], _passed_on(program, relay, found))
    return found


def _widest(program: Program, name: str) -> IntArray:
    low, high = program.source_range(name)
    relays = (population.name for population in program.populations if population.neuron == "relay")
    greatest = high if name in relays else max(-low, high)
    return np.full(program.sizes()[name], greatest, dtype=np.int64)


def _passed_on(program: Program, relay: Population, found: Mapping[str, IntArray]) -> IntArray:
    total = np.abs(relay.values()["bias"])
    for projection in program.into(relay.name):
        total = total + shifted_up(worst_sums(projection, found), projection.exponent)
    return np.asarray(total)


def worst_sums(projection: Projection, found: Mapping[str, IntArray]) -> IntArray:
    """Greatest magnitude of the weighted sum at each target, before the exponent, (target,), from `peaks`."""
    weights = abs(scipy.sparse.csr_array(projection.connection.matrix()))
    return np.asarray(weighted_sum(weights, found[projection.source][None])[0])


def shifted_up(magnitudes: IntArray, exponent: int) -> IntArray:
    """Magnitudes times 2^exponent, rounded away from zero: an upper bound of a floored shift of either sign."""
    if exponent >= 0:
        return np.asarray(shift_left(magnitudes, exponent))
    return shifted_down(magnitudes, -exponent)


def worst_arrival(program: Program, population: str, port: str) -> IntArray:
    """Greatest magnitude that can reach each neuron's port in one step, (neuron,)."""
    found = peaks(program)
    total: IntArray = np.zeros(program.sizes()[population], dtype=np.int64)
    for projection in program.into(population):
        if projection.port == port:
            total = total + shifted_up(worst_sums(projection, found), projection.exponent)
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
