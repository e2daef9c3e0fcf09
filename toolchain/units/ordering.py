"""The order of units, and which links close loops.

A projection takes a step. A unit therefore runs at a *level*, so many steps after what enters the network, and a loop
can be closed where the steps that its Delays take are as many as its projections:

    level(target) >= level(source) + 1              along a link that acts within the step, or is late in no loop
    level(target) >= level(source) + 1 - steps      along one that closes a loop by so many steps
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import scipy.sparse
from scipy.sparse.csgraph import connected_components

from toolchain.errors import UnsupportedError
from toolchain.frontend.links import Link
from toolchain.units.base import Unit
from toolchain.units.network import Network, levels_of


def ordered(units: list[Unit], links: list[Link]) -> Network:
    """The units in an order in which links go forward, but for those that close loops; without outputs.

    Raises:
        UnsupportedError: a loop whose Delays leave no step for some projection.
    """
    closed = _merged(_closed(units, links))
    waiting, done = list(units), list[Unit]()
    while waiting:
        names = {unit.name for unit in waiting}
        ready = [
            u for u in waiting if not any(k.target == u.name and k.steps == 0 and k.source in names for k in closed)
        ]
        if not ready:
            raise _unclosed(_in_loops(waiting, closed), "NIR closes it in 1 step")
        done.append(ready[0])
        waiting.remove(ready[0])
    network = Network(tuple(done), tuple(closed), ())
    if levels_of(network) is None:
        raise _unclosed(_in_loops(done, closed), "its Delays take fewer")
    return network


def _closed(units: list[Unit], links: list[Link]) -> list[Link]:
    """The links with those that close loops marked: a unit's to itself, and among several those with a Delay."""
    part = _parts(units, links)
    found = []
    for link in links:
        if link.source == link.target:
            # Without a Delay that is late in all its elements, NIR's own step comes on top.
            found.append(replace(link, steps=link.delay + (0 if link.closes else 1), delay=0))
        elif link.closes and part[link.source] == part[link.target]:
            found.append(replace(link, steps=link.delay, delay=0))
        else:
            found.append(link)
    return found


def _merged(links: Iterable[Link]) -> list[Link]:
    """Links of one source, target, port and time as one."""
    found: dict[tuple[str, str, str, int, int], Link] = {}
    for link in links:
        key = (link.source, link.target, link.port, link.steps, link.delay)
        before = found.get(key)
        if before is not None:
            weights = scipy.sparse.csr_array(before.weights + link.weights)
            shared = before.shared or link.shared
            link = replace(before, weights=weights, origin=f"{before.origin}+{link.origin}", kernel=None, shared=shared)
        found[key] = link
    return list(found.values())


def _parts(units: Iterable[Unit], links: Iterable[Link]) -> dict[str, int]:
    """The strongly connected part of each unit."""
    names = [unit.name for unit in units]
    places = {name: place for place, name in enumerate(names)}
    pairs = [(places[k.source], places[k.target]) for k in links if k.source in places and k.target in places]
    rows, columns = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
    matrix = scipy.sparse.coo_array((np.ones(len(pairs)), (rows, columns)), shape=(len(names), len(names)))
    labels = connected_components(matrix, connection="strong")[1]
    return {name: int(label) for name, label in zip(names, labels, strict=True)}


def _in_loops(units: Iterable[Unit], links: Iterable[Link]) -> list[str]:
    """The units of the first loop of several."""
    parts = _parts(units, links)
    several = [label for label in parts.values() if list(parts.values()).count(label) > 1]
    return [name for name, label in parts.items() if several and label == several[0]]


def _unclosed(names: list[str], why: str) -> UnsupportedError:
    count = len(names)
    what = f"a loop through {count} units: {why}, cores need one step a projection"
    remedy = f"put Delays of {count} steps in all into the loop, or have it read with so many: --loop-delay {count}"
    return UnsupportedError(" -> ".join(sorted(names)), what, remedy)
