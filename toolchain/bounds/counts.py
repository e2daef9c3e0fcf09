"""Which values of a step may not fit: what a simulator has to count, proven from ranges."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from toolchain.bounds.ranges import Bounds, Range, fits
from toolchain.ir.integer import Overflow, limits
from toolchain.ir.program import Population
from toolchain.ir.timestep import all_registers
from toolchain.ir.tracing import Listing


@dataclass(frozen=True)
class Count:
    """Values that may not fit: those of one register, or of a port with a trap.

    Attributes:
        value: name of the instruction's result, or ``port.<port>``.
        register: its register, or "" for a port.
        bits, rule: of the register or port.
    """

    value: str
    register: str
    bits: int
    rule: Overflow


def counts_of(population: Population, listing: Listing, found: Bounds, ports: Mapping[str, Range]) -> tuple[Count, ...]:
    """Everything that may not fit, in the order in which it is checked; `ports` bounds what arrives at each."""
    return (*_port_counts(population, ports), *_register_counts(population, listing, found))


def _port_counts(population: Population, ports: Mapping[str, Range]) -> Iterator[Count]:
    for port in population.type.ports:
        if port.overflow == Overflow.TRAP and not fits(ports[port.name], port.bits):
            yield Count(f"port.{port.name}", "", port.bits, port.overflow)


def _register_counts(population: Population, listing: Listing, found: Bounds) -> Iterator[Count]:
    declared = {register.name: register for register in all_registers(population)}
    for instruction in listing.instructions:
        if instruction.register:
            register = declared[instruction.register]
            bits = population.width(register.bits)
            if may_not_fit(found[instruction.operands[0]], bits, register.overflow):
                yield Count(instruction.result, register.name, bits, register.overflow)


def may_not_fit(value: Range, bits: int, rule: Overflow) -> bool:
    """Whether the overflow rule of a register can act on a value of that range."""
    low, high = limits(bits)
    return value[0] < (-high if rule == Overflow.SATURATE else low) or value[1] > high
