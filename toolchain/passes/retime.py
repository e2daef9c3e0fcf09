"""Move populations in time until every delay is at least one step; everything happens as before, only later.

A pass may write a projection of delay 0 ("in the same step") or less, where it puts a new population between two
others. `retime` gives each population v a shift r(v), its neurons doing at step t + r(v) what they did at t: a delay
becomes d + r(target) - r(source), inputs stay (r = 0), all outputs move together, by the change of latency. The
shifts are the least that make every delay 1 or more: longest paths, as in the retiming of circuits (Leiserson and
Saxe 1991).

A population that would move by itself, without input, must begin r(v) steps later: its `start_step` moves too. One
that keeps still until something arrives needs none. A delay that grows beyond 62 steps is relayed.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping

import numpy as np

from toolchain.errors import OverflowTrapError, UnsupportedError
from toolchain.ir.neurons import Values
from toolchain.ir.program import MAX_DELAY_STEPS, Population, Program
from toolchain.ir.timestep import keeper, step_population
from toolchain.lower.chains import relay_long_delays

OUTPUTS = ""
"""Stands for all output populations, which move together; no population has this name."""


def retime(program: Program, free: Collection[str] = ()) -> tuple[Program, dict[str, int]]:
    """Give every projection a delay of at least one step.

    Args:
        program: well formed but for its delays, which may be below 1.
        free: populations that may also move to earlier steps; the others move to later ones only.

    Returns:
        The program, and the shifts of the populations that moved.

    Raises:
        UnsupportedError: a loop whose delays add up to less than its length, or a shift before step 0.
    """
    shifts = _Shifts(program, free).solve()
    projections = tuple(
        dataclasses.replace(p, delay_steps=p.delay_steps + shifts.get(p.target, 0) - shifts.get(p.source, 0))
        for p in program.projections
    )
    if late := [p.name for p in projections if p.delay_steps < 1]:
        raise AssertionError(f"{late} still have delays below 1")
    moved = dataclasses.replace(
        program,
        populations=tuple(_moved(p, shifts.get(p.name, 0)) for p in program.populations),
        projections=projections,
        latency_steps=program.latency_steps + _of_outputs(program, shifts),
    )
    return relay_long_delays(moved, MAX_DELAY_STEPS), {name: steps for name, steps in shifts.items() if steps}


def is_quiet(population: Population) -> bool:
    """Whether a neuron whose registers are 0 keeps them and emits nothing for as long as nothing arrives."""
    rested = dataclasses.replace(population, start_step=0)
    zeros = {r.name: np.zeros((1, *rested.extent(r.per)), dtype=np.int64) for r in rested.type.stored}
    nothing = Values({port.name: np.zeros((1, rested.size), dtype=np.int64) for port in rested.type.ports})
    try:
        after, message = step_population(rested, zeros, nothing, keeper(rested, lambda *_: None))
    except OverflowTrapError:
        return False
    return not np.any(message) and not any(np.any(value) for value in after.values())


def _of_outputs(program: Program, shifts: Mapping[str, int]) -> int:
    return shifts.get(program.outputs[0].population, 0) if program.outputs else 0


def _moved(population: Population, steps: int) -> Population:
    start = population.start_step + steps
    if is_quiet(population):
        start = max(0, start) if population.start_step else 0
    return population if start == population.start_step else dataclasses.replace(population, start_step=start)


class _Shifts:
    """The least shifts, by relaxing one projection after another (Bellman and Ford)."""

    def __init__(self, program: Program, free: Collection[str]) -> None:
        self.program = program
        self.joined = {output.population for output in program.outputs}
        self.least: dict[str, int | None] = {source.name: 0 for source in program.inputs}
        for population in program.populations:
            self._raise(self._node(population.name), self._floor(population) if population.name in free else 0)
        if OUTPUTS in self.least:
            self._raise(OUTPUTS, -program.latency_steps)

    def solve(self) -> dict[str, int]:
        """Shift of each population; one that no path ties to a step (it never moves) stays."""
        self._settle()
        for node in [node for node, least in self.least.items() if least is None]:
            self._raise(node, 0)
        self._settle()
        return {p.name: self.least[self._node(p.name)] or 0 for p in self.program.populations}

    def _settle(self) -> None:
        for _ in range(len(self.least) + 1):
            late = [p for p in self.program.projections if self._relax(p.source, p.target, p.delay_steps)]
            if not late:
                return
        raise UnsupportedError(
            late[0].name,
            f"lies on or behind a loop (or between two outputs) whose delays leave no step for {late[0].target}",
            "give the loop longer delays, or leave the pass out",
        )

    def _relax(self, source: str, target: str, delay_steps: int) -> bool:
        """Move the target so that the delay is 1 or more; whether it had to move."""
        begin, end = self._node(source), self._node(target)
        if (start := self.least[begin]) is None:
            return False
        if begin == end:
            return delay_steps < 1
        return self._raise(end, start + 1 - delay_steps)

    def _raise(self, node: str, floor: int | None) -> bool:
        before = self.least.setdefault(node, None)
        if floor is None or (before is not None and before >= floor):
            return False
        self.least[node] = floor
        return True

    def _node(self, name: str) -> str:
        return OUTPUTS if name in self.joined else name

    @staticmethod
    def _floor(population: Population) -> int | None:
        """A population that moves by itself cannot begin before step 0; one that keeps still can move freely."""
        return None if is_quiet(population) else -population.start_step
