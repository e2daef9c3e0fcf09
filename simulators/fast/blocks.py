"""A run in blocks of steps: inputs go in, what did not fit becomes an error, what was asked for is kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from simulators.fast.memory import block_steps
from simulators.fast.network import CompiledProgram
from simulators.reference import check_inputs
from simulators.traced.replay import Checkpoint, repeat
from toolchain.ir.integer import IntArray, Overflow
from toolchain.ir.program import Probe, Program
from toolchain.ir.timestep import stored_registers


class Runner:
    """A network that is fed step by step or many steps at once.

    Args:
        program: verified.
        samples: that run side by side.
        probes: registers to record.
        strict: an unexpected wrap or saturation is an error; otherwise it is counted.
        steps: that are at most fed at once; by default what suits the caches.
        threads: at most so many; by default one a core.
    """

    def __init__(
        self,
        program: Program,
        samples: int,
        probes: Sequence[Probe] = (),
        *,
        strict: bool = True,
        steps: int | None = None,
        threads: int | None = None,
    ) -> None:
        probed: dict[str, set[str]] = {}
        for probe in probes:
            probed.setdefault(probe.population, set()).add(probe.register)
        frozen = {name: frozenset(registers) for name, registers in probed.items()}
        self.program, self.strict, self.now, self._place = program, strict, 0, 0
        capacity = steps or block_steps(program, samples)
        self.network = CompiledProgram(program, samples, frozen, strict=strict, steps=capacity, threads=threads)
        self.memory = self.network.memory
        self._fatal = {name: self._fatal_counts(name) for name in self.network.plans}

    @property
    def block_steps(self) -> int:
        """How many steps can be fed at once."""
        return self.memory.steps

    def feed(self, inputs: Mapping[str, IntArray]) -> slice:
        """Run the steps of (sample, step, channel) inputs; return their place in the block.

        Raises:
            InputError: a payload does not fit its input.
            OverflowTrapError: a register left its range in strict mode, or a trap register ever.
                Either way the steps have not been.
        """
        count = next(iter(inputs.values())).shape[1]
        if self._place + count > self.memory.steps:
            self.memory.forget(self._place)
            self._place = 0
        steps = slice(self._place, self._place + count)
        self.memory.keep()
        wide = {name: np.ascontiguousarray(values, dtype=np.int64) for name, values in inputs.items()}
        if not self.network.take_in(wide, steps.start):
            self.memory.put_back()
            check_inputs(self.program, inputs)
        self.network.advance(steps.start, steps.stop)
        if self._failed():
            self.memory.put_back()
            repeat(self.program, self.memory.checkpoint(self.now, steps.start), inputs, strict=self.strict)
        self.now, self._place = self.now + count, self._place + count
        return steps

    def restore(self, before: Checkpoint) -> None:
        """Take up another run of the same program and samples."""
        past = {name: np.stack(rows, axis=1) for name, rows in before.sent.items() if rows}
        self.memory.restore(before.states, past)
        self.now, self._place = before.step, 0

    def checkpoint(self) -> Checkpoint:
        """What the program remembers now."""
        return self.memory.checkpoint(self.now, self._place)

    def overflows(self) -> dict[str, int]:
        """Values that did not fit so far, by ``population.register``."""
        found: dict[str, int] = {}
        for name, plan in self.network.plans.items():
            totals = self.memory.counts[name].sum(axis=(0, 1)).tolist()
            for count, total in zip(plan.counts, totals, strict=True):
                if total:
                    found[f"{name}.{count.register}"] = found.get(f"{name}.{count.register}", 0) + total
        return found

    def final(self) -> dict[str, IntArray]:
        """Every stored register by ``population.register``."""
        return {
            f"{p.name}.{r.name}": self.memory.state(p.name, r.name)
            for p in self.program.populations
            for r in stored_registers(p)
        }

    def _fatal_counts(self, name: str) -> IntArray:
        """Which of a population's counts are errors."""
        counts = self.network.plans[name].counts
        return np.flatnonzero([self.strict or count.rule == Overflow.TRAP for count in counts])

    def _failed(self) -> bool:
        return any(self.memory.counts[name][..., columns].any() for name, columns in self._fatal.items())
