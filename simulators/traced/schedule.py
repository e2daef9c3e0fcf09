"""In which order populations run, and how many steps of each before the next has its turn.

A population that hears nothing of its own past, not even through others, runs a whole block of steps at once. Those
that stand in a cycle together take turns: as many steps as the shortest delay between them, so that whatever arrives
in a turn was sent before it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse
from scipy.sparse.csgraph import connected_components

from toolchain.ir.program import Program


@dataclass(frozen=True)
class Stage:
    """Populations that run together.

    Attributes:
        populations: names, in order.
        turn_steps: steps that each runs before the next; 0 for the whole block.
    """

    populations: tuple[str, ...]
    turn_steps: int


def stages(program: Program) -> tuple[Stage, ...]:
    """Sort populations so that each stage hears only itself and earlier ones; neighbours without cycles are joined."""
    cycles = _cycles(program)
    joined: list[Stage] = []
    for members in _sorted(program, cycles):
        inside = [p.delay_steps for p in program.projections if p.source in members and p.target in members]
        stage = Stage(members, min(inside, default=0))
        if joined and not stage.turn_steps and not joined[-1].turn_steps:
            stage = Stage(joined.pop().populations + members, 0)
        joined.append(stage)
    return tuple(joined)


def _cycles(program: Program) -> list[tuple[str, ...]]:
    """Populations that reach each other, each group once, in the program's order."""
    names = [population.name for population in program.populations]
    place = {name: i for i, name in enumerate(names)}
    edges = [(place[p.source], place[p.target]) for p in program.projections if p.source in place]
    rows, columns = [a for a, _ in edges], [b for _, b in edges]
    graph = scipy.sparse.csr_array((np.ones(len(edges)), (rows, columns)), shape=(len(names), len(names)))
    count, labels = connected_components(graph, directed=True, connection="strong")
    groups: list[tuple[str, ...]] = [
        tuple(name for name, label in zip(names, labels, strict=True) if label == group) for group in range(count)
    ]
    return sorted(groups, key=lambda group: place[group[0]])


def _sorted(program: Program, groups: list[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Every group after those that it hears."""
    group_of = {name: group for group in groups for name in group}
    hears = {
        group: {group_of[p.source] for p in program.projections if p.target in group and p.source in group_of} - {group}
        for group in groups
    }
    ordered: list[tuple[str, ...]] = []
    while len(ordered) < len(groups):
        ordered += [g for g in groups if g not in ordered and hears[g] <= set(ordered)][:1]
    return ordered
