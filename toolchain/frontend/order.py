"""In which order nodes act within a step, and which edges of a loop carry the step before.

NIR says neither. The rule here does not depend on the order of nodes in the file:

- An edge that is in no loop acts within the step.
- A loop through one stateful node (neuron, integrator) is closed at the edges that enter this node: they carry the
  value of the step before. So a recurrent neuron sees its own output of t - 1 through its recurrent weights. Where
  signals from outside join the loop before the neuron (in a sum node), it is closed at the edges that leave the neuron
  instead: what comes from outside must not wait.
- A loop through several stateful nodes is closed at the edges into the one at which signals from outside the loop
  arrive, and what then remains of loops inside by the same rule. If they arrive at none or at several, the file does
  not say where the delay is, and it is refused.
- A Delay of at least one step closes a loop by itself.
- A loop without state has no meaning in time, and is refused.
"""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import scipy.sparse
from scipy.sparse.csgraph import connected_components

from toolchain.errors import UnsupportedError
from toolchain.frontend.graph import Graph
from toolchain.frontend.primitives import STATEFUL

Edge = tuple[str, str]


@dataclass(frozen=True)
class Group:
    """Nodes that are stepped together: one node, or all nodes of a loop.

    Attributes:
        nodes: in the order in which they act within a step.
        delayed: edges among them that carry the value of the step before.
        loops: whether the nodes depend on themselves.
    """

    nodes: tuple[str, ...]
    delayed: frozenset[Edge] = frozenset()
    loops: bool = False


def execution_groups(graph: Graph, past_delays: Collection[str] = ()) -> tuple[Group, ...]:
    """The groups of `graph` in an order in which each needs only earlier ones.

    Args:
        graph: as read.
        past_delays: Delay nodes that delay every element by one step or more.

    Raises:
        UnsupportedError: a loop without state, or one whose delayed edge is not determined.
    """
    names = list(graph.nodes)
    parts = _components(names, graph.edges)
    of_node = {name: part for part, members in enumerate(parts) for name in members}
    after = {(of_node[a], of_node[b]) for a, b in graph.edges if of_node[a] != of_node[b]}
    rank = {name: i for i, name in enumerate(names)}
    firsts = [min(rank[name] for name in members) for members in parts]
    return tuple(_group(graph, parts[part], rank, past_delays) for part in _sorted(range(len(parts)), after, firsts))


def _group(graph: Graph, members: list[str], rank: dict[str, int], past_delays: Collection[str]) -> Group:
    inner = [edge for edge in graph.edges if edge[0] in members and edge[1] in members]
    if not inner:
        return Group(tuple(members))
    now = [edge for edge in inner if edge[1] not in past_delays]
    delayed = _closing_edges(graph, members, now)
    places = {name: i for i, name in enumerate(members)}
    after = {(places[a], places[b]) for a, b in now if (a, b) not in delayed}
    order = _sorted(range(len(members)), after, [rank[name] for name in members])
    return Group(tuple(members[i] for i in order), frozenset(delayed), loops=True)


def _closing_edges(graph: Graph, members: list[str], edges: list[Edge]) -> set[Edge]:
    """Edges to delay so that what remains of `edges` has no loop."""
    return {edge for _, closing in _closings(graph, members, edges) for edge in closing}


def _closings(graph: Graph, members: list[str], edges: list[Edge]) -> Iterator[tuple[list[str], set[Edge]]]:
    """Each loop, and the edges that close it."""
    for part in _components(members, edges):
        inner = [edge for edge in edges if edge[0] in part and edge[1] in part]
        if inner:
            closing = _closing(graph, part, inner)
            yield part, closing
            yield from _closings(graph, part, [edge for edge in inner if edge not in closing])


def loops_of_several(graph: Graph, past_delays: Collection[str] = ()) -> Iterator[tuple[list[str], set[Edge]]]:
    """Each loop through several stateful nodes that no Delay closes, and the edges that close it.

    Raises:
        UnsupportedError: as `execution_groups`.
    """
    for part, closing in _closings(graph, list(graph.nodes), [e for e in graph.edges if e[1] not in past_delays]):
        if sum(graph.nodes[name].kind in STATEFUL for name in part) > 1:
            yield part, closing


def _closing(graph: Graph, part: list[str], inner: list[Edge]) -> set[Edge]:
    """The edges into the loop's entry, or out of its only neuron where outer signals join on the way to it."""
    entry = _entry(graph, part, inner)
    alone = sum(graph.nodes[name].kind in STATEFUL for name in part) == 1
    joined = any(a not in part and b in part and b != entry for a, b in graph.edges)
    end = 0 if alone and joined else 1
    return {edge for edge in inner if edge[end] == entry}


def _entry(graph: Graph, part: list[str], inner: list[Edge]) -> str:
    stateful = [name for name in part if graph.nodes[name].kind in STATEFUL]
    path = " -> ".join(sorted(part))
    if not stateful:
        raise UnsupportedError(path, "a loop without a neuron or Delay in it", "put a stateful node into the loop")
    if len(stateful) == 1:
        return stateful[0]
    entries = _entered_from_outside(graph, part, inner)
    if len(entries) != 1:
        met = f"at {len(entries)} of them ({', '.join(sorted(entries))})" if entries else "at none of them"
        what = f"a loop of {len(stateful)} stateful nodes ({', '.join(sorted(stateful))}), entered from outside {met}: "
        what += "NIR does not say which of its edges carries the step's delay"
        raise UnsupportedError(path, what, "put a Delay of one step on the edge that closes the loop")
    return entries.pop()


def _entered_from_outside(graph: Graph, part: list[str], inner: list[Edge]) -> set[str]:
    """Stateful nodes that an outer signal reaches first, directly or through stateless nodes of the loop."""
    waiting = [b for a, b in graph.edges if b in part and a not in part]
    seen: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            if graph.nodes[name].kind not in STATEFUL:
                waiting += [b for a, b in inner if a == name]
    return {name for name in seen if graph.nodes[name].kind in STATEFUL}


def _components(names: list[str], edges: Iterable[Edge]) -> list[list[str]]:
    """Strongly connected parts, members in the order of `names`."""
    places = {name: i for i, name in enumerate(names)}
    pairs = np.array([(places[a], places[b]) for a, b in edges], dtype=np.int64).reshape(-1, 2)
    matrix = scipy.sparse.coo_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(len(names),) * 2)
    count, labels = connected_components(matrix, connection="strong")
    parts: list[list[str]] = [[] for _ in range(count)]
    for name, label in zip(names, labels, strict=True):
        parts[label].append(name)
    return parts


def _sorted(items: Iterable[int], after: set[tuple[int, int]], rank: list[int]) -> list[int]:
    """Topological order; among those that are ready, the lowest rank first."""
    items = list(items)
    left = dict.fromkeys(items, 0)
    follows: dict[int, list[int]] = {item: [] for item in items}
    for a, b in after:
        left[b] += 1
        follows[a].append(b)
    ready = [(rank[item], item) for item in items if not left[item]]
    heapq.heapify(ready)
    order = []
    while ready:
        order.append(heapq.heappop(ready)[1])
        for item in follows[order[-1]]:
            left[item] -= 1
            if not left[item]:
                heapq.heappush(ready, (rank[item], item))
    return order
