"""A program run a second time: one sample, one neuron and one synapse at a time, in plain Python integers.

Shares nothing with the reference simulator but the program's data; the neurons' equations are the restated ones.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tests.toolchain.ir.restated import RESTATED, Outcome, floor_shift
from toolchain.ir.connections import Dense, Sparse
from toolchain.ir.integer import IntArray
from toolchain.ir.program import Population, Program, Projection


@dataclass
class PlainRun:
    """What one sample's run gave: lists by name, [step][neuron]; `registers` also [mode] where there are modes."""

    messages: dict[str, list[list[int]]] = field(default_factory=lambda: defaultdict(list))
    registers: dict[str, list[list[Any]]] = field(default_factory=lambda: defaultdict(list))
    overflows: dict[str, int] = field(default_factory=lambda: defaultdict(int))


def run_plain(program: Program, inputs: dict[str, IntArray], sample: int, steps: int) -> PlainRun:
    """Run one sample for `steps` steps."""
    run = PlainRun()
    states = {p.name: [_rest(p) for _ in range(p.size)] for p in program.populations}
    for t in range(steps):
        sums = {p.name: [_ports(program, p, i, run, t) for i in range(p.size)] for p in program.populations}
        for source in program.inputs:
            values = inputs[source.name][sample].tolist()
            run.messages[source.name].append(values[t] if t < len(values) else [0] * source.size)
        for population in program.populations:
            outcomes = [
                _step(population, i, states[population.name][i], sums[population.name][i], t)
                for i in range(population.size)
            ]
            _record(run, population, outcomes, max(population.start_step - t - 1, 0))
            states[population.name] = [outcome.after for outcome in outcomes]
    return run


def _rest(population: Population) -> dict[str, Any]:
    return {r.name: [0] * population.modes if r.per == "mode" else 0 for r in population.type.stored}


def _ports(program: Program, population: Population, neuron: int, run: PlainRun, t: int) -> dict[str, int]:
    sums = dict.fromkeys((port.name for port in population.type.ports), 0)
    for projection in program.projections:
        if projection.target == population.name and t - projection.delay_steps >= 0:
            sent = run.messages[projection.source][t - projection.delay_steps]
            total = sum(weight * sent[source] for source, weight in _synapses(projection, neuron))
            exponent = projection.exponent
            sums[projection.port] += total * 2**exponent if exponent > 0 else floor_shift(total, -exponent)
    return sums


def _synapses(projection: Projection, neuron: int) -> list[tuple[int, int]]:
    """(source, weight) of every synapse into a neuron."""
    connection = projection.connection
    if isinstance(connection, Dense):
        return list(enumerate(connection.weights[neuron].tolist()))
    if not isinstance(connection, Sparse):
        return list(enumerate(connection.matrix().toarray()[neuron].tolist()))
    places = zip(connection.rows.tolist(), connection.columns.tolist(), connection.values.tolist(), strict=True)
    return [(column, value) for row, column, value in places if row == neuron]


def _step(population: Population, neuron: int, state: dict[str, Any], sums: dict[str, int], t: int) -> Outcome:
    tables = {c.name for c in population.type.coefficients if c.per == "population"}
    own = {
        name: values.tolist() if name in tables else values[neuron].tolist() if np.ndim(values) else values
        for name, values in population.values().items()
    }
    outcome = RESTATED[population.neuron](own, state, sums)
    if t >= population.start_step:
        return outcome
    return Outcome(outcome.raw, outcome.kept, state, 0)


def _record(run: PlainRun, population: Population, outcomes: list[Outcome], wait: int) -> None:
    run.messages[population.name].append([outcome.message for outcome in outcomes])
    for register in population.type.registers:
        key = f"{population.name}.{register.name}"
        run.registers[key].append([{**o.kept, **o.after}[register.name] for o in outcomes])
        for outcome in outcomes:
            pairs = np.atleast_1d(np.array([outcome.raw[register.name], outcome.kept[register.name]], dtype=object).T)
            changed = sum(raw != kept for raw, kept in pairs.reshape(-1, 2))
            if changed:
                run.overflows[key] += changed
    if population.start_step:
        run.registers[f"{population.name}.wait"].append([wait] * population.size)
