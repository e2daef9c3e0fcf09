"""A NIR graph -> units joined by linear maps. Here conventions end: units hold discretized coefficients.

Everything between units is linear and has no state, so each path of linear nodes (`frontend.linear`) collapses, in
float64, into one matrix a pair of units and ports, and one constant drive a unit. The residual stream of a network
thereby unrolls by itself: each block's mixing matrix becomes a link to every later block. A link that is one
convolution or pooling and nothing else remembers it, so that its kernel can be stored once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
import scipy.sparse
from numpy.typing import NDArray

from toolchain.errors import InputError, UnsupportedError
from toolchain.frontend.conventions import Conventions
from toolchain.frontend.graph import FloatArray, Graph, Node
from toolchain.frontend.linear import KERNELS, LINEAR_KINDS, linear_bias, linear_matrix
from toolchain.frontend.links import Link
from toolchain.units import KINDS
from toolchain.units.base import Head, Unit
from toolchain.units.ends import output_names
from toolchain.units.network import Network
from toolchain.units.ordering import ordered
from toolchain.units.reading import Reading
from toolchain.units.timing import with_late_bias, with_late_outputs

_Term: TypeAlias = tuple[str, int, bool]


@dataclass(frozen=True)
class _Sum:
    """An affine expression over unit exits: term -> (matrix, nodes passed), and a constant.

    A term is an exit node, steps of delay, and whether a Delay of a step and more lies on the way.
    """

    terms: Mapping[_Term, tuple[scipy.sparse.csr_array, tuple[str, ...]]]
    constant: FloatArray


def find_network(graph: Graph, conventions: Conventions) -> Network:
    """Collapse a graph into units and links.

    Args:
        graph: as read.
        conventions: what NIR leaves open.

    Raises:
        InputError: an Output that no Input reaches.
        UnsupportedError: a node or a convention that has no place in a program, or a loop that a chip cannot close in
            time.
    """
    _refuse_unreached(graph)
    reading = Reading.of(graph, conventions)
    network = _Collapse(reading, find_heads(reading)).network(late_biases=not conventions.recurrent_bias_at_start)
    return with_late_outputs(reading, network)


def _refuse_unreached(graph: Graph) -> None:
    """See that a path leads from an Input to every Output; constants may join it."""
    for output in graph.of_kind("Output"):
        behind, open_nodes = {output.name}, [output.name]
        while open_nodes:
            new = set(graph.sources(open_nodes.pop())) - behind
            behind |= new
            open_nodes += sorted(new)
        if not any(node.name in behind for node in graph.of_kind("Input")):
            what = "is reached by no Input: its output does not depend on the input"
            raise InputError(output.name, what, "export the network whole; an edge is missing")


def find_heads(reading: Reading) -> tuple[Head, ...]:
    """What emits messages, in the order of the graph.

    Raises:
        UnsupportedError: a node that has no place in a program.
    """
    graph, found = reading.graph, list[Head]()
    taken: set[str] = set()
    for kind in KINDS:
        heads = tuple(kind.recognise(reading, taken))
        taken |= {node for head in heads for node in head.covers}
        found += heads
    for node in graph.nodes.values():
        if node.name not in taken and node.kind not in (*LINEAR_KINDS, "Delay", "Output"):
            known = [name for kind in KINDS for name in kind.node_kinds if name != "Input"]
            raise UnsupportedError(
                node.name,
                f"{node.kind} nodes cannot be lowered to a program yet",
                f"use a state space, {', '.join(known)}; {', '.join(LINEAR_KINDS)}, Delay",
            )
    places = list(graph.nodes)
    return tuple(sorted(found, key=lambda head: places.index(head.place)))


class _Collapse:
    """Working data of `find_network`."""

    def __init__(self, reading: Reading, heads: tuple[Head, ...]) -> None:
        self.reading, self.graph = reading, reading.graph
        self.heads = {head.exit: head for head in heads}
        self.covered = {node for head in heads for node in head.covers}
        self.sums: dict[str, _Sum] = {}
        self.matrices: dict[str, scipy.sparse.csr_array] = {}
        self.open: list[str] = []
        self.exits = list(self.heads)

    def network(self, *, late_biases: bool) -> Network:
        """Find every unit's drive, then order the units.

        Args:
            late_biases: whether the biases on a neuron's way back to itself begin at the second step.
        """
        names = {exit_node: name for name, exit_node in zip(_plain_names(self.exits), self.exits, strict=True)}
        drives = {exit_node: self._drive(exit_node) for exit_node in self.exits}
        links = [link for target, drive in drives.items() for link in self._links(target, drive, names)]
        units = [self._unit(names[exit_node], exit_node, drives[exit_node]) for exit_node in self.exits]
        if late_biases:
            units = [with_late_bias(unit, self._back(unit, node)) for unit, node in zip(units, self.exits, strict=True)]
        outputs = tuple(names[self._read_by(end)] for end in self.graph.of_kind("Output"))
        return replace(ordered(units, links), outputs=outputs, output_names=output_names(self.graph))

    def _read_by(self, output: Node) -> str:
        source = self.graph.sources(output.name)[0]
        if source not in self.heads:
            raise UnsupportedError(source, "the inside of a state space is read from outside", "read its soma instead")
        return source

    def _links(self, target: str, drive: _Sum, names: Mapping[str, str]) -> list[Link]:
        """The links into one exit: one a source, or one a source and port."""
        ports = self.heads[target].ports
        found = []
        for (source, delay, closes), (matrix, passed) in drive.terms.items():
            origin = "+".join(passed) or source
            shared = any(self.graph.nodes[name].kind in ("Conv1d", "Conv2d") for name in passed)
            rows = matrix.shape[0] // len(ports)
            for number, port in enumerate(ports):
                half = _csr(matrix[number * rows : (number + 1) * rows])
                kernel = self._kernel(half, passed)
                if half.nnz:
                    ends = (names[source], names[target])
                    found.append(Link(*ends, half, 0, origin, kernel, port, delay, closes, shared))
        return found

    def _kernel(self, matrix: scipy.sparse.csr_array, passed: tuple[str, ...]) -> Node | None:
        """The only convolution or pooling passed, where nothing else on the way changes a weight."""
        found = [self.graph.nodes[name] for name in passed if self.graph.nodes[name].kind in KERNELS]
        if len(found) != 1 or self._matrix(found[0]).shape != matrix.shape:
            return None
        return found[0] if (matrix != self._matrix(found[0])).nnz == 0 else None

    def _matrix(self, node: Node) -> scipy.sparse.csr_array:
        if node.name not in self.matrices:
            self.matrices[node.name] = linear_matrix(node)
        return self.matrices[node.name]

    def _unit(self, name: str, exit_node: str, drive: _Sum) -> Unit:
        head = self.heads[exit_node]
        size = int(np.prod(self.graph.nodes[exit_node].output_shape))
        return head.make(name=name, size=size, bias=np.broadcast_to(drive.constant, (size * len(head.ports),)))

    def _back(self, unit: Unit, exit_node: str) -> FloatArray:
        """The constant that comes with a unit's own messages alone; what joins others on the way acts at once."""
        entering = [
            self._value(node) for node in self.graph.sources(self.heads[exit_node].entry) if node not in self.exits
        ]
        own = [value.constant for value in entering if {term[0] for term in value.terms} == {exit_node}]
        return np.broadcast_to(sum(own, np.zeros(unit.size)), (unit.size,)) if own else np.zeros(unit.size)

    def _drive(self, exit_node: str) -> _Sum:
        """What drives a unit, as an expression over unit exits."""
        head, node = self.heads[exit_node], self.graph.nodes[exit_node]
        if head.drive == "none":
            return _Sum({}, np.zeros(int(np.prod(node.output_shape))))
        if head.drive == "leaving":
            return self._value(head.entry)
        return self._linear(node) if head.drive == "through" else self._into(head.entry)

    def _into(self, name: str) -> _Sum:
        """The sum over the edges into a node."""
        size = int(np.prod(self.graph.nodes[name].input_shape))
        total = _Sum({}, np.zeros(size))
        for source in self.graph.sources(name):
            total = _add(total, self._value(source))
        return total

    def _value(self, name: str) -> _Sum:
        """A node's output as an expression over unit exits."""
        node = self.graph.nodes[name]
        if name in self.exits:
            size = int(np.prod(node.output_shape))
            return _Sum({(name, 0, False): (scipy.sparse.eye_array(size, format="csr"), ())}, np.zeros(size))
        if name in self.covered:
            raise UnsupportedError(name, "the inside of a state space is read from outside", "read its soma instead")
        if name not in self.sums:
            if name in self.open:
                path = " -> ".join([*self.open[self.open.index(name) :], name])
                raise UnsupportedError(name, f"a loop without a neuron in it: {path}", "put a neuron into the loop")
            self.open.append(name)
            self.sums[name] = self._linear(node)
            self.open.pop()
        return self.sums[name]

    def _linear(self, node: Node) -> _Sum:
        """Apply a linear node to the sum of what enters it."""
        entering = self._into(node.name)
        if node.kind == "Flatten":
            return entering
        if node.kind == "Delay":
            return _delayed(node, entering, self.reading.delays(node))
        matrix = self._matrix(node)
        terms = {
            term: (_csr(matrix @ weights), (*passed, node.name)) for term, (weights, passed) in entering.terms.items()
        }
        return _Sum(terms, matrix @ entering.constant + linear_bias(node))


