"""Many cases of one neuron type side by side: each neuron of a population is one case.

Settings are the population's; coefficients, stored registers and port sums differ from case to case. `by_step` runs
the type's step, `by_restatement` the plain equations; both answer in the same form.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tests.strategies import coefficient_range, edges
from tests.toolchain.ir.restated import RESTATED, Outcome
from toolchain.ir.integer import IntArray, limits
from toolchain.ir.neurons import NeuronType, Values
from toolchain.ir.program import Population
from toolchain.ir.timestep import keeper, step_population

MODES = 3


@dataclass(frozen=True)
class Cases:
    """Stored registers and port sums, (1, case) or (1, case, mode), for a population with one neuron a case."""

    population: Population
    state: Mapping[str, IntArray]
    ports: Mapping[str, IntArray]

    def __len__(self) -> int:
        return self.population.size


@dataclass(frozen=True)
class Answer:
    """What a step did: raw and held value of each register, stored registers afterwards, messages."""

    raw: dict[str, Any]
    kept: dict[str, Any]
    after: dict[str, Any]
    message: Any


def setting_choices(neuron: NeuronType) -> list[dict[str, int]]:
    """Defaults, all least, all greatest, and each alone at its ends, or at each value where those are few."""
    choices = [
        {s.name: s.default for s in neuron.settings},
        {s.name: s.low for s in neuron.settings},
        {s.name: s.high for s in neuron.settings},
    ]
    for setting in neuron.settings:
        few = setting.high - setting.low < 6
        values = range(setting.low, setting.high + 1) if few else (setting.low, setting.high)
        choices += [{setting.name: value} for value in values]
    return choices


def cases(neuron: NeuronType, settings: Mapping[str, int], count: int, rng: np.random.Generator) -> Cases:
    """Random cases; three in four values are at the edge of their range, the rest small or anywhere."""
    modes = MODES if any(c.per == "mode" for c in neuron.coefficients) else 0
    bare = Population("cases", neuron.name, size=count, modes=modes, settings=settings)
    coefficients = {
        c.name: values_near_edges(
            coefficient_range(bare, c), (9,) if c.per == "population" else bare.extent(c.per), rng
        )
        for c in neuron.coefficients
    }
    state = {
        r.name: values_near_edges(limits(bare.width(r.bits)), (1, *bare.extent(r.per)), rng) for r in neuron.stored
    }
    ports = {p.name: values_near_edges(limits(p.bits), (1, count), rng) for p in neuron.ports}
    return Cases(dataclasses.replace(bare, coefficients=coefficients), state, ports)


def values_near_edges(bounds: tuple[int, int], shape: tuple[int, ...], rng: np.random.Generator) -> IntArray:
    low, high = bounds
    at_edge = rng.choice(edges(low, high), size=shape)
    anywhere = rng.integers(low, high, size=shape, endpoint=True)
    small = np.minimum(np.maximum(rng.integers(-9, 9, size=shape, endpoint=True), low), high)
    return np.choose(rng.integers(0, 8, size=shape), [at_edge] * 5 + [anywhere] * 2 + [small])


def by_step(given: Cases, as_type: Any = None) -> Answer:
    """The neuron type's own step; `as_type` turns every integer into something else that computes."""
    convert: Callable[[Any], Any] = (lambda v: v) if as_type is None else np.vectorize(as_type, otypes=[object])
    own = Values(
        {name: convert(v) if isinstance(v, np.ndarray) else v for name, v in given.population.values().items()}
    )
    raw: dict[str, Any] = {}
    kept: dict[str, Any] = {}

    def observe(register: str, value: Any, held: Any) -> None:
        raw[register], kept[register] = value, held

    state = {name: convert(values) for name, values in given.state.items()}
    ports = Values({name: convert(values) for name, values in given.ports.items()})
    after, message = step_population(given.population, state, ports, keeper(given.population, observe), own)
    shaped = {name: np.broadcast_to(values, (1, *np.shape(values)[1:])) for name, values in after.items()}
    return Answer(raw, kept, shaped, np.broadcast_to(message, (1, len(given))))


def by_restatement(given: Cases) -> list[Outcome]:
    """The plain equations, case by case."""
    return [RESTATED[given.population.neuron](*single(given, i)) for i in range(len(given))]


def single(given: Cases, i: int) -> tuple[dict[str, Any], dict[str, Any], dict[str, int]]:
    """Coefficients and settings, stored registers and port sums of one case, as Python integers and lists."""
    tables = {c.name for c in given.population.type.coefficients if c.per == "population"}
    own = {
        name: values.tolist() if name in tables else values[i].tolist() if isinstance(values, np.ndarray) else values
        for name, values in given.population.values().items()
    }
    state = {name: values[0, i].tolist() for name, values in given.state.items()}
    return own, state, {name: int(values[0, i]) for name, values in given.ports.items()}


def pick(values: Mapping[str, Any], i: int) -> dict[str, Any]:
    """One case of an answer's registers as Python integers and lists."""
    return {name: np.asarray(array)[:1, i : i + 1].tolist()[0][0] for name, array in values.items()}


def outcome(answer: Answer, i: int) -> Outcome:
    """One case of an answer, in the restatement's form."""
    return Outcome(pick(answer.raw, i), pick(answer.kept, i), pick(answer.after, i), int(answer.message[0, i]))
