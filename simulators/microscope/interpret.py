"""Run a meaning, step by step, with every register and every instruction in sight.

An interpreter of its own: the definition's meaning gives what the reference simulator gives (the tests hold it to
that), and an altered meaning gives what a simulator with that fault would.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from simulators.compare import MESSAGE
from simulators.microscope.meaning import Meaning
from toolchain.ir.integer import PRIMITIVES, IntArray, Value
from toolchain.ir.neurons import Values
from toolchain.ir.program import Population
from toolchain.ir.timestep import accumulate, initial_value, stored_registers
from toolchain.ir.tracing import Listing, Operand

Moment = dict[str, IntArray]
"""One step's values: ``"population.register"`` and ``"population.message"`` -> (sample, neuron[, mode])."""


def quantity(population: str, register: str = MESSAGE) -> str:
    """Key of a register, or of the messages, of a population."""
    return f"{population}.{register}"


def evaluate(listing: Listing, known: Mapping[str, Value]) -> dict[str, Value]:
    """Every result of a listing.

    Args:
        known: ``own.*``, ``state.*`` and ``port.*``.

    Returns:
        `known` and the result of each instruction, by name.
    """
    values = dict(known)
    for instruction in listing.instructions:
        operands = [_operand(values, operand) for operand in instruction.operands]
        values[instruction.result] = PRIMITIVES[instruction.primitive](*operands)
    return values


def _operand(values: Mapping[str, Value], operand: Operand) -> Value:
    return operand if isinstance(operand, int) else values[operand.name]


class Run:
    """A meaning in the course of a run.

    Attributes:
        now: the next step.
        values: by population, everything that its listing knew and computed in the last step.
    """

    def __init__(self, meaning: Meaning, inputs: Mapping[str, IntArray]) -> None:
        self.meaning, self.inputs = meaning, inputs
        self.samples = next(iter(inputs.values())).shape[0] if inputs else 1
        self.now = 0
        self.sizes = meaning.program.sizes()
        self.states = {p.name: self._initial(p) for p in meaning.program.populations}
        self.longest = max((wire.delay_steps for wire in meaning.wires.values()), default=1)
        self.emitted: dict[str, list[IntArray]] = {name: [] for name in self.sizes}
        self.values: dict[str, dict[str, Value]] = {}

    def step(self) -> Moment:
        """Deliver, accumulate, step, emit; return what every register and message now is."""
        ports = {p.name: self._ports(p) for p in self.meaning.program.populations}
        moment: Moment = {}
        leaving = {source.name: self._entering(source.name, source.size) for source in self.meaning.program.inputs}
        for population in self.meaning.program.populations:
            leaving[population.name] = self._advance(population, ports[population.name], moment)
        for name, message in leaving.items():
            self.emitted[name] = [*self.emitted[name], message][-self.longest :]
        self.now += 1
        return moment

    def _initial(self, population: Population) -> dict[str, IntArray]:
        return {
            r.name: np.full((self.samples, *population.extent(r.per)), initial_value(population, r), dtype=np.int64)
            for r in stored_registers(population)
        }

    def _entering(self, name: str, size: int) -> IntArray:
        given = self.inputs[name]
        return given[:, self.now] if self.now < given.shape[1] else np.zeros((self.samples, size), dtype=np.int64)

    def _ports(self, population: Population) -> Values:
        arrivals: dict[str, list[IntArray]] = {}
        for wire in self.meaning.wires.values():
            if wire.target == population.name and self.now >= wire.delay_steps:
                message = self.emitted[wire.source][-wire.delay_steps]
                arrivals.setdefault(wire.port, []).append(wire.arriving(message))
        return accumulate(population, arrivals, np.zeros((self.samples, population.size), dtype=np.int64))

    def _advance(self, population: Population, ports: Values, moment: Moment) -> IntArray:
        name, listing = population.name, self.meaning.listings[population.name]
        known = {f"own.{key}": value for key, value in self.meaning.own[name].items()}
        known |= {f"state.{key}": value for key, value in self.states[name].items()}
        known |= {f"port.{key}": value for key, value in ports.items()}
        values = self.values[name] = evaluate(listing, known)
        after = {key: _operand(values, operand) for key, operand in listing.registers.items()}
        self.states[name] = {key: np.broadcast_to(value, self.states[name][key].shape) for key, value in after.items()}
        for register in population.type.registers:
            if not register.stored and register.name in listing.kept:
                extent = (self.samples, *population.extent(register.per))
                held = values[listing.kept[register.name]]
                moment[quantity(name, register.name)] = np.broadcast_to(held, extent)
        moment |= {quantity(name, key): value for key, value in self.states[name].items()}
        message = np.broadcast_to(_operand(values, listing.message), (self.samples, population.size))
        moment[quantity(name)] = message
        return message


def run(meaning: Meaning, inputs: Mapping[str, IntArray], steps: int) -> Iterator[Moment]:
    """Run a meaning from rest; yield each step's values.

    Raises:
        OverflowTrapError: a trap register left its range.
    """
    going = Run(meaning, inputs)
    for _ in range(steps):
        yield going.step()


def interpret(meaning: Meaning, inputs: Mapping[str, IntArray], steps: int) -> dict[str, IntArray]:
    """Run a meaning from rest; every quantity as (sample, step, neuron[, mode])."""
    moments = list(run(meaning, inputs, steps))
    if not moments:
        return {}
    return {key: np.stack([moment[key] for moment in moments], axis=1) for key in moments[0]}
