"""Loops through several neurons that a convention makes late by more than a step: Delay nodes say so.

They stand straight after the neurons, before linear nodes that lead nowhere else, so that biases there act at once and
what joins from outside does not wait.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import numpy as np

from toolchain.frontend.discretize import delay_steps
from toolchain.frontend.graph import Graph, Node
from toolchain.frontend.order import Edge, loops_of_several
from toolchain.frontend.primitives import STATEFUL
from toolchain.frontend.rules import Conventions


def past_delays(graph: Graph, conventions: Conventions) -> list[str]:
    """Delay nodes that delay every element by a step or more: each closes a loop by itself."""
    return [node.name for node in graph.of_kind("Delay") if np.all(delay_steps(node, conventions) >= 1)]


def with_loop_delays(graph: Graph, conventions: Conventions) -> Graph:
    """The graph with a Delay of `loop_delay_steps` on what closes each loop through several neurons.

    Raises:
        UnsupportedError: a loop of which nothing says where it closes.
    """
    if conventions.loop_delay_steps == 1:
        return graph
    late: set[Edge] = set()
    for part, closing in loops_of_several(graph, past_delays(graph, conventions)):
        for edge in closing:
            late |= _places(graph, part, edge)
    for source in dict.fromkeys(source for source, _ in graph.edges):
        targets = {target for start, target in late if start == source}
        if targets:
            graph = _delayed(graph, source, targets, conventions)
    return graph


def _places(graph: Graph, part: Collection[str], edge: Edge) -> set[Edge]:
    """The edges to delay in place of one: before the linear nodes that lead to it and nowhere else."""
    source, target = edge
    if graph.nodes[source].kind in STATEFUL or graph.targets(source) != (target,):
        return {edge}
    return {found for name in graph.sources(source) if name in part for found in _places(graph, part, (name, source))}


def _delayed(graph: Graph, source: str, targets: Collection[str], conventions: Conventions) -> Graph:
    name = f"{source}_late"
    while name in graph.nodes:
        name += "_"
    shape = graph.nodes[source].output_shape
    steps = np.full(shape, conventions.loop_delay_steps * conventions.dt)
    nodes = dict(graph.nodes) | {name: Node(name, "Delay", {"delay": steps}, shape, shape)}
    edges = [(name if a == source and b in targets else a, b) for a, b in graph.edges]
    return replace(graph, nodes=nodes, edges=((source, name), *edges))
