"""A graph while it is being repaired: nodes whose shapes may be unknown, and the lists of findings and faults."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from toolchain.errors import InputError
from toolchain.frontend.extensions import NODE_TYPES
from toolchain.frontend.graph import Finding, Graph, Node
from toolchain.frontend.primitives import Primitive

Shape = tuple[int, ...]
_LISTED_FAULTS = 8


@dataclass
class DraftNode:
    """A node under repair; a shape that is not known yet is None.

    `declared` is the shape that the file repeats (`Input.shape`, `Conv2d.input_shape`, `Flatten.input_type`): a claim
    to be checked. `nested` marks a node that came out of a subgraph.
    """

    name: str
    kind: str
    params: dict[str, Any]
    metadata: Mapping[str, Any] = field(default_factory=dict)
    input_shape: Shape | None = None
    output_shape: Shape | None = None
    declared: Shape | None = None
    nested: bool = False

    @property
    def primitive(self) -> Primitive:
        """The NIR type's row in the table."""
        return NODE_TYPES[self.kind]

    def pinned(self) -> Node:
        """The finished node; both shapes must be known."""
        assert self.input_shape is not None and self.output_shape is not None
        return Node(self.name, self.kind, self.params, self.input_shape, self.output_shape, self.metadata)


@dataclass
class Draft:
    """A flat graph under repair. Faults are gathered, so that one error can name all of them.

    `values` counts what parameters hold once they have the shape of their node.
    """

    nodes: dict[str, DraftNode] = field(default_factory=dict)
    edges: list[tuple[str, str]] = field(default_factory=list)
    metadata: Mapping[str, Any] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    faults: list[InputError] = field(default_factory=list)
    values: int = 0
    _indexed: list[tuple[str, str]] | None = field(default=None, repr=False, compare=False)
    _count: int = field(default=0, repr=False, compare=False)
    _index: tuple[dict[str, list[str]], dict[str, list[str]]] = field(default=({}, {}), repr=False, compare=False)

    def sources(self, name: str) -> list[DraftNode]:
        """Nodes with an edge into `name`."""
        return [self.nodes[source] for source in self._ends()[0].get(name, ())]

    def targets(self, name: str) -> list[DraftNode]:
        """Nodes that `name` has an edge to."""
        return [self.nodes[target] for target in self._ends()[1].get(name, ())]

    def _ends(self) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
        """Sources and targets by name; found again where edges were added or replaced since."""
        if self._indexed is not self.edges or self._count != len(self.edges):
            into: dict[str, list[str]] = {}
            out: dict[str, list[str]] = {}
            for source, target in self.edges:
                into.setdefault(target, []).append(source)
                out.setdefault(source, []).append(target)
            self._index, self._indexed, self._count = (into, out), self.edges, len(self.edges)
        return self._index

    def of_kind(self, *kinds: str) -> list[DraftNode]:
        """All nodes of the given types, in order."""
        return [node for node in self.nodes.values() if node.kind in kinds]

    def repair(self, where: str, what: str, action: str) -> None:
        """Record that something was repaired."""
        self.findings.append(Finding(where, what, action))

    def note(self, where: str, what: str, action: str) -> None:
        """Record something that changes nothing."""
        self.findings.append(Finding(where, what, action, "note"))

    def fault(self, where: str, what: str, remedy: str) -> None:
        """Record something that cannot be repaired."""
        self.faults.append(InputError(where, what, remedy))

    def raise_faults(self) -> None:
        """Raise the first fault, with the others listed in its text.

        Raises:
            InputError: if there is any fault.
        """
        if not self.faults:
            return
        first, *others = self.faults
        if not others:
            raise first
        listed = "; ".join(f"{fault.where}: {fault.what}" for fault in others[:_LISTED_FAULTS])
        dots = "; ..." if len(others) > _LISTED_FAULTS else ""
        raise InputError(first.where, f"{first.what} (and {len(others)} more: {listed}{dots})", first.remedy)

    def pinned(self) -> Graph:
        """The finished graph."""
        nodes = {name: node.pinned() for name, node in self.nodes.items()}
        return Graph(nodes, tuple(self.edges), self.metadata, tuple(self.findings))
