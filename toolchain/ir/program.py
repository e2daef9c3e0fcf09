"""The integer program: frozen data, no behaviour.

A `Program` is the only integer form of a network. `timestep` says what it does, `verify` when it is well formed,
`text` and `storage` how it is written down.
"""

from __future__ import annotations

import operator
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from toolchain.ir.connections import Connection, frozen_integers
from toolchain.ir.integer import IntArray, limits
from toolchain.ir.neurons import NEURONS_BY_NAME, NeuronType, Values
from toolchain.ir.neurons.base import Extent, Width

SEMANTICS_VERSION = 2
"""Version of the meaning of programs; written into every artefact and checked when one is loaded."""

WEIGHT_BITS = 8
PAYLOAD_BITS = 24
MAX_EXPONENT = 23
INPUT_OVERFLOWS = ("saturate", "refuse")
READINGS = ("count", "last", "sum", "max", "step")
"""How an output stands after each step: the number of messages so far, the value now, the sum or the greatest of all
values so far, or the value now as a decision of this step's own."""
MAX_DELAY_STEPS = 62
"""Loihi's synaptic delay is 6 bits and lava-dl's netx refuses 63 (reference: lava-dl `netx/utils.py`)."""


@dataclass(frozen=True)
class Input:
    """A source outside the program: graded messages from the host.

    Attributes:
        name: unique among inputs and populations.
        size: number of channels.
        bits: width of a payload, two's complement, at most 24.
        exponent: a payload p stands for the number p * 2^-exponent.
        overflow: what the host does with a number that no payload stands for: "saturate" clips it and
            counts it; "refuse" sends nothing and raises an error.
    """

    name: str
    size: int
    bits: int = PAYLOAD_BITS
    exponent: int = 0
    overflow: str = "refuse"


@dataclass(frozen=True, eq=False)
class Population:
    """Neurons of one type.

    Attributes:
        name: unique among inputs and populations.
        neuron: name of the neuron type.
        size: number of neurons.
        modes: modes a neuron; 0 where the type has none.
        settings: the type's settings; absent ones take their default.
        coefficients: int64 arrays, (size,) or (size, modes); absent ones take their default.
        start_step: the population rests (registers keep their initial 0, nothing is emitted) before this step.
        origin: the NIR node it came from, for messages.
    """

    name: str
    neuron: str
    size: int
    modes: int = 0
    settings: Mapping[str, int] = field(default_factory=dict)
    coefficients: Mapping[str, IntArray] = field(default_factory=dict)
    start_step: int = 0
    origin: str = ""

    def __post_init__(self) -> None:
        frozen = {name: frozen_integers(values) for name, values in self.coefficients.items()}
        object.__setattr__(self, "coefficients", MappingProxyType(frozen))
        object.__setattr__(self, "settings", MappingProxyType({k: operator.index(v) for k, v in self.settings.items()}))

    @property
    def type(self) -> NeuronType:
        """The neuron type; KeyError if it is unknown (`verify` says so in words)."""
        return NEURONS_BY_NAME[self.neuron]

    def setting(self, name: str) -> int:
        """Value of a setting, given or default."""
        if name in self.settings:
            return self.settings[name]
        return next(setting.default for setting in self.type.settings if setting.name == name)

    def width(self, bits: Width) -> int:
        """Resolve a declared width, which may name a setting."""
        return bits if isinstance(bits, int) else self.setting(bits)

    def extent(self, per: Extent) -> tuple[int, ...]:
        """Shape of a per-neuron or per-mode array of this population."""
        return (self.size, self.modes) if per == "mode" else (self.size,)

    def values(self) -> Values:
        """Settings and coefficients by name, defaults filled in: what a step calls `own`."""
        own: dict[str, int | IntArray] = {s.name: self.setting(s.name) for s in self.type.settings}
        for coefficient in self.type.coefficients:
            if coefficient.name in self.coefficients:
                own[coefficient.name] = self.coefficients[coefficient.name]
            elif coefficient.default is not None:
                own[coefficient.name] = frozen_integers(coefficient.default, self.extent(coefficient.per))
        return Values(own)

    @property
    def message_range(self) -> tuple[int, int]:
        """Least and greatest message it can emit."""
        bits = self.width(self.type.message_bits)
        return (0, bits) if bits <= 1 else limits(bits)


