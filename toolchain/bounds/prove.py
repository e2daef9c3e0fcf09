"""For each register of a program: what it can hold at most, proven, and what that says about its width.

Ports are bounded by worst sums (`arrivals`); what has no memory by carrying intervals through the neuron's step; modes
and readouts by the L1 norm of their impulse response (`modes`); voltages by intervals that the step maps into
themselves (`settle`); running sums by the number of steps. A bound holds for every input whose payloads fit their
declared width.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from toolchain.bounds.messages import narrowed
from toolchain.bounds.modes import ModeBounds, mode_bounds
from toolchain.bounds.settle import Invariants, settle
from toolchain.bounds.widths import magnitude, room
from toolchain.ir.integer import add, fit
from toolchain.ir.interval import Interval, interval
from toolchain.ir.neurons import Register
from toolchain.ir.program import Population, Program
from toolchain.ir.timestep import all_registers

Verdict = Literal["proven", "observed only", "can overflow"]
RUNNING_SUM = ("integrator", "total")


@dataclass(frozen=True)
class ProvenRange:
    """What can enter a register, or a port, before its overflow rule acts.

    Attributes:
        population, register: which one; a port goes by its own name.
        bits: its width.
        low, high: bounds; None where none was found.
        verdict: "proven": no input makes it leave its width. "can overflow": some input does, or it grows without end.
            "observed only": the bound is too wide to tell.
        safe_steps: length of a run up to which it surely fits; None for any length where proven, else unknown.
        neuron: one that comes nearest to, or furthest over, the limit.
    """

    population: str
    register: str
    bits: int
    low: int | None
    high: int | None
    verdict: Verdict
    safe_steps: int | None
    neuron: int

    @property
    def headroom_bits(self) -> int | None:
        """Bits that the bound leaves unused; below 0 the bits that lack."""
        if self.low is None or self.high is None:
            return None
        return self.bits - 1 - max(abs(self.low), abs(self.high)).bit_length()


def prove(program: Program, steps: int | None = None) -> tuple[ProvenRange, ...]:
    """Bound every register and port of a verified program.

    Args:
        program: the program.
        steps: length of the longest run; without it bounds hold for runs of any length.
    """
    forever = _Proof(program, None).ranges()
    if steps is None or all(found.verdict == "proven" for found in forever):
        return forever
    limited = _Proof(program, steps).ranges()
    return tuple(_better(a, b, steps) for a, b in zip(forever, limited, strict=True))


def _better(forever: ProvenRange, limited: ProvenRange, steps: int) -> ProvenRange:
    """The claim for any length where it holds, else the one for so many steps."""
    if forever.verdict == "proven":
        return forever
    verdict: Verdict = "proven" if limited.verdict == "proven" else forever.verdict
    safe = forever.safe_steps
    if verdict == "proven":
        safe = max(steps, safe or 0)
    return ProvenRange(
        limited.population, limited.register, limited.bits, limited.low, limited.high, verdict, safe, limited.neuron
    )


@dataclass(frozen=True, eq=False)
class _Bounded:
    """What can enter each port and register of a population."""

    ports: Mapping[str, Interval]
    registers: Mapping[str, Interval]
    modes: ModeBounds | None


class _Proof:
    """One analysis of a program, for runs of `steps` or of any length."""

    def __init__(self, program: Program, steps: int | None) -> None:
        self.program, self.steps = program, steps
        self.bounded: dict[str, _Bounded] = {}

    def ranges(self) -> tuple[ProvenRange, ...]:
        """Bounds from declared message widths first; graded messages found narrower then narrow the rest."""
        narrowed(self.program, self._bound)
        return tuple(row for population in self.program.populations for row in self._rows(population))

    def _bound(self, population: Population, ports: Mapping[str, Interval]) -> Interval:
        """Bound every register of a population; what it can send."""
        entering = {port.name: fit(ports[port.name], port.bits, port.overflow) for port in population.type.ports}
        modes = mode_bounds(population, entering, self.steps)
        found: Invariants = settle(population, entering, {} if modes is None else modes.known(), self.steps)
        claimed = {} if modes is None else dict(modes.claims)
        registers = dict(found.entering)
        for name, claim in claimed.items():
            # Where a state may saturate the claim says by how much, and nothing else is known of the readout.
            registers[name] = claim if name.startswith("state") else registers[name]
        self.bounded[population.name] = _Bounded(ports, registers, modes)
        return found.message

    def _rows(self, population: Population) -> list[ProvenRange]:
        found = self.bounded[population.name]
        rows = [
            _row(population, port.name, found.ports[port.name], room(port.bits, port.overflow), port.bits)
            for port in population.type.ports
        ]
        for register in all_registers(population):
            rows.append(self._register(population, register, found))
        return rows

    def _register(self, population: Population, register: Register, found: _Bounded) -> ProvenRange:
        bits = population.width(register.bits)
        limits = room(bits, register.overflow)
        value = found.registers[register.name]
        if (population.neuron, register.name) == RUNNING_SUM:
            return self._running_sum(population, register, found, bits)
        row = _row(population, register.name, value, limits, bits)
        if row.verdict == "proven" or not self._is_free(population):
            return row
        reached = {} if found.modes is None else found.modes.reached
        witness = value if register.name == "drive" else reached.get(register.name)
        if witness is not None and (np.any(witness.low < limits[0]) or np.any(witness.high > limits[1])):
            return _row(population, register.name, value, limits, bits, "can overflow")
        return row

    def _running_sum(self, population: Population, register: Register, found: _Bounded, bits: int) -> ProvenRange:
        """A register that adds the same at most in each step."""
        (port,) = population.type.ports
        each = add(fit(found.ports[port.name], port.bits, port.overflow), interval(population.values().bias))
        _, most = room(bits, register.overflow)
        growth = magnitude(each)
        neuron = int(np.argmax(growth))
        if not growth[neuron]:
            return ProvenRange(population.name, register.name, bits, 0, 0, "proven", None, neuron)
        safe = most // int(growth[neuron])
        if self.steps is None:
            return ProvenRange(population.name, register.name, bits, None, None, "can overflow", safe, neuron)
        low, high = min(0, int(each.low.min()) * self.steps), max(0, int(each.high.max()) * self.steps)
        verdict: Verdict = "proven" if self.steps <= safe else "can overflow"
        return ProvenRange(population.name, register.name, bits, low, high, verdict, safe, neuron)

    def _is_free(self, population: Population) -> bool:
        """Whether one input alone drives it, so that each neuron's drive can be brought to its extremes at will."""
        inputs = {source.name for source in self.program.inputs}
        into = self.program.into(population.name)
        return len(into) == 1 and into[0].source in inputs


def _row(
    population: Population,
    name: str,
    value: Interval,
    limits: tuple[int, int],
    bits: int,
    otherwise: Verdict = "observed only",
) -> ProvenRange:
    over = np.maximum(value.high - limits[1], limits[0] - value.low)
    neuron = int(np.unravel_index(int(np.argmax(over)), over.shape)[0])
    verdict: Verdict = "proven" if over.max() <= 0 else otherwise
    return ProvenRange(population.name, name, bits, int(value.low.min()), int(value.high.max()), verdict, None, neuron)
