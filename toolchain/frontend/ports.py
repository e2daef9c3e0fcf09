"""Input and Output nodes: added where a graph has none, dissolved where they only join a subgraph to its parent."""

from __future__ import annotations

import numpy as np

from toolchain.frontend.draft import Draft, DraftNode

_WORDS = {"Input": "predecessor", "Output": "successor"}


def complete_ports(draft: Draft) -> None:
    """See to it that the graph begins at an Input and ends at an Output. Faults are gathered in `draft`."""
    for kind in ("Input", "Output"):
        _drop_unused(draft, kind)
        if not draft.of_kind(kind):
            _add_port(draft, kind)
        elif not _outer(draft, kind):
            _port_inside(draft, kind)
    for node in draft.nodes.values():
        _note_loose_ends(draft, node)


def dissolve_ports(draft: Draft) -> None:
    """Replace each Input with predecessors and each Output with successors by direct edges."""
    for kind in ("Input", "Output"):
        outer = {id(node) for node in _outer(draft, kind)}
        for node in draft.of_kind(kind):
            if id(node) not in outer:
                _dissolve(draft, node)


def _neighbours(draft: Draft, node: DraftNode) -> list[DraftNode]:
    """What makes a port an inner one: an Input's predecessors, an Output's successors."""
    return draft.sources(node.name) if node.kind == "Input" else draft.targets(node.name)


def _outer(draft: Draft, kind: str) -> list[DraftNode]:
    return [node for node in draft.of_kind(kind) if not _neighbours(draft, node)]


def _drop_unused(draft: Draft, kind: str) -> None:
    """A subgraph's port that the outer graph does not use, beside a port of the outer graph."""
    outer = _outer(draft, kind)
    inner = [node for node in outer if node.nested]
    if len(inner) == len(outer):
        for node in inner:
            draft.note(node.name, f"the outer graph has no {kind}", f"took this one of a subgraph as the {kind}")
        return
    for node in inner:
        draft.note(node.name, f"an inner {kind} without {_WORDS[kind]}", "left out")
        draft.edges = [edge for edge in draft.edges if node.name not in edge]
        del draft.nodes[node.name]


def _add_port(draft: Draft, kind: str) -> None:
    taken = {edge[1 if kind == "Input" else 0] for edge in draft.edges}
    ends = [node for node in draft.nodes.values() if node.name not in taken and node.kind not in ("Input", "Output")]
    if len(ends) != 1:
        listed = ", ".join(node.name for node in ends) if ends else "every node has one"
        what = f"no {kind} node, and {len(ends)} nodes without {_WORDS[kind]} ({listed})"
        draft.fault("graph", what, f"add one {kind} node at the place that is meant")
        return
    name = kind.lower()
    while name in draft.nodes:
        name += "_"
    draft.nodes[name] = DraftNode(name, kind, {})
    draft.edges.append((name, ends[0].name) if kind == "Input" else (ends[0].name, name))
    draft.repair("graph", f"no {kind} node", f"added {name} at {ends[0].name}")


def _port_inside(draft: Draft, kind: str) -> None:
    node = draft.of_kind(kind)[0]
    neighbour = _neighbours(draft, node)[0].name
    edge = f"{neighbour} -> {node.name}" if kind == "Input" else f"{node.name} -> {neighbour}"
    what = f"the edge {edge} leaves the graph without a {kind} at its end"
    draft.fault(node.name, what, f"remove the edge or add an {kind} without {_WORDS[kind]}")


def _note_loose_ends(draft: Draft, node: DraftNode) -> None:
    sources, targets = draft.sources(node.name), draft.targets(node.name)
    if node.kind == "Output" and not sources:
        draft.fault(node.name, "an Output without predecessor", "lead an edge to it or remove it")
    elif node.kind == "Output" and len(sources) > 1 and not targets:
        listed = ", ".join(source.name for source in sources)
        draft.note(node.name, f"an Output with {len(sources)} predecessors ({listed})", "their sum is the output")
    elif node.kind not in ("Input", "Output") and not sources:
        draft.note(node.name, "no predecessor", "its input is 0")
    if node.kind != "Output" and not targets:
        draft.note(node.name, "no successor", "kept; nothing reads it")


def _dissolve(draft: Draft, node: DraftNode) -> None:
    """Each predecessor to each successor; where such an edge exists already, a Scale of ones keeps both paths."""
    sources = [edge[0] for edge in draft.edges if edge[1] == node.name]
    targets = [edge[1] for edge in draft.edges if edge[0] == node.name]
    joined = [(source, target) for source in sources for target in targets]
    if set(joined) & set(draft.edges):
        draft.note(node.name, f"an inner {node.kind} beside a direct edge", "became a Scale of ones")
        _make_sum(node)
        return
    draft.edges = [edge for edge in draft.edges if node.name not in edge] + joined
    del draft.nodes[node.name]


def _make_sum(node: DraftNode) -> None:
    assert node.input_shape is not None
    node.kind = "Scale"
    node.params = {"scale": np.ones(node.input_shape)}
