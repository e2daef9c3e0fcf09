"""What a population's step reads, writes and counts, and in how many bits: decided from its declarations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from toolchain.bounds.counts import Count, counts_of
from toolchain.bounds.ranges import Bounds, Range, bounds, hull, lane_width, message_range, message_width
from toolchain.bounds.sums import port_ranges
from toolchain.ir.integer import limits
from toolchain.ir.neurons import Register
from toolchain.ir.program import Population, Program
from toolchain.ir.timestep import all_registers
from toolchain.ir.tracing import Listing, trace_step


@dataclass(frozen=True, eq=False)
class Plan:
    """One population before its step is written.

    Attributes:
        ports: bounds of what arrives, by port name, before the port's rule.
        counts: what may not fit, in the order in which it is checked.
        probed: registers to record at every step.
        message: range of what is emitted.
    """

    population: Population
    listing: Listing
    bounds: Bounds
    ports: Mapping[str, Range]
    counts: tuple[Count, ...]
    probed: tuple[Register, ...]
    message: Range

    def state_bits(self, register: str) -> int:
        """Bits in which a stored register is kept."""
        return lane_width(self.bounds.of[f"state.{register}"])

    def own_bits(self, coefficient: str) -> int:
        """Bits in which a coefficient is kept."""
        return lane_width(self.bounds.of[f"own.{coefficient}"])

    def port_bits(self, port: str) -> int:
        """Bits of what arrives at a port."""
        return lane_width(self.ports[port])

    @property
    def message_bits(self) -> int:
        """Bits in which a message is kept."""
        return message_width(self.message)

    def probe_bits(self, register: str) -> int:
        """Bits in which a register is recorded."""
        listing = self.listing
        ranges = [self.bounds[listing.registers[register]]] if register in listing.registers else []
        ranges += [self.bounds.of[listing.kept[register]]] if register in listing.kept else []
        return lane_width(hull((0, 0), *ranges))

    def extent(self, register: Register) -> tuple[int, ...]:
        """Shape of a register, without samples."""
        return self.population.extent(register.per)


def source_ranges(program: Program) -> dict[str, Range]:
    """The least and the greatest message of every input and population."""
    ranges = {source.name: limits(source.bits) for source in program.inputs}
    return ranges | {population.name: message_range(population) for population in program.populations}


def plans(program: Program, messages: Mapping[str, Range], probed: Mapping[str, frozenset[str]]) -> dict[str, Plan]:
    """Decide every population; `probed` holds the names of the registers to record, by population."""
    return {p.name: _plan(program, p, messages, probed.get(p.name, frozenset())) for p in program.populations}


def _plan(program: Program, population: Population, messages: Mapping[str, Range], probed: frozenset[str]) -> Plan:
    listing = trace_step(population)
    found = bounds(population, listing)
    joined = {
        port.name: tuple(joint for joint in program.into(population.name) if joint.port == port.name)
        for port in population.type.ports
    }
    ports = {name: port_ranges(joints, messages) for name, joints in joined.items()}
    counts = counts_of(population, listing, found, ports)
    recorded = tuple(register for register in all_registers(population) if register.name in probed)
    return Plan(population, listing, found, ports, counts, recorded, messages[population.name])
