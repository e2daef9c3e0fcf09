"""What each value of a traced step can be at most: the proof that says which lanes are wide enough.

A primitive whose every operand is monotone (it rises or falls, the others fixed) takes its extremes at the corners of
the operands' ranges, so the primitives of `integer` themselves, on Python's unbounded integers, give the bounds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from typing import TypeAlias

import numpy as np

from toolchain.ir.integer import PRIMITIVES, Overflow, limits
from toolchain.ir.program import Population
from toolchain.ir.timestep import all_registers, initial_value, stored_registers
from toolchain.ir.tracing import Instruction, Listing, Operand, Symbol, trace_step

Range: TypeAlias = tuple[int, int]

ANYTHING: Range = limits(64)
FLAGS = ("greater", "greater_equal", "equal")
MONOTONE = (
    "add", "subtract", "multiply", "shift_left", "shift_floor", "multiply_shift_floor", "multiply_shift_toward_zero",
    "saturate",
)  # fmt: skip


@dataclass(frozen=True)
class Bounds:
    """Ranges of every symbol and result of a listing, by name; `state` says what a stored register may hold."""

    of: Mapping[str, Range]
    state: Mapping[str, Range]

    def __getitem__(self, operand: Operand) -> Range:
        return self.of[operand.name] if isinstance(operand, Symbol) else (operand, operand)


def fits(value: Range, bits: int) -> bool:
    """Whether every value of the range is a two's complement word of `bits`."""
    low, high = limits(bits)
    return low <= value[0] and value[1] <= high


def hull(*ranges: Range) -> Range:
    """The least range that holds all."""
    return min(low for low, _ in ranges), max(high for _, high in ranges)


def lane_width(value: Range) -> int:
    """32 or 64 bits."""
    return 32 if fits(value, 32) else 64


def message_width(value: Range) -> int:
    """Bits of a stored message: spikes and other small numbers are bytes."""
    return 8 if fits(value, 8) else lane_width(value)


def bounds(population: Population, listing: Listing) -> Bounds:
    """Bound every value of a population's step, whatever arrives.

    A stored register is bounded by its declared width if what is stored fits that, otherwise by nothing but int64.
    """
    state = {r.name: limits(population.width(r.bits)) for r in stored_registers(population)}
    starts = {r.name: initial_value(population, r) for r in stored_registers(population)}
    found = _bounds(population, listing, state)
    after = {name: hull(found[value], (starts[name], starts[name])) for name, value in listing.registers.items()}
    loose = [name for name, value in after.items() if hull(value, state[name]) != state[name]]
    if not loose:
        return found
    return _bounds(population, listing, state | dict.fromkeys(loose, ANYTHING))


def message_range(population: Population) -> Range:
    """The least and the greatest message that the step can emit, from its arithmetic alone."""
    listing = trace_step(population)
    return hull((0, 0), bounds(population, listing)[listing.message])


def _bounds(population: Population, listing: Listing, state: Mapping[str, Range]) -> Bounds:
    of = {f"state.{name}": value for name, value in state.items()}
    of |= {f"port.{port.name}": limits(port.bits) for port in population.type.ports}
    own = population.values()
    for coefficient in population.type.coefficients:
        values = np.asarray(own[coefficient.name])
        of[f"own.{coefficient.name}"] = (int(values.min()), int(values.max()))
    found = Bounds(of, state)
    rules = {r.name: (r.overflow, population.width(r.bits)) for r in all_registers(population)}
    for instruction in listing.instructions:
        value = _result(instruction, [found[operand] for operand in instruction.operands], population.modes)
        if instruction.register:
            value = _held(value, *rules[instruction.register])
        of[instruction.result] = value if fits(value, 64) else ANYTHING
    return found


def _result(instruction: Instruction, operands: list[Range], modes: int) -> Range:
    name = instruction.primitive
    if name in FLAGS:
        return 0, 1
    if name == "select":
        return hull(*operands[1:])
    if name == "sum_modes":
        low, high = operands[0]
        return min(low, modes * low), max(high, modes * high)
    if name in MONOTONE:
        corners = [PRIMITIVES[name](*map(_exact, corner)) for corner in product(*operands)]
        return int(min(corners)), int(max(corners))
    if name in ("lookup", "each_mode", "trap"):
        return operands[0]
    return limits(operands[1][0]) if name == "wrap" else ANYTHING


def _exact(value: int) -> object:
    """A Python integer that numpy leaves one."""
    return np.array(value, dtype=object)


def _held(value: Range, rule: Overflow, bits: int) -> Range:
    """What a register holds of a value; after a trap the run ends, so nothing beyond its width is ever used."""
    low, high = limits(bits)
    if rule == Overflow.WRAP and fits(value, bits):
        return value
    return (max(min(value[0], high), low), min(max(value[1], low), high)) if rule == Overflow.TRAP else value
