"""The tensors that a run changes: registers, messages of the recent past, counts, recorded registers.

Time comes first, (step, sample, neuron[, mode]), so that a block of steps lies in one piece and the neurons of all
samples lie side by side.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from simulators.accelerator.plan import Plan
from simulators.traced.replay import Checkpoint
from toolchain.bounds.ranges import Range, message_width
from toolchain.ir.integer import IntArray
from toolchain.ir.program import Program
from toolchain.ir.timestep import initial_value, stored_registers

DTYPES = {8: torch.int8, 32: torch.int32, 64: torch.int64}
"""Tensors of integers by their bits."""


def into_host(room: IntArray, values: Tensor) -> None:
    """Fill an int64 array of the host, or part of one."""
    torch.from_numpy(room).copy_(values)


def to_host(values: Tensor) -> IntArray:
    """A copy, int64, on the host."""
    return np.array(values.cpu().numpy(), dtype=np.int64)


@dataclass(eq=False)
class Memory:
    """The tensors of one run.

    Attributes:
        steps: capacity of a block.
        past: by source, rows of messages before the block: its longest delay.
        messages: by source, (past + steps, sample, neuron).
        registers: (population, register) -> (sample, neuron[, mode]).
        recorded: (population, register) -> (step of the block, sample, neuron[, mode]).
        sent: by source, messages of each neuron so far, (sample, neuron).
        counts: by population, values that did not fit so far, one for each that its plan counts.
    """

    program: Program
    samples: int
    steps: int
    device: str
    past: dict[str, int] = field(default_factory=dict)
    messages: dict[str, Tensor] = field(default_factory=dict)
    registers: dict[tuple[str, str], Tensor] = field(default_factory=dict)
    recorded: dict[tuple[str, str], Tensor] = field(default_factory=dict)
    sent: dict[str, Tensor] = field(default_factory=dict)
    counts: dict[str, Tensor] = field(default_factory=dict)

    def make(self, plans: Mapping[str, Plan], messages: Mapping[str, Range]) -> None:
        """Make room for everything, in its state before step 0."""
        for name, size in self.program.sizes().items():
            delays = [p.delay_steps for p in self.program.projections if p.source == name]
            self.past[name] = max(delays, default=0)
            rows = self.past[name] + self.steps
            self.messages[name] = self._zeros(message_width(messages[name]), rows, self.samples, size)
            self.sent[name] = self._zeros(64, self.samples, size)
        for name, plan in plans.items():
            self._make_population(name, plan)

    def _make_population(self, name: str, plan: Plan) -> None:
        self.counts[name] = self._zeros(64, len(plan.counts))
        for register in stored_registers(plan.population):
            room = self._zeros(plan.state_bits(register.name), self.samples, *plan.extent(register))
            self.registers[name, register.name] = room.fill_(initial_value(plan.population, register))
        for register in plan.probed:
            extent = (self.steps, self.samples, *plan.extent(register))
            self.recorded[name, register.name] = self._zeros(plan.probe_bits(register.name), *extent)

    def _zeros(self, bits: int, *shape: int) -> Tensor:
        return torch.zeros(shape, dtype=DTYPES[bits], device=self.device)

    def rows(self, source: str, start: int, stop: int) -> Tensor:
        """The messages of a source in some steps of the block, which may begin before it."""
        past = self.past[source]
        return self.messages[source][past + start : past + stop]

    def forget(self, steps: int) -> None:
        """Begin a new block after `steps` steps of this one: only the past that may still arrive is kept."""
        for name, rows in self.messages.items():
            past = self.past[name]
            rows[:past] = rows[steps : steps + past].clone()

    def checkpoint(self, step: int) -> Checkpoint:
        """What the program remembers before a block, whose first step is that of the run."""
        states = {
            p.name: {r.name: to_host(self.registers[p.name, r.name]) for r in stored_registers(p)}
            for p in self.program.populations
        }
        sent = {name: list(to_host(rows[: self.past[name]])) for name, rows in self.messages.items()}
        return Checkpoint(step, states, sent)

    def restore(self, before: Checkpoint) -> None:
        """Take up another run of the same samples at the beginning of a block."""
        for (population, register), room in self.registers.items():
            room.copy_(torch.from_numpy(before.states[population][register]))
        for source, rows in before.sent.items():
            for place, row in enumerate(rows):
                self.messages[source][place] = torch.from_numpy(row)
