"""The floating-point network between file and compiler: a typed, flat NIR graph.

A `Graph` holds what the NIR primitives hold and nothing else; it is the only floating-point form of a network
inside the toolchain. Nested graphs are flattened and shapes are complete once `frontend.read` has made one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Node:
    """One NIR primitive.

    Attributes:
        name: unique in its graph; nested names are joined with a dot (``lif1.w_rec``).
        kind: the NIR type, e.g. ``"LIF"``.
        params: the primitive's fields (float64 arrays of the full neuron shape; plain ints, tuples or str for
            strides, paddings and the like).
        input_shape: shape of what enters, without batch or time axis.
        output_shape: shape of what leaves.
        metadata: the node's NIR metadata, as read.
    """

    name: str
    kind: str
    params: Mapping[str, Any]
    input_shape: tuple[int, ...]
    output_shape: tuple[int, ...]
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Finding:
    """Something the reader noticed: where, what, and what it did about it.

    Attributes:
        where: node or edge.
        what: the fault, with numbers.
        action: what was done, e.g. ``"broadcast to (40,)"``.
        severity: ``"note"``, ``"repair"``, or ``"loss"`` for what changes results or makes them meaningless (a refusal
            is an `InputError` or `UnsupportedError`).
    """

    where: str
    what: str
    action: str
    severity: str = "repair"

    def __str__(self) -> str:
        return f"{self.where}: {self.what}; {self.action}"


@dataclass(frozen=True)
class Graph:
    """A flat NIR graph.

    Attributes:
        nodes: by name, in the order in which they were written.
        edges: (source, target) names; edges into one node sum.
        metadata: the root's NIR metadata, as read.
        findings: what reading repaired or noticed.
    """

    nodes: Mapping[str, Node]
    edges: tuple[tuple[str, str], ...]
    metadata: Mapping[str, Any] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()

    def sources(self, name: str) -> tuple[str, ...]:
        """Names of the nodes with an edge into `name`, in edge order."""
        return tuple(source for source, target in self.edges if target == name)

    def targets(self, name: str) -> tuple[str, ...]:
        """Names of the nodes that `name` has an edge to, in edge order."""
        return tuple(target for source, target in self.edges if source == name)

    def __repr__(self) -> str:
        """The nodes with their shapes and sources, a line each, without parameters."""
        width = max((len(name) for name in self.nodes), default=0)
        lines = [f"Graph of {len(self.nodes)} nodes and {len(self.edges)} edges"]
        for name, node in self.nodes.items():
            sources = ", ".join(self.sources(name))
            line = f"  {name:<{width}}  {node.kind:<10} {_shape(node.output_shape):<14} "
            lines.append((line + (f"from {sources}" if sources else "")).rstrip())
        return "\n".join([*lines, *(f"  {finding.severity}: {finding}" for finding in self.findings)])

    def of_kind(self, *kinds: str) -> tuple[Node, ...]:
        """All nodes of the given NIR types, in order."""
        return tuple(node for node in self.nodes.values() if node.kind in kinds)


def _shape(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))
