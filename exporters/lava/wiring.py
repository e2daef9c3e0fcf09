"""Which Lava process stands for which part of a program, and what is connected to what."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np

from exporters.lava.classes import STOCK_LIF, Kind
from toolchain.bounds.arrivals import at_port
from toolchain.bounds.messages import sent
from toolchain.bounds.widths import magnitude
from toolchain.ir.integer import limits
from toolchain.ir.program import Population, Program, Projection

WIRING_HEAD = '''"""The network: its inputs, populations and projections."""

from network import processes


def wire(net):
    """Say what there is and what is connected to what."""'''


def wiring_source(program: Program, kinds: Sequence[Kind]) -> str:
    """The module that makes all processes of a run."""
    kind_of = {population: kind.name for kind in kinds for population in kind.populations}
    lines = [f"net.source({quoted(source.name)}, size={source.size})" for source in program.inputs]
    lines += [_population(population, program, kind_of[population.name]) for population in program.populations]
    lines += [_projection(projection) for projection in program.projections]
    parts = separate_parts(program)
    if len(parts) > 1:
        lines.append(f"net.tie({', '.join(quoted(part[0]) for part in parts)})")
    return "\n    ".join([WIRING_HEAD, *lines]) + "\n"


def _population(population: Population, program: Program, kind: str) -> str:
    options = [f"size={population.size}"]
    if population.modes:
        options.append(f"modes={population.modes}")
    if population.start_step:
        options.append(f"start_step={population.start_step}")
    if not has_stock_lif(population, program):
        return f"net.neurons({quoted(population.name)}, processes.{kind}, {', '.join(options)})"
    if population.setting("bias_exp"):
        options.append(f"bias_exp={population.setting('bias_exp')}")
    if may_wrap(population, program):
        options.append("may_wrap=True")
    return f"net.lif({quoted(population.name)}, processes.{kind}, processes.{kind}Watch, {', '.join(options)})"


def _projection(projection: Projection) -> str:
    if not connects(projection):
        return f"# {quoted(projection.name)} is left out: all its weights are 0, and Lava has no empty Sparse"
    options = [quoted(name) for name in (projection.name, projection.source, projection.target)]
    options += [f"port={quoted(projection.port)}"] if projection.port != "input" else []
    options += [f"exponent={projection.exponent}", f"delay_steps={projection.delay_steps}"]
    return f"net.projection({', '.join(options)})"


def connects(projection: Projection) -> bool:
    """Whether anything can arrive through a projection."""
    return bool(np.any(projection.connection.values != 0))


def quoted(name: str) -> str:
    """A name as Python text."""
    return json.dumps(name)


def has_stock_lif(population: Population, program: Program) -> bool:
    """Whether Lava's own LIF can stand for the population.

    LIF has one du, dv and vth, and no start step: that is nothing where no bias acts and nothing arrives before.
    """
    if population.neuron != STOCK_LIF:
        return False
    own = population.values()
    uniform = all(len(np.unique(own[name])) == 1 for name in ("du", "dv", "vth"))
    if not population.start_step or not uniform:
        return uniform
    return not np.any(own.bias_mant) and earliest_arrival(population, program) >= population.start_step


def earliest_arrival(population: Population, program: Program) -> int:
    """A step before which nothing can arrive: an input may send from step 0, a population from its start step."""
    start = {source.name: 0 for source in program.inputs} | {p.name: p.start_step for p in program.populations}
    arrivals = [start[projection.source] + projection.delay_steps for projection in program.into(population.name)]
    return min(arrivals, default=population.start_step)


def may_wrap(population: Population, program: Program) -> bool:
    """Whether the current of a LIF can reach 2^23, by the greatest input that can arrive in a step.

    From |current'| <= |current| (4095 - du) / 4096 + 64 arrival follows |current| <= 64 arrival 4096 / (du + 1).
    """
    arrival = int(magnitude(at_port(program, population, "input", sent(program))).max())
    slowest = int(population.values().du.min()) + 1
    return arrival * 64 * 4096 >= limits(24)[1] * slowest


def separate_parts(program: Program) -> list[list[str]]:
    """Inputs and populations, grouped by what projections connect."""
    group = {name: [name] for name in program.sizes()}
    for projection in filter(connects, program.projections):
        left, right = group[projection.source], group[projection.target]
        if left is not right:
            left.extend(right)
            group.update(dict.fromkeys(right, left))
    return [part for name, part in group.items() if _leads(name, group)]


def _leads(name: str, group: dict[str, list[str]]) -> bool:
    return group[name][0] == name
