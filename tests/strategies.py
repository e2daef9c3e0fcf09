"""Random programs and inputs for property tests, drawn from the neuron types' own declarations.

Nothing here knows a neuron type by name: a new type is drawn as soon as it stands in `NEURONS`. Programs hold cycles,
self-loops, delays, negative exponents, resting populations, several inputs, connections of every kind; coefficients
lean towards the ends of their ranges, so that registers wrap and saturate (run them with ``strict=False``).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np
from hypothesis import strategies as st

from tests.connection_strategies import connections
from toolchain.bounds.verify import RULES
from toolchain.ir.integer import IntArray, limits
from toolchain.ir.neurons import NEURONS, Coefficient, NeuronType
from toolchain.ir.program import MAX_DELAY_STEPS, Input, Output, Population, Program, Projection

ATTEMPTS = 60


def edges(low: int, high: int) -> list[int]:
    """min, min+1, -1, 0, 1, max-1, max: those that lie in the range."""
    wanted = {low, low + 1, -1, 0, 1, high - 1, high}
    return sorted(value for value in wanted if low <= value <= high)


def coefficient_range(population: Population, coefficient: Coefficient) -> tuple[int, int]:
    bits = population.width(coefficient.bits)
    return limits(bits) if coefficient.signed else (0, (1 << bits) - 1)


def integers_near_edges(low: int, high: int) -> st.SearchStrategy[int]:
    """Integers of a range: its edges often, small ones, any."""
    small = st.integers(max(low, -9), min(high, 9)) if low <= 9 and high >= -9 else st.integers(low, high)
    return st.sampled_from(edges(low, high)) | small | st.integers(low, high)


@st.composite
def arrays(draw: st.DrawFn, shape: tuple[int, ...], low: int, high: int) -> IntArray:
    count = int(np.prod(shape))
    values = draw(st.lists(integers_near_edges(low, high), min_size=count, max_size=count))
    return np.array(values, dtype=np.int64).reshape(shape)


@st.composite
def populations(
    draw: st.DrawFn, name: str = "p", types: tuple[NeuronType, ...] = NEURONS, max_size: int = 4
) -> Population:
    """A population of any type with random settings and coefficients that obey the type's own rules."""
    neuron = draw(st.sampled_from(types))
    settings = {s.name: draw(integers_near_edges(s.low, s.high)) for s in neuron.settings if draw(st.booleans())}
    per_mode = any(c.per == "mode" for c in neuron.coefficients)
    bare = Population(
        name,
        neuron.name,
        size=draw(st.integers(1, max_size)),
        modes=draw(st.integers(1, 3)) if per_mode else 0,
        settings=settings,
        start_step=draw(st.sampled_from([0, 0, 1, 3])),
        origin=draw(st.sampled_from(["", f"net.{name}", "node with blanks"])),
    )
    return draw(with_coefficients(bare))


@st.composite
def with_coefficients(draw: st.DrawFn, bare: Population) -> Population:
    """The population with random coefficients; those that break the type's rules are shrunk until they don't."""
    coefficients: dict[str, IntArray] = {}
    for coefficient in bare.type.coefficients:
        if coefficient.default is None or draw(st.booleans()):
            shape = (draw(st.integers(1, 9)),) if coefficient.per == "population" else bare.extent(coefficient.per)
            coefficients[coefficient.name] = draw(arrays(shape, *coefficient_range(bare, coefficient)))
    return obeying(dataclasses.replace(bare, coefficients=coefficients))


def obeying(population: Population) -> Population:
    """Move the population's coefficients towards zero until its type's rules hold: 0.7 of each, then 0.7 of that."""
    for _ in range(ATTEMPTS):
        if not any(rule(population.values()) for rule in population.type.rules):
            return population
        shrunk = {name: np.trunc(values * 0.7).astype(np.int64) for name, values in population.coefficients.items()}
        population = dataclasses.replace(population, coefficients=shrunk)
    raise AssertionError(f"no coefficients found that obey the rules of {population.neuron}")


@st.composite
def projections(draw: st.DrawFn, name: str, source: str, sizes: Mapping[str, int], target: Population) -> Projection:
    return Projection(
        name,
        source,
        target.name,
        draw(connections(target.size, sizes[source])),
        port=draw(st.sampled_from([port.name for port in target.type.ports])),
        exponent=draw(st.integers(-2, 6) | st.integers(-9, 9)),
        delay_steps=draw(st.integers(1, 3) | st.sampled_from([1, 2, 5, MAX_DELAY_STEPS])),
        origin=draw(st.sampled_from(["", f"net.{name}"])),
    )


@st.composite
def programs(draw: st.DrawFn, types: tuple[NeuronType, ...] = NEURONS, max_populations: int = 4) -> Program:
    """A verified program: exponents are lowered where more could arrive at a port than it holds."""
    inputs = tuple(
        Input(f"in{i}", draw(st.integers(1, 2)), draw(st.integers(2, 24)), draw(st.integers(-3, 8)))
        for i in range(draw(st.integers(1, 2)))
    )
    neurons = tuple(draw(populations(f"p{i}", types)) for i in range(draw(st.integers(1, max_populations))))
    sizes = {i.name: i.size for i in inputs} | {p.name: p.size for p in neurons}
    joints = []
    reached = [p for p in neurons if draw(st.integers(0, 9))]  # most populations get something, a few nothing
    for i, target in enumerate([*reached, *draw(st.lists(st.sampled_from(neurons), max_size=4))]):
        source = draw(st.sampled_from(sorted(sizes)))
        joints.append(draw(projections(f"{source}->{target.name}.{i}", source, sizes, target)))
    outputs = tuple(Output(f"out.{p.name}", p.name, draw(_readable(p))) for p in neurons if draw(st.booleans()))
    notes = draw(st.dictionaries(st.sampled_from(["task", "classes", "a b"]), st.sampled_from(["", "x: y", " 3 "])))
    name = draw(st.sampled_from(["net", "a net", "größe"]))
    return within_ports(Program(name, inputs, neurons, tuple(joints), outputs, draw(st.integers(0, 3)), notes))


def _readable(population: Population) -> st.SearchStrategy[str]:
    return st.sampled_from(["", *(register.name for register in population.type.stored)])


def within_ports(program: Program) -> Program:
    """Lower the exponents into a port step by step until it cannot overflow."""
    ports = next(rule for rule in RULES if rule.name == "port-ranges")
    while full := {problem.partition(":")[0] for problem in ports.problems(program)}:
        lower = tuple(
            dataclasses.replace(p, exponent=max(p.exponent - 1, -23)) if f"{p.target}.{p.port}" in full else p
            for p in program.projections
        )
        program = dataclasses.replace(program, projections=lower)
    return program


@st.composite
def inputs_for(draw: st.DrawFn, program: Program, max_samples: int = 2, max_steps: int = 8) -> dict[str, IntArray]:
    """An array an input, (sample, step, channel), leaning towards the ends of its range; some steps are silent."""
    samples, steps = draw(st.integers(1, max_samples)), draw(st.integers(1, max_steps))
    drawn = {}
    for source in program.inputs:
        values = draw(arrays((samples, steps, source.size), *limits(source.bits)))
        drawn[source.name] = values * draw(arrays((1, steps, 1), 0, 1))
    return drawn


@st.composite
def runs(draw: st.DrawFn, types: tuple[NeuronType, ...] = NEURONS) -> tuple[Program, dict[str, IntArray]]:
    """A program and inputs for it."""
    program = draw(programs(types))
    return program, draw(inputs_for(program))
