"""Nested graphs -> one flat draft with dotted names; an edge to a subgraph becomes an edge to its Input.

The inner Input and Output nodes stay in the draft for now: `ports.py` dissolves them once shapes are known.
"""

from __future__ import annotations

from collections.abc import Sequence

from toolchain.frontend.draft import Draft
from toolchain.frontend.fields import clean_node
from toolchain.frontend.graph import Finding
from toolchain.frontend.names import Edge, kind_of, resolve_edges
from toolchain.frontend.raw import RawGraph, RawNode


def flatten(root: RawGraph, findings: Sequence[Finding]) -> Draft:
    """The flat draft of `root`. Findings and faults are gathered in it.

    Raises:
        UnsupportedError: a node type that NIR does not have.
    """
    draft = Draft(metadata=root.metadata, findings=list(findings))
    _add(root, "", draft)
    return draft


def _add(graph: RawGraph, prefix: str, draft: Draft) -> None:
    where = prefix.removesuffix(".") or "graph"
    edges = resolve_edges(graph, where, draft)
    for name, node in graph.nodes.items():
        if isinstance(node, RawGraph):
            _add(node, f"{prefix}{name}.", draft)
        else:
            _add_node(node, f"{prefix}{name}", draft)
    for source, target in edges:
        ends = _port(graph, source, "output", prefix, draft), _port(graph, target, "input", prefix, draft)
        draft.edges.append((f"{prefix}{ends[0]}", f"{prefix}{ends[1]}"))
    if prefix and graph.metadata:
        draft.note(where, f"metadata of a subgraph ({', '.join(graph.metadata)})", "left out")


def _add_node(raw: RawNode, name: str, draft: Draft) -> None:
    if name in draft.nodes:
        draft.fault(name, "two nodes get this name when subgraphs are flattened", "rename one")
        return
    node = clean_node(raw, name, draft)
    node.nested = raw.name != name
    draft.nodes[name] = node


def _port(graph: RawGraph, name: str, kind: str, prefix: str, draft: Draft) -> str:
    """The node that an edge to or from `name` means: itself, or a subgraph's only Input or Output, at any depth."""
    node = _find(graph, name)
    if not isinstance(node, RawGraph):
        return name
    ports = [inner for inner, member in node.nodes.items() if kind_of(member) == kind] or _ends(node, kind)
    if len(ports) == 1:
        return _port(graph, f"{name}.{ports[0]}", kind, prefix, draft)
    listed = ", ".join(ports) or "none"
    what = f"an edge means the {kind} of this subgraph, which has {len(ports)} ({listed})"
    draft.fault(f"{prefix}{name}", what, f"give the subgraph exactly one {kind.capitalize()}")
    return name


def _ends(graph: RawGraph, kind: str) -> list[str]:
    """First (or last) nodes of a subgraph without Input (Output) nodes."""
    inner: list[Edge] = graph.edges
    taken = {edge[1 if kind == "input" else 0] for edge in inner}
    return [name for name in graph.nodes if name not in taken]


def _find(graph: RawGraph, name: str) -> RawNode | RawGraph | None:
    if name in graph.nodes:
        return graph.nodes[name]
    for inner, node in graph.nodes.items():
        if isinstance(node, RawGraph) and name.startswith(f"{inner}."):
            found = _find(node, name.removeprefix(f"{inner}."))
            if found is not None:
                return found
    return None
