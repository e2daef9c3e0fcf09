"""What each value of a traced step can be, over all neurons of a population: the proof that lanes are wide enough.

Python's unbounded integers carry the ends, so that a value which does not fit 64 bits is noticed and not wrapped.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from toolchain.ir.integer import PRIMITIVES, limits
from toolchain.ir.interval import Interval, interval, within
from toolchain.ir.neurons.base import Extent, Port
from toolchain.ir.program import Population
from toolchain.ir.timestep import initial_value, stored_registers
from toolchain.ir.tracing import Listing, Operand, Symbol

Range: TypeAlias = tuple[int, int]

ANYTHING: Range = limits(64)


@dataclass(frozen=True)
class Bounds:
    """Ranges of every symbol and result of a listing, by name; `state` says what a stored register may hold."""

    of: Mapping[str, Range]
    state: Mapping[str, Range]

    def __getitem__(self, operand: Operand) -> Range:
        return self.of[operand.name] if isinstance(operand, Symbol) else (operand, operand)


def hull_of(*ranges: Range) -> Range:
    """The least range that holds all."""
    return min(low for low, _ in ranges), max(high for _, high in ranges)


def bounds(population: Population, listing: Listing, ports: Mapping[str, Range] | None = None) -> Bounds:
    """Bound every value of a population's step, whatever arrives.

    A stored register is bounded by its declared width if what is stored fits that, otherwise by nothing but int64.

    Args:
        population: whose step.
        listing: of it.
        ports: what can arrive at each port, before the port's rule; by default anything that the port holds.
    """
    state = {r.name: limits(population.width(r.bits)) for r in stored_registers(population)}
    starts = {r.name: initial_value(population, r) for r in stored_registers(population)}
    held = {port.name: _at_port(port, (ports or {}).get(port.name, ANYTHING)) for port in population.type.ports}
    found = _bounds(population, listing, state, held)
    after = {name: hull_of(found[value], (starts[name], starts[name])) for name, value in listing.registers.items()}
    loose = [name for name, value in after.items() if hull_of(value, state[name]) != state[name]]
    if not loose:
        return found
    return _bounds(population, listing, state | dict.fromkeys(loose, ANYTHING), held)


def _at_port(port: Port, arriving: Range) -> Range:
    """What a port holds of what arrives, and of nothing."""
    low, high = limits(port.bits)
    found = hull_of(arriving, (0, 0))
    return found if low <= found[0] and found[1] <= high else (low, high)


def _bounds(population: Population, listing: Listing, state: Mapping[str, Range], ports: Mapping[str, Range]) -> Bounds:
    extents = {register.name: register.per for register in stored_registers(population)}
    known: dict[str, Any] = {f"state.{n}": _all(population, value, extents[n]) for n, value in state.items()}
    known |= {f"port.{port.name}": _all(population, ports[port.name]) for port in population.type.ports}
    own, tables = population.values(), {}
    for coefficient in population.type.coefficients:
        values = np.asarray(own[coefficient.name])
        known[f"own.{coefficient.name}"] = _all(population, (int(values.min()), int(values.max())), coefficient.per)
        if coefficient.per == "population":
            tables[f"own.{coefficient.name}"] = values.astype(object)
    for instruction in listing.instructions:
        operands = [
            operand if isinstance(operand, int) else tables.get(operand.name, known[operand.name])
            for operand in instruction.operands
        ]
        primitive = PRIMITIVES.get(instruction.primitive)
        result = None if primitive is None else _exact(primitive(*operands))
        known[instruction.result] = _all(population, ANYTHING) if result is None else result
    return Bounds({name: (int(value.low.min()), int(value.high.max())) for name, value in known.items()}, state)


def _all(population: Population, value: Range, per: Extent = "neuron") -> Interval:
    """One range for all neurons; a neuron's modes stay side by side, since they are summed."""
    shape = (1, population.modes) if per == "mode" else (1,)
    low, high = (np.full(shape, end, dtype=object) for end in value)
    return Interval(low, high)


def _exact(value: object) -> Interval | None:
    """The very interval, its ends as Python's integers; None where 64 bits do not hold it."""
    found = interval(value)
    found.low, found.high = (np.atleast_1d(end).astype(object) for end in (found.low, found.high))
    return found if within(found, *ANYTHING) else None
