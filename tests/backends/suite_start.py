"""Runs that begin in any state: a neuron type whose first step finds coefficients in its registers and ports.

No simulator takes a state to start from, and none needs to: a program can say it. `started` makes of a neuron type
another, which has the same step behind a `select` for each stored register and each port. Simulators and exporters get
it as they get every type, by its declarations and by tracing.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from tests import golden_text
from tests.strategies import edges
from tests.toolchain.ir.restated import Outcome
from tests.toolchain.ir.stepping import Cases, by_restatement, cases, setting_choices
from tests.toolchain.ir.vectors import read_line
from toolchain.ir.integer import IntArray, Overflow, Value, each_mode, greater_equal, limits, select
from toolchain.ir.neurons import NEURONS, NEURONS_BY_NAME, Coefficient, Keep, NeuronType, Register, Values
from toolchain.ir.program import Input, Population, Program
from toolchain.ir.trace import Trace

BEGUN = Register("begun", 2, Overflow.WRAP, meaning="1 from the second step on")


def started(neuron: NeuronType) -> NeuronType:
    """The neuron type with the coefficients `start_<register>` and `port_<port>`, which its first step finds.

    It keeps no rules: boundary cases are outside what verification lets into a network.
    """

    def step(own: Values, state: Values, ports: Values, keep: Keep) -> tuple[dict[str, Value], Value]:
        first = {r.name: own[f"start_{r.name}"] for r in neuron.stored}
        begun = {r.name: each_mode(state.begun) if r.per == "mode" else state.begun for r in neuron.stored}
        held = {name: select(begun[name], state[name], value) for name, value in first.items()}
        sums = {p.name: select(state.begun, ports[p.name], own[f"port_{p.name}"]) for p in neuron.ports}
        after, message = neuron.step(own, Values(held), Values(sums), keep)
        return {**after, "begun": keep("begun", greater_equal(state.begun, 0))}, message

    starts = tuple(Coefficient(f"start_{r.name}", r.bits, per=r.per) for r in neuron.stored)
    sums = tuple(Coefficient(f"port_{p.name}", p.bits) for p in neuron.ports)
    return replace(
        neuron,
        name=f"started_{neuron.name}",
        registers=(*neuron.registers, BEGUN),
        coefficients=(*neuron.coefficients, *starts, *sums),
        step=step,
        rules=(),
    )


@contextmanager
def known(*neurons: NeuronType) -> Iterator[None]:
    """Make neuron types known that programs may then use."""
    with pytest.MonkeyPatch.context() as patch:
        for neuron in neurons:
            patch.setitem(NEURONS_BY_NAME, neuron.name, neuron)
        yield


@dataclass(frozen=True)
class Vectors:
    """Cases of one neuron type under one choice of settings, and what each comes to after one step."""

    given: Cases
    outcomes: Sequence[Outcome]

    def population(self, name: str) -> Population:
        """One neuron a case, which starts where the case says."""
        population = self.given.population
        starts = {f"start_{name}": values[0] for name, values in self.given.state.items()}
        starts |= {f"port_{name}": values[0] for name, values in self.given.ports.items()}
        coefficients = {**population.coefficients, **starts}
        return replace(population, name=name, neuron=f"started_{population.neuron}", coefficients=coefficients)

    def faults(self, name: str, trace: Trace) -> Iterator[str]:
        """Each case whose registers or message after the first step are not what they come to."""
        for i, outcome in enumerate(self.outcomes):
            expected = {**outcome.kept, **outcome.after}
            found = {register: trace.registers[f"{name}.{register}"][0, 0, i].tolist() for register in expected}
            found["message"] = int(trace.messages[name][0, 0, i])
            if found != {**expected, "message": outcome.message}:
                yield f"{name}, case {i}: {found} instead of {expected}, message {outcome.message}"


def stored_vectors(neuron: NeuronType) -> list[Vectors]:
    """The vectors in tests/vectors, one group for each choice of settings."""
    text = (golden_text.TESTS / "vectors" / f"{neuron.name}_boundary.txt").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    groups = itertools.groupby(lines, key=lambda line: line.partition(";")[0])
    return [_vectors(neuron, [read_line(line) for line in group]) for _, group in groups]


def _vectors(neuron: NeuronType, rows: Sequence[tuple[Any, ...]]) -> Vectors:
    """Lines with the same settings as one population."""
    befores = [row[0] for row in rows]
    tables = {c.name for c in neuron.coefficients if c.per == "population"}
    own = {name: befores[0][1][name] if name in tables else _column(befores, 1, name) for name in befores[0][1]}
    state = {name: np.array([_column(befores, 2, name)]) for name in befores[0][2]}
    ports = {name: np.array([_column(befores, 3, name)]) for name in befores[0][3]}
    modes = max([0, *(np.shape(values)[1] for name, values in own.items() if np.ndim(values) == 2)])
    coefficients = {name: np.array(values) for name, values in own.items()}
    population = Population("cases", neuron.name, len(rows), modes, befores[0][0], coefficients)
    return Vectors(Cases(population, state, ports), [Outcome({}, kept, after, sent) for _, kept, after, sent in rows])


def _column(befores: Sequence[Any], part: int, name: str) -> list[Any]:
    return [before[part][name] for before in befores]


def edge_vectors(neuron: NeuronType) -> list[Vectors]:
    """Every stored register and every port in turn at min, min+1, -1, 0, 1, max-1, max, the rest near edges."""
    groups = []
    for seed, settings in enumerate(setting_choices(neuron)[:3]):
        given = cases(neuron, settings, 7 * 3 * max(1, len(neuron.stored) + len(neuron.ports)), _generator(seed))
        own = given.population
        ranges = {r.name: (given.state, limits(own.width(r.bits))) for r in neuron.stored}
        ranges |= {p.name: (given.ports, limits(p.bits)) for p in neuron.ports}
        for turn, (name, (held, bounds)) in enumerate(ranges.items()):
            column = np.resize(edges(*bounds), 21).reshape(-1, *(1 for _ in held[name].shape[2:]))
            held[name][:, 21 * turn : 21 * (turn + 1)] = column
        groups.append(Vectors(given, by_restatement(given)))
    return groups


def _generator(seed: int) -> np.random.Generator:
    return np.random.default_rng([seed, 7])


def program_of(groups: Mapping[str, Vectors]) -> Program:
    """All groups as one program of independent populations; an input that reaches none gives its samples."""
    populations = tuple(vectors.population(name) for name, vectors in groups.items())
    return Program("vectors", (Input("idle", 1, 2),), populations, (), ())


def idle(steps: int = 1) -> dict[str, IntArray]:
    return {"idle": np.zeros((1, steps, 1), dtype=np.int64)}


def all_started() -> tuple[NeuronType, ...]:
    return tuple(started(neuron) for neuron in NEURONS)
