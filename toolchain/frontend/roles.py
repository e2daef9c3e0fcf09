"""Which nodes of a graph emit messages, and what each becomes in a program.

A state space becomes one unit with what its output alone feeds: a LIF soma, a Threshold, a Rectifier; where it feeds
anything else its output leaves as a graded message. A Product takes in the Rectifier that alone reads it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from toolchain.errors import UnsupportedError
from toolchain.frontend.extensions import BINARY_GATE, PRODUCT, RECTIFIER, SIGMOID_GATE, TERNARY
from toolchain.frontend.graph import Graph, Node
from toolchain.frontend.linear import LINEAR_KINDS
from toolchain.frontend.ssm import SsmBlock

Role = Literal[
    "input",
    "ssm_lif",
    "ssm_graded",
    "lif",
    "integrator",
    "relay",
    "ternary",
    "rectifier",
    "sigmoid_gate",
    "binary_gate",
    "product",
]

LIF_KINDS = ("LIF", "CubaLIF", "IF")
SPIKING_KINDS = (*LIF_KINDS, "Threshold")
"""Nodes that spike; a Threshold is a LIF that keeps nothing of its voltage."""

_ROLES: dict[str, Role] = {
    "Input": "input",
    "I": "integrator",
    **dict.fromkeys(SPIKING_KINDS, "lif"),
    SIGMOID_GATE: "sigmoid_gate",
    BINARY_GATE: "binary_gate",
    PRODUCT: "product",
    TERNARY: "ternary",
    RECTIFIER: "rectifier",
}

PORTS: dict[str, tuple[str, str]] = {
    "sigmoid_gate": ("value", "drive"),
    "binary_gate": ("value", "drive"),
    "product": ("left", "right"),
}
"""Ports of the roles of two inputs: the first half of their signal, and the second."""

GRADED = ("input", "ssm_graded", "relay", "rectifier", "sigmoid_gate", "binary_gate", "product")
"""Roles whose messages are numbers; those of all others but the integrator are 0 and 1, or -1, 0 and 1."""


@dataclass(frozen=True, eq=False)
class Head:
    """What emits the messages of one exit.

    Attributes:
        role: what it becomes.
        entry: the node whose summed input drives it (the state space's input node where there is one).
        node: the node of its own, None for a state space without soma and for relays.
        ssm: the state space in it.
        rectified: whether only positive messages leave.
    """

    role: Role
    entry: str
    node: Node | None = None
    ssm: SsmBlock | None = None
    rectified: bool = False


def find_heads(graph: Graph, blocks: tuple[SsmBlock, ...]) -> dict[str, Head]:
    """By exit, the node whose output is the message, in the order of the graph.

    Raises:
        UnsupportedError: a node that has no place in a program, or an Output that several edges enter.
    """
    covered = {node for block in blocks for node in block.nodes}
    taken = {exit_node: head for block in blocks for exit_node, head in [_of_block(graph, block)]}
    heads: dict[str, Head] = {}
    for name, node in graph.nodes.items():
        if name in taken:
            heads[name] = taken[name]
        elif name not in covered:
            heads |= {
                exit_node: head for exit_node, head in _of_node(graph, node) if exit_node not in {**heads, **taken}
            }
    return heads


def _of_block(graph: Graph, block: SsmBlock) -> tuple[str, Head]:
    reader = _only_reader(graph, block.output)
    if reader is not None and reader.kind in ("LIF", "Threshold"):
        return reader.name, Head("ssm_lif", block.input, reader, block)
    if reader is not None and reader.kind == RECTIFIER:
        return reader.name, Head("ssm_graded", block.input, None, block, rectified=True)
    return block.output, Head("ssm_graded", block.input, None, block)


def _only_reader(graph: Graph, name: str) -> Node | None:
    """The node that reads `name` and nothing else, where no other reads `name`."""
    targets = graph.targets(name)
    if len(targets) != 1 or graph.sources(targets[0]) != (name,):
        return None
    return graph.nodes[targets[0]]


def _of_node(graph: Graph, node: Node) -> Iterator[tuple[str, Head]]:
    if node.kind == "Output":
        yield from _of_output(graph, node)
    elif node.kind == PRODUCT and _rectifier_of(graph, node) is not None:
        return
    elif node.kind == RECTIFIER and (product := _product_of(graph, node)) is not None:
        yield node.name, Head("product", product.name, product, rectified=True)
    elif node.kind in _ROLES:
        yield node.name, Head(_ROLES[node.kind], node.name, node)
    elif node.kind not in LINEAR_KINDS:
        raise UnsupportedError(
            node.name,
            f"{node.kind} nodes cannot be lowered to a program yet",
            f"use a state space, {', '.join(kind for kind in _ROLES if kind != 'Input')}; {', '.join(LINEAR_KINDS)}",
        )


def _of_output(graph: Graph, node: Node) -> Iterator[tuple[str, Head]]:
    """A linear node that an Output reads becomes a relay."""
    sources = graph.sources(node.name)
    if len(sources) != 1:
        what = f"{len(sources)} edges enter the Output"
        raise UnsupportedError(node.name, what, "put an explicit sum node before it")
    if graph.nodes[sources[0]].kind in LINEAR_KINDS:
        yield sources[0], Head("relay", sources[0])


def _rectifier_of(graph: Graph, product: Node) -> Node | None:
    reader = _only_reader(graph, product.name)
    return reader if reader is not None and reader.kind == RECTIFIER else None


def _product_of(graph: Graph, rectifier: Node) -> Node | None:
    sources = graph.sources(rectifier.name)
    if len(sources) != 1 or graph.nodes[sources[0]].kind != PRODUCT:
        return None
    return graph.nodes[sources[0]] if _only_reader(graph, sources[0]) is rectifier else None
