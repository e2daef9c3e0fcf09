"""What each population's step reads, writes and counts, in what ranges: decided from its declarations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from exporters.scalar.synapses import Arrival, arrivals
from toolchain.bounds.counts import Count, counts_of
from toolchain.bounds.ranges import Bounds, Range, bounds, hull
from toolchain.bounds.sums import port_ranges
from toolchain.bounds.verify import verify
from toolchain.errors import InputError
from toolchain.ir.integer import IntArray, limits
from toolchain.ir.neurons import Register
from toolchain.ir.phases import Phases, phases
from toolchain.ir.program import Population, Probe, Program
from toolchain.ir.timestep import all_registers, stored_registers
from toolchain.ir.tracing import Instruction, Listing, Operand, Symbol, trace_step


@dataclass(frozen=True, eq=False)
class StepPlan:
    """One population before its step is written.

    Attributes:
        order: in which phase or loop over modes each instruction runs.
        ports: bounds of what arrives, by port name, before the port's rule.
        arrivals: how it arrives, by port name.
        counts: what may not fit, in the order in which it is checked.
        probed: registers to record that are not stored; stored ones can be read after every step.
        message: range of what is emitted.
    """

    population: Population
    listing: Listing
    bounds: Bounds
    order: Phases
    ports: Mapping[str, Range]
    arrivals: Mapping[str, tuple[Arrival, ...]]
    counts: tuple[Count, ...]
    probed: tuple[Register, ...]
    message: Range

    @property
    def stored(self) -> tuple[Register, ...]:
        """Registers that live from step to step."""
        return stored_registers(self.population)

    def state_range(self, register: str) -> Range:
        """What a stored register may hold."""
        return self.bounds.of[f"state.{register}"]

    def probe_range(self, register: str) -> Range:
        """What a register that is not stored may hold."""
        return hull((0, 0), self.bounds.of[self.listing.kept[register]])

    @cached_property
    def coefficients(self) -> dict[str, IntArray | int]:
        """The coefficients that the step uses: an array, or a number where all neurons share it; tables as they are."""
        own, found = self.population.values(), {}
        tables = {c.name for c in self.population.type.coefficients if c.per == "population"}
        for name in (c.name for c in self.population.type.coefficients if f"own.{c.name}" in self.used):
            values = np.asarray(own[name])
            shared = name not in tables and values.min() == values.max()
            found[name] = int(values.flat[0]) if shared else values
        return found

    @cached_property
    def used(self) -> frozenset[str]:
        """Names of all values that something kept, counted, recorded or emitted hangs on."""
        wanted = {v.name for v in (*self.listing.registers.values(), self.listing.message) if isinstance(v, Symbol)}
        wanted |= {self.listing.kept[register.name] for register in self.probed}
        counted = {count.value for count in self.counts}
        wanted |= counted
        for instruction in reversed(self.listing.instructions):
            if instruction.result in wanted and (
                instruction.result in counted or not self.is_number(instruction.result)
            ):
                wanted |= {operand.name for operand in self._read(instruction) if isinstance(operand, Symbol)}
        return frozenset(wanted)

    def is_number(self, result: str) -> bool:
        """Whether a result can be one number only, which is then written in its place."""
        low, high = self.bounds.of[result]
        return low == high

    def _read(self, instruction: Instruction) -> tuple[Operand, ...]:
        """The operands that a result hangs on: of a choice that is always the same, the one that is chosen."""
        if instruction.primitive == "select":
            low, high = self.bounds[instruction.operands[0]]
            if low == high:
                return (instruction.operands[1 if low else 2],)
        return instruction.operands


@dataclass(frozen=True, eq=False)
class ProgramPlan:
    """A program before it is written.

    Attributes:
        steps: by population, in the program's order.
        messages: range of what each input and population emits.
        kept_steps: by input and population, for how many steps its messages are kept beside this one's: its longest
            delay, 0 where nothing listens.
    """

    program: Program
    steps: Mapping[str, StepPlan]
    messages: Mapping[str, Range]
    kept_steps: Mapping[str, int]

    @property
    def counts(self) -> tuple[tuple[str, Count], ...]:
        """(population, what may not fit) of the whole program, in order."""
        return tuple((name, count) for name, step in self.steps.items() for count in step.counts)


def plan_program(program: Program, probes: Sequence[Probe] = ()) -> ProgramPlan:
    """Decide every population.

    Args:
        program: checked by `verify` first.
        probes: registers to record; those that are stored anyway need nothing.

    Raises:
        VerificationError: the program breaks a rule.
        InputError: a probe names no register.
    """
    verify(program)
    known = {str(probe) for probe in _probes(program)}
    for probe in probes:
        if str(probe) not in known:
            raise InputError(str(probe), "is not a register of the program", f"choose among {sorted(known)}")
    listings = {population.name: trace_step(population) for population in program.populations}
    found = {p.name: bounds(p, listings[p.name]) for p in program.populations}
    messages = {source.name: limits(source.bits) for source in program.inputs}
    messages |= {name: hull((0, 0), found[name][listing.message]) for name, listing in listings.items()}
    kept = {
        name: max((p.delay_steps for p in program.projections if p.source == name), default=0)
        for name in program.sizes()
    }
    steps = {
        p.name: _plan(program, p, listings[p.name], messages, frozenset(map(str, probes))) for p in program.populations
    }
    return ProgramPlan(program, steps, messages, kept)


def _probes(program: Program) -> list[Probe]:
    return [Probe(p.name, register.name) for p in program.populations for register in all_registers(p)]


def _plan(
    program: Program,
    population: Population,
    listing: Listing,
    messages: Mapping[str, Range],
    probes: frozenset[str],
) -> StepPlan:
    joined = {
        port.name: tuple(joint for joint in program.into(population.name) if joint.port == port.name)
        for port in population.type.ports
    }
    ports = {name: port_ranges(joints, messages) for name, joints in joined.items()}
    found = bounds(population, listing, ports)
    stored = {register.name for register in stored_registers(population)}
    probed = tuple(
        register
        for register in all_registers(population)
        if register.name not in stored and f"{population.name}.{register.name}" in probes
    )
    return StepPlan(
        population=population,
        listing=listing,
        bounds=found,
        order=phases(population, listing),
        ports=ports,
        arrivals={name: arrivals(joints, messages) for name, joints in joined.items()},
        counts=counts_of(population, listing, found, ports),
        probed=probed,
        message=messages[population.name],
    )
