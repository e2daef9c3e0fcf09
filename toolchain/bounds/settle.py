"""What a population's stored registers can hold: intervals that its step maps into themselves.

An interval that holds the start and that the step never leaves bounds every run, however it was found. It is looked
for by widening what a few steps reach, and then narrowed by further steps, which keeps it true.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from toolchain.bounds.widths import room, whole
from toolchain.ir.integer import Value, fit
from toolchain.ir.interval import Interval, hull, interval, overlap
from toolchain.ir.neurons import Values
from toolchain.ir.program import Population
from toolchain.ir.timestep import all_registers, initial_value, step_population, stored_registers

REACHED_STEPS = 48
HORIZON_STEPS = 512
"""Longest run that is followed step by step; longer ones are bounded as runs of any length."""
NARROWING_STEPS = 200
WIDENINGS = 40

State = dict[str, Interval]


@dataclass(frozen=True, eq=False)
class Invariants:
    """What can enter each register before its overflow rule, and what can be sent."""

    entering: Mapping[str, Interval]
    message: Interval


def settle(
    population: Population, ports: Mapping[str, Interval], known: Mapping[str, Interval], steps: int | None
) -> Invariants:
    """Bound all registers of a population.

    Args:
        population: whose registers.
        ports: what each port can hold.
        known: bounds that hold for what enters some registers, found in another way.
        steps: length of a run; None for any.
    """
    space = _Space(population, ports, known)
    state = space.after(steps) if steps is not None and steps <= HORIZON_STEPS else space.forever()
    after, message, entering = space.step(state)
    # A stored register also shows what a reset puts there, and its start while its neuron rests.
    shown = {name: hull(entering.get(name, after[name]), after[name], space.start[name]) for name in after}
    return Invariants(entering | shown, message)


class _Space:
    """The step of one population on intervals."""

    def __init__(self, population: Population, ports: Mapping[str, Interval], known: Mapping[str, Interval]) -> None:
        self.population, self.ports, self.known = population, ports, known
        self.declared = {register.name: register for register in all_registers(population)}
        self.stored = [register.name for register in stored_registers(population)]
        self.start = {name: self._point(name) for name in self.stored}
        self.fixed = {
            name: hull(self.start[name], self._held(name, known[name])) for name in known if name in self.stored
        }

    def step(self, state: State) -> tuple[State, Interval, State]:
        """Stored registers afterwards, the message, and what entered each register."""
        entering: State = {}

        def keep(register: str, value: Value) -> Value:
            found = self._shaped(register, interval(value))
            if register in self.known:
                found = overlap(found, self.known[register])
            entering[register] = found
            return self._held(register, found)

        after, message = step_population(self.population, dict(state), Values(self.ports), keep)
        stored = {name: self._shaped(name, interval(value)) for name, value in after.items()}
        sent = interval(message)
        shape = (self.population.size,)
        return stored, Interval(np.broadcast_to(sent.low, shape), np.broadcast_to(sent.high, shape)), entering

    def after(self, steps: int) -> State:
        """What so many steps can reach."""
        state = self.start | self.fixed
        for _ in range(steps):
            grown = self._grown(state)
            if same(grown, state):
                break
            state = grown
        return state

    def forever(self) -> State:
        """What any number of steps can reach."""
        before = self.after(REACHED_STEPS)
        grown = self._grown(before)
        state = grown if same(grown, before) else self._widened(before, grown)
        for _ in range(NARROWING_STEPS):
            narrower = {name: overlap(part, state[name]) for name, part in self._image(state).items()}
            if same(narrower, state):
                break
            state = narrower
        return state

    def _image(self, state: State) -> State:
        """The start, and what a step makes of a state."""
        after, _, _ = self.step(state)
        return {name: hull(after[name], self.start[name]) for name in self.stored} | self.fixed

    def _grown(self, state: State) -> State:
        return {name: hull(part, state[name]) for name, part in self._image(state).items()}

    def _widened(self, before: State, grown: State) -> State:
        """For each neuron the least widening, by powers of two of the last growth, that a step stays inside."""
        chosen = {name: self._everything(name) for name in self.stored} | self.fixed
        open_ = np.ones(self.population.size, dtype=np.bool_)
        for power in range(WIDENINGS):
            candidate = {name: self._wider(name, before[name], grown[name], power) for name in self.stored}
            candidate |= self.fixed
            inside = self._inside(self._image(candidate), candidate) & open_
            for name in self.stored:
                mask = inside.reshape(-1, *(1,) * (chosen[name].low.ndim - 1))
                low = np.where(mask, candidate[name].low, chosen[name].low)
                chosen[name] = Interval(low, np.where(mask, candidate[name].high, chosen[name].high))
            open_ &= ~inside
            if not open_.any():
                break
        return chosen

    def _wider(self, name: str, before: Interval, grown: Interval, power: int) -> Interval:
        times = 1 << power
        least, most = self._room(name)
        low = np.maximum(grown.low - (before.low - grown.low) * times - power, least)
        return Interval(low, np.minimum(grown.high + (grown.high - before.high) * times + power, most))

    def _inside(self, inner: State, outer: State) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
        inside = np.ones(self.population.size, dtype=np.bool_)
        for name in self.stored:
            held_in = (inner[name].low >= outer[name].low) & (inner[name].high <= outer[name].high)
            inside &= held_in.reshape(self.population.size, -1).all(axis=1)
        return inside

    def _room(self, name: str) -> tuple[int, int]:
        declared = self.declared[name]
        return room(self.population.width(declared.bits), declared.overflow)

    def _held(self, name: str, value: Interval) -> Interval:
        declared = self.declared[name]
        held: Interval = fit(value, self.population.width(declared.bits), declared.overflow)
        return held

    def _shaped(self, name: str, value: Interval) -> Interval:
        extent = self.population.extent(self.declared[name].per)
        if value.low.shape == extent:
            return value
        return Interval(np.broadcast_to(value.low, extent), np.broadcast_to(value.high, extent))

    def _point(self, name: str) -> Interval:
        value: Any = initial_value(self.population, self.declared[name])
        return self._shaped(name, interval(value))

    def _everything(self, name: str) -> Interval:
        declared = self.declared[name]
        return whole(self.population.width(declared.bits), self.population.extent(declared.per))


def same(a: Mapping[str, Interval], b: Mapping[str, Interval]) -> bool:
    """Whether two sets of intervals are equal."""
    return all(np.array_equal(a[n].low, b[n].low) and np.array_equal(a[n].high, b[n].high) for n in b)