def _csr(matrix: Any) -> scipy.sparse.csr_array:
    result = scipy.sparse.csr_array(matrix)
    result.eliminate_zeros()
    return result


def _delayed(node: Node, entering: _Sum, steps: NDArray[np.int64]) -> _Sum:
    """What a Delay node gives: each row of the sum in the term of its own delay.

    Raises:
        UnsupportedError: a constant that begins late.
    """
    if np.any(entering.constant[steps > 0] != 0):
        what = f"delays a bias of up to {np.abs(entering.constant).max():g}, which would begin late"
        raise UnsupportedError(node.name, what, "put the bias behind the Delay")
    terms: dict[_Term, tuple[scipy.sparse.csr_array, tuple[str, ...]]] = {}
    past = bool(np.all(steps >= 1))
    for (exit_node, before, closes), (weights, passed) in entering.terms.items():
        for own in np.unique(steps).tolist():
            rows = scipy.sparse.diags_array((steps == own).astype(np.float64))
            key = (exit_node, before + own, closes or past)
            term = _Sum({key: (_csr(rows @ weights), (*passed, node.name))}, entering.constant)
            terms = dict(_add(_Sum(terms, entering.constant), term).terms)
    return _Sum(terms, entering.constant)


def _add(left: _Sum, right: _Sum) -> _Sum:
    terms = dict(left.terms)
    for term, (matrix, passed) in right.terms.items():
        if term in terms:
            before, nodes = terms[term]
            merged = (*nodes, *(name for name in passed if name not in nodes))
            terms[term] = (_csr(before + matrix), merged)
        else:
            terms[term] = (matrix, passed)
    return _Sum(terms, left.constant + right.constant)


def _plain_names(nodes: list[str]) -> list[str]:
    """Program names of NIR nodes: the part before the last dot where that is unique, else dots become underscores."""
    heads = [name.rpartition(".")[0] or name for name in nodes]
    wholes = [name.replace(".", "_") for name in nodes]
    plain = [head.replace(".", "_") for head in heads]
    return [head if plain.count(head) == 1 else whole for head, whole in zip(plain, wholes, strict=True)]