@dataclass(frozen=True)
class Projection:
    """Synapses from one input or population to a port of a population.

    What arrives at step t is floor(W m(t - delay_steps) * 2^exponent), with m the source's messages: the sum over
    sources is exact and is then shifted once (Lava's Dense with `weight_exp`).

    Attributes:
        name: unique among projections.
        source, target: names; `port` is a port of the target's neuron type.
        connection: the integer map, weights of 8 bits.
        exponent: power of two applied to the sum.
        delay_steps: 1 .. 62.
        origin: the NIR nodes it came from, for messages.
    """

    name: str
    source: str
    target: str
    connection: Connection
    port: str = "input"
    exponent: int = 0
    delay_steps: int = 1
    origin: str = ""


@dataclass(frozen=True)
class Output:
    """What the host reads: the messages of a population, or one of its registers.

    Attributes:
        name: unique among outputs.
        population: which one.
        register: name of a stored register, or "" for the messages.
        reading: how it stands after each step, one of `READINGS`; "" takes "last" of a register, "count" of messages.
        exponents: an integer v stands for v * 2^-exponent, one exponent for all neurons or one each; a count of
            messages stands for itself.
        early_steps: how many steps before the program's latency it is complete.
    """

    name: str
    population: str
    register: str = ""
    reading: str = ""
    exponents: tuple[int, ...] = (0,)
    early_steps: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "reading", self.reading or ("last" if self.register else "count"))
        object.__setattr__(self, "exponents", tuple(map(operator.index, self.exponents)))


@dataclass(frozen=True)
class Probe:
    """A register to record at every step."""

    population: str
    register: str

    def __str__(self) -> str:
        return f"{self.population}.{self.register}"


@dataclass(frozen=True)
class Program:
    """An integer network.

    Attributes:
        name: of the network.
        inputs, populations, projections, outputs: the parts, in a fixed order that means nothing.
        latency_steps: what enters at step t is complete at the outputs at step t + latency_steps.
        notes: facts for readers (task, classes, ...): they mean nothing to a simulator.
        semantics_version: version of the meaning that the program was made for.
    """

    name: str
    inputs: tuple[Input, ...]
    populations: tuple[Population, ...]
    projections: tuple[Projection, ...]
    outputs: tuple[Output, ...]
    latency_steps: int = 0
    notes: Mapping[str, str] = field(default_factory=dict)
    semantics_version: int = SEMANTICS_VERSION

    def population(self, name: str) -> Population:
        """Return the population of that name; KeyError if there is none."""
        for population in self.populations:
            if population.name == name:
                return population
        raise KeyError(name)

    def input(self, name: str) -> Input:
        """Return the input of that name; KeyError if there is none."""
        for source in self.inputs:
            if source.name == name:
                return source
        raise KeyError(name)

    def output(self, name: str = "") -> Output:
        """Return the output of that name, or the first; KeyError if there is none."""
        for output in self.outputs:
            if name in ("", output.name):
                return output
        raise KeyError(name)

    def sizes(self) -> dict[str, int]:
        """Number of channels or neurons of every input and population."""
        return {i.name: i.size for i in self.inputs} | {p.name: p.size for p in self.populations}

    def into(self, population: str) -> tuple[Projection, ...]:
        """Projections that end in the population."""
        return tuple(projection for projection in self.projections if projection.target == population)

    def source_range(self, name: str) -> tuple[int, int]:
        """Least and greatest message of an input or population."""
        for source in self.inputs:
            if source.name == name:
                return limits(source.bits)
        return self.population(name).message_range

    def __repr__(self) -> str:
        """The parts, a line each, without weights and coefficients."""
        lines = [f"Program {self.name}, {self.latency_steps} steps of latency"]
        lines += [f"  input {i.name}: {i.size} of {i.bits} bits" for i in self.inputs]
        for p in self.populations:
            modes = f" x {p.modes} modes" if p.modes else ""
            lines.append(f"  population {p.name}: {p.size} {p.neuron}{modes}")
        for joint in self.projections:
            targets, sources = joint.connection.target_size, joint.connection.source_size
            late = f", {joint.delay_steps} steps" if joint.delay_steps != 1 else ""
            lines.append(
                f"  projection {joint.name}: {joint.source} -> {joint.target}, "
                f"{joint.connection.kind} {sources} -> {targets}{late}"
            )
        lines += [f"  output {o.name}: {o.population}{f'.{o.register}' if o.register else ''}" for o in self.outputs]
        return "\n".join(lines)

    def all_probes(self) -> tuple[Probe, ...]:
        """One probe for every register of every population."""
        return tuple(Probe(p.name, register.name) for p in self.populations for register in p.type.registers)
