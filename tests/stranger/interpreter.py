"""A run of a program, by docs/program_format.md: one sample, one integer at a time."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tests.stranger.neurons import PER_MODE, STATE_SPACES, TABLES, TYPES, Own, State, trap
from tests.stranger.parts import Population, Program, Projection

Messages = list[int]


@dataclass
class Recorded:
    """What was seen of one sample.

    Attributes:
        messages: by input or population, one list of numbers a step.
        registers: by "population.register", after each step, one entry a neuron; of state spaces a list of modes each.
    """

    messages: dict[str, list[Messages]] = field(default_factory=dict)
    registers: dict[str, list[list[Any]]] = field(default_factory=dict)


class Neurons:
    """One population: the constants and the state of each neuron."""

    def __init__(self, population: Population) -> None:
        self.population = population
        self.equations, defaults, self.stored, self.ports = TYPES[population.type]
        self.own = [self._own(neuron, defaults) for neuron in range(population.size)]
        self.state = [self._nothing() for _ in range(population.size)]

    def _own(self, neuron: int, defaults: dict[str, int]) -> Own:
        own = Own({**defaults, **self.population.settings})
        for name, values in self.population.coefficients.items():
            modes = self.population.modes
            if name in TABLES:
                own[name] = values
            elif name in PER_MODE:
                own[name] = values[neuron * modes : (neuron + 1) * modes]
            else:
                own[name] = values[neuron]
        return own

    def _nothing(self) -> State:
        modes = self.population.type in STATE_SPACES
        return {name: [0] * self.population.modes if modes and name.startswith("state_") else 0 for name in self.stored}

    def step(self, t: int, sums: dict[str, Messages]) -> Messages:
        """Move every neuron on, unless the population rests."""
        held = {port: [trap(total, bits) for total in sums[port]] for port, bits in self.ports.items()}
        if t < self.population.start_step:
            return [0] * self.population.size
        sent = []
        for neuron, own in enumerate(self.own):
            ports = {port: totals[neuron] for port, totals in held.items()}
            self.state[neuron], message = self.equations(own, self.state[neuron], ports)
            sent.append(message)
        return sent


def run(program: Program, inputs: dict[str, list[Messages]], steps: int | None = None) -> Recorded:
    """Run one sample.

    Args:
        program: from `read_text` or `read_npz`.
        inputs: by input, one list of numbers a step.
        steps: how many; by default until all that entered is complete.
    """
    if steps is None:
        steps = max(map(len, inputs.values())) + program.latency
    neurons = {name: Neurons(population) for name, population in program.populations.items()}
    sizes = program.inputs | {name: own.size for name, own in program.populations.items()}
    seen = Recorded({name: [] for name in sizes})
    for t in range(steps):
        arrived = {name: _sums(program, own, seen.messages, t) for name, own in neurons.items()}
        for name, size in program.inputs.items():
            seen.messages[name].append(inputs[name][t] if t < len(inputs[name]) else [0] * size)
        for name, own in neurons.items():
            seen.messages[name].append(own.step(t, arrived[name]))
            for register in own.stored:
                seen.registers.setdefault(f"{name}.{register}", []).append([each[register] for each in own.state])
    return seen


def _sums(program: Program, own: Neurons, messages: dict[str, list[Messages]], t: int) -> dict[str, Messages]:
    """What arrives at each port of a population in step t."""
    sums = {port: [0] * own.population.size for port in own.ports}
    for projection in program.projections:
        if projection.target == own.population.name and t >= projection.delay:
            arriving = _delivered(projection, messages[projection.source][t - projection.delay])
            sums[projection.port] = [a + b for a, b in zip(sums[projection.port], arriving, strict=True)]
    return sums


def _delivered(projection: Projection, messages: Messages) -> Messages:
    totals = [sum(weight * messages[source] for source, weight in row) for row in projection.rows]
    if projection.exponent >= 0:
        return [total << projection.exponent for total in totals]
    return [total >> -projection.exponent for total in totals]
