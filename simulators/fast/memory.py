"""The arrays that a run changes: registers, messages of the recent past, counts, recorded registers.

What has to outlive a block of steps is the registers and as many past messages as the longest delay asks for, so
memory does not grow with the length of a run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from simulators.fast.layout import Packed, aligned, empty_words, fill, padded, row_width, unpack
from simulators.fast.plan import Plan
from simulators.traced.replay import Checkpoint
from toolchain.bounds.ranges import Range, message_width
from toolchain.ir.integer import IntArray
from toolchain.ir.program import Program
from toolchain.ir.timestep import State, all_registers, initial_value, stored_registers

TURN_NEURONS = 65_536
"""A turn has so few steps that the port sums of a population, as many times its neurons, stay in the caches."""

MOST_TURNS = 4
BLOCK_BYTES = 64_000_000
"""A block has so few steps that all samples' messages stay below this."""

MOST_STEPS = 256


def turn_steps(program: Program) -> int:
    """How many steps a population at most runs before the next has its turn."""
    return max(1, int(min(MOST_STEPS, TURN_NEURONS / max(map(padded, program.sizes().values())))))


def block_steps(program: Program, samples: int) -> int:
    """How many steps a block has: some turns, since each block costs a fixed time."""
    by_messages = BLOCK_BYTES / max(1, sum(map(padded, program.sizes().values())) * samples)
    return max(1, int(min(MOST_STEPS, MOST_TURNS * turn_steps(program), by_messages)))


@dataclass(eq=False)
class Memory:
    """The arrays of one run.

    Attributes:
        steps: capacity of a block.
        threads: that count side by side.
        past: by source, rows of messages before the block: its longest delay.
        messages: by source, (sample, past + steps, padded neuron).
        registers: (population, register) -> packed (sample, ...).
        recorded: (population, register) -> packed (sample, step of the block, ...).
        sent: by source, messages of each neuron so far, (sample, padded neuron).
        counts: by population, values that did not fit so far, (thread, sample, what its plan counts).
    """

    program: Program
    samples: int
    steps: int
    threads: int = 1
    past: dict[str, int] = field(default_factory=dict)
    messages: dict[str, Packed] = field(default_factory=dict)
    registers: dict[tuple[str, str], Packed] = field(default_factory=dict)
    recorded: dict[tuple[str, str], Packed] = field(default_factory=dict)
    sent: dict[str, Packed] = field(default_factory=dict)
    counts: dict[str, Packed] = field(default_factory=dict)
    _copies: list[Packed] = field(default_factory=list)

    def make(self, plans: Mapping[str, Plan], messages: Mapping[str, Range]) -> None:
        """Make room for everything, in its state before step 0."""
        for name, size in self.program.sizes().items():
            delays = [p.delay_steps for p in self.program.projections if p.source == name]
            self.past[name] = max(delays, default=0)
            bits = message_width(messages[name])
            self.messages[name] = aligned((self.samples, self.past[name] + self.steps, row_width(size)), bits)
            self.sent[name] = aligned((self.samples, padded(size)), 64)
        for name, plan in plans.items():
            self._make_population(name, plan)

    def _make_population(self, name: str, plan: Plan) -> None:
        population = plan.population
        self.counts[name] = aligned((self.threads, self.samples, len(plan.counts)), 64)
        for place, word in enumerate(plan.words):
            modes = population.modes if word.modes else 0
            if word.role == "state":
                room = empty_words((self.samples,), population.size, modes, word.bits, place)
                self.registers[name, word.name] = room
            if word.role == "probe":
                lead = (self.samples, self.steps)
                self.recorded[name, word.name] = empty_words(lead, population.size, modes, word.bits)
        for register in stored_registers(population):
            self.registers[name, register.name][...] = initial_value(population, register)

    def state(self, population: str, register: str) -> IntArray:
        """What a register holds, (sample, neuron) or (sample, neuron, mode)."""
        return self._unpacked(population, register, self.registers[population, register])

    def probed(self, population: str, register: str, steps: slice) -> IntArray:
        """What a register held after each step of the block, (sample, step, neuron[, mode])."""
        return self._unpacked(population, register, self.recorded[population, register][:, steps])

    def _unpacked(self, population: str, register: str, values: Packed) -> IntArray:
        return unpack(values, self.program.population(population).size, self._modes(population, register))

    def _modes(self, population: str, register: str) -> int:
        declared = self.program.population(population)
        per_mode = any(r.per == "mode" for r in all_registers(declared) if r.name == register)
        return declared.modes if per_mode else 0

    def restore(self, states: Mapping[str, State], past: Mapping[str, IntArray]) -> None:
        """Take up another run at the beginning of a block.

        Args:
            states: stored registers by population.
            past: by source, what it sent last, (sample, past, neuron).
        """
        for (population, register), room in self.registers.items():
            fill(room, states[population][register], self._modes(population, register))
        for source, messages in past.items():
            self.messages[source][:, : self.past[source], : messages.shape[2]] = messages

    def sent_by(self, source: str, steps: slice) -> Packed:
        """The messages of a source in the given steps of the block, (sample, step, neuron)."""
        start = self.past[source]
        rows = slice(start + steps.start, start + steps.stop)
        return self.messages[source][:, rows, : self.program.sizes()[source]]

    def before(self, source: str, step: int) -> list[IntArray]:
        """The messages that a source sent up to the given step of the block, oldest first."""
        rows = self.messages[source][:, step : step + self.past[source], : self.program.sizes()[source]]
        return [np.array(rows[:, i], dtype=np.int64) for i in range(rows.shape[1])]

    def checkpoint(self, step: int, place: int) -> Checkpoint:
        """What a program remembers before a step of the run; `place` is the step's place in the block."""
        return Checkpoint(step, self.states(), {name: self.before(name, place) for name in self.messages})

    def keep(self) -> None:
        """Copy what a block changes; the messages of the past stay where they are while it runs."""
        # The same room each time: asking the system for fresh memory costs more than the copy.
        self._copies = self._copies or [np.empty_like(values) for values in self._changing()]
        for copy, values in zip(self._copies, self._changing(), strict=True):
            copy[...] = values

    def put_back(self) -> None:
        """Undo a block: everything is again as when it was kept."""
        for values, copy in zip(self._changing(), self._copies, strict=True):
            values[...] = copy

    def _changing(self) -> list[Packed]:
        return [*self.registers.values(), *self.sent.values(), *self.counts.values()]

    def states(self) -> dict[str, State]:
        """All stored registers by population."""
        return {
            p.name: {r.name: self.state(p.name, r.name) for r in stored_registers(p)} for p in self.program.populations
        }

    def forget(self, steps: int) -> None:
        """Begin a new block after `steps` steps of this one: only the past that may still arrive is kept."""
        for name, rows in self.messages.items():
            past = self.past[name]
            rows[:, :past] = rows[:, steps : steps + past].copy()
