"""Edges whose ends do not exist: found again where one reading alone is possible, refused otherwise.

Three faults are known from files in the wild: an edge to `lif1` where a flattened exporter left `lif1.input` and
`lif1.output`; an edge that calls a node by another name (`lif` for `lif1`); an inner edge that carries the name of its
graph.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import permutations

from toolchain.frontend.draft import Draft
from toolchain.frontend.primitives import STATEFUL
from toolchain.frontend.raw import RawGraph, RawNode

_MOST_RENAMED = 4  # names; beyond that nothing is unambiguous, and the search would be long

Edge = tuple[str, str]


def resolve_edges(graph: RawGraph, where: str, draft: Draft) -> list[Edge]:
    """The graph's edges with every end an existing name (a dotted one may lead into a subgraph), no edge twice."""
    known = _names(graph)
    edges = [_without_prefix(edge, graph.name, known) for edge in graph.edges]
    edges = [(_leave(graph, a, known, where, draft), _enter(graph, b, known, where, draft)) for a, b in edges]
    renamed = _rename(graph, edges, known, where, draft)
    edges = [(renamed.get(a, a), renamed.get(b, b)) for a, b in edges]
    sound = [edge for edge in edges if not _dangles(edge, known, where, draft)]
    return _once(sound, where, draft)


def kind_of(node: RawNode | RawGraph | None) -> str:
    """The node's type as stored, lower case, so that a misspelled type still counts."""
    return node.kind.lower() if isinstance(node, RawNode) else "nirgraph"


def _names(graph: RawGraph) -> set[str]:
    names = set(graph.nodes)
    for name, node in graph.nodes.items():
        if isinstance(node, RawGraph):
            names |= {f"{name}.{inner}" for inner in _names(node)}
    return names


def _without_prefix(edge: Edge, prefix: str, known: set[str]) -> Edge:
    def strip(name: str) -> str:
        short = name.removeprefix(f"{prefix}.")
        return short if prefix and name not in known and short in known else name

    return strip(edge[0]), strip(edge[1])


def _leave(graph: RawGraph, name: str, known: set[str], where: str, draft: Draft) -> str:
    return _flattened_end(graph, name, known, "output", where, draft)


def _enter(graph: RawGraph, name: str, known: set[str], where: str, draft: Draft) -> str:
    return _flattened_end(graph, name, known, "input", where, draft)


def _flattened_end(graph: RawGraph, name: str, known: set[str], port: str, where: str, draft: Draft) -> str:
    """`lif1` where only `lif1.input`, `lif1.lif`, ... exist: the port, else the only neuron among them."""
    if name in known:
        return name
    members = {member: node for member, node in graph.nodes.items() if member.startswith(f"{name}.")}
    ports = [member for member, node in members.items() if kind_of(node) == port]
    neurons = [member for member, node in members.items() if kind_of(node) in map(str.lower, STATEFUL)]
    found = ports or neurons
    if len(found) != 1:
        return name
    side = "from" if port == "output" else "to"
    draft.repair(f"{where}: edge {side} {name}", f"node {name} does not exist", f"led {side} {found[0]}")
    return found[0]


def _rename(graph: RawGraph, edges: Sequence[Edge], known: set[str], where: str, draft: Draft) -> dict[str, str]:
    """Missing names matched with the nodes that no edge mentions, if exactly one matching exists."""
    missing = list(dict.fromkeys(name for edge in edges for name in edge if name not in known))
    missing = [name for name in missing if not any(node.startswith(f"{name}.") for node in known)]
    mentioned = {name for edge in edges for name in edge}
    unused = [name for name in graph.nodes if name not in mentioned and f"{name}." not in _prefixes(mentioned)]
    if not missing or len(missing) > _MOST_RENAMED or len(unused) > 2 * _MOST_RENAMED:
        return {}
    matchings = [
        dict(zip(missing, choice, strict=True))
        for choice in permutations(unused, len(missing))
        if all(_fits(graph, name, node, edges) for name, node in zip(missing, choice, strict=True))
    ]
    if len(matchings) != 1:
        return {}
    for name, node in matchings[0].items():
        draft.repair(f"{where}: edges of {name}", f"node {name} does not exist", f"took {node}, the only unused node")
    return matchings[0]


def _prefixes(names: set[str]) -> set[str]:
    return {name[: i + 1] for name in names for i, letter in enumerate(name) if letter == "."}


def _fits(graph: RawGraph, name: str, node: str, edges: Sequence[Edge]) -> bool:
    """An Input only begins edges, an Output only ends them."""
    kind = kind_of(graph.nodes[node])
    begins, ends = any(a == name for a, _ in edges), any(b == name for _, b in edges)
    return not (kind == "input" and ends) and not (kind == "output" and begins)


def _dangles(edge: Edge, known: set[str], where: str, draft: Draft) -> bool:
    missing = [name for name in edge if name not in known]
    for name in missing:
        listed = ", ".join(sorted(known)[:12]) + (", ..." if len(known) > 12 else "")
        what = f"node {name} does not exist, and no one node can stand for it"
        draft.fault(f"{where}: edge {edge[0]} -> {edge[1]}", what, f"the nodes are: {listed}")
    return bool(missing)


def _once(edges: Sequence[Edge], where: str, draft: Draft) -> list[Edge]:
    for edge, count in Counter(edges).items():
        if count > 1:
            draft.repair(f"{where}: edge {edge[0]} -> {edge[1]}", f"is there {count} times", "kept once")
    return list(dict.fromkeys(edges))
