"""A linear node that an Output reads: passes the sum of what arrives on as a graded message."""

from __future__ import annotations

from collections.abc import Iterator, Set
from functools import partial

from toolchain.frontend.graph import FloatArray
from toolchain.frontend.linear import LINEAR_KINDS
from toolchain.units.base import Head, Tensors
from toolchain.units.reading import Reading
from toolchain.units.stateless import Stateless


class Relay(Stateless):
    """A sum that leaves the network at every step."""

    graded = True
    neuron = "relay"

    @classmethod
    def recognise(cls, reading: Reading, taken: Set[str]) -> Iterator[Head]:
        graph = reading.graph
        read: dict[str, str] = {}
        for output in graph.of_kind("Output"):
            read.setdefault(graph.sources(output.name)[0], output.name)
        for source, place in read.items():
            if graph.nodes[source].kind in (*LINEAR_KINDS, "Delay") and source not in taken:
                yield Head(source, source, "through", (source,), place, partial(cls, exit=source))

    def emitted(self, tensors: Tensors, drive: FloatArray) -> FloatArray:
        return drive
