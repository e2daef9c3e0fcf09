"""Where a graph ends: every Output reads one unit, and outputs have names of their own."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from toolchain.frontend.graph import Graph, Node

ONLY_OUTPUT = "output"
"""What a program calls the output of a network that has one."""


def with_sums_before_outputs(graph: Graph) -> Graph:
    """The graph with a linear node before each Output that several edges enter, or that reads an Input."""
    for output in graph.of_kind("Output"):
        sources = graph.sources(output.name)
        if len(sources) != 1 or graph.nodes[sources[0]].kind == "Input":
            graph = _with_sum(graph, output)
    return graph


def _with_sum(graph: Graph, output: Node) -> Graph:
    name = f"{output.name}_sum"
    while name in graph.nodes:
        name += "_"
    shape = output.input_shape
    total = Node(name, "Scale", {"scale": np.ones(shape)}, shape, shape)
    nodes = {}
    for place, node in graph.nodes.items():
        if place == output.name:
            nodes[name] = total
        nodes[place] = node
    edges = [(source, name if target == output.name else target) for source, target in graph.edges]
    return replace(graph, nodes=nodes, edges=(*edges, (name, output.name)))


def output_names(graph: Graph) -> tuple[str, ...]:
    """What a program calls the Outputs of a graph, in order: as the file does where there are several."""
    names = [node.name for node in graph.of_kind("Output")]
    if len(names) < 2:
        return (ONLY_OUTPUT,) * len(names)
    plain = [name.replace(".", "_") for name in names]
    return tuple(name if plain.count(name) == 1 else f"{name}_{place}" for place, name in enumerate(plain))
