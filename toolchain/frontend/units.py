"""A NIR graph seen as units joined by linear maps: the shape in which it is quantized and lowered.

A *unit* is whatever has state or emits messages (`roles.py`): the input, a state space with its soma, a LIF, an
integrator, a gate or product, or a sum that leaves the network. Everything between units is linear and has no state, so
each path of linear nodes (`linear.py`) collapses, in float64, into one matrix a pair of units and ports, and one
constant drive a unit. The residual stream
of a network thereby unrolls by itself: each block's mixing matrix becomes a link to every later block. A link that is
one convolution or pooling and nothing else remembers it, so that its kernel can be stored once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import scipy.sparse

from toolchain.errors import UnsupportedError
from toolchain.frontend.conventions import Conventions
from toolchain.frontend.graph import FloatArray, Graph, Node
from toolchain.frontend.linear import KERNELS, linear_bias, linear_matrix
from toolchain.frontend.roles import PORTS, Role, find_heads
from toolchain.frontend.ssm import SsmBlock

INPUT_PORT = "input"
"""The port of every unit of one."""


@dataclass(frozen=True, eq=False)
class Unit:
    """One input, population or readout of the float network.

    Attributes:
        name: its name in the program: the NIR name without dots.
        role: what it becomes.
        size: number of neurons or channels.
        exit: the NIR node whose output is its message.
        bias: constant drive of each neuron at every step, (size,); of two ports one after the other, (2 size,).
        node: the node of its own (soma, LIF, integrator, gate, ...), None for inputs, relays and graded state spaces.
        ssm: the state space in it.
        rectified: whether only positive messages leave.
    """

    name: str
    role: Role
    size: int
    exit: str
    bias: FloatArray
    node: Node | None = None
    ssm: SsmBlock | None = None
    rectified: bool = False

    @property
    def ports(self) -> tuple[str, ...]:
        """Where messages arrive."""
        return PORTS.get(self.role, (INPUT_PORT,))

    @property
    def origin(self) -> str:
        """The NIR node to name in messages."""
        return self.node.name if self.node is not None else self.exit


@dataclass(frozen=True, eq=False)
class Link:
    """A linear map from one unit's messages to another unit's drive.

    Attributes:
        source, target: unit names.
        weights: (target, source) sparse float64 matrix.
        steps: 0 where it acts within the step, 1 where it closes a loop (NIR: the value of the step before).
        origin: the NIR nodes passed, joined with "+".
        kernel: the convolution or pooling whose matrix this is; None where there is none, or it is one part of several.
        port: of the target.
    """

    source: str
    target: str
    weights: scipy.sparse.csr_array
    steps: int
    origin: str
    kernel: Node | None = None
    port: str = INPUT_PORT


@dataclass(frozen=True)
class Network:
    """Units in an order in which every link with `steps` 0 goes forward, and the links between them."""

    units: tuple[Unit, ...]
    links: tuple[Link, ...]
    outputs: tuple[str, ...]

    def unit(self, name: str) -> Unit:
        """Return the unit of that name."""
        return next(unit for unit in self.units if unit.name == name)

    def into(self, name: str) -> tuple[Link, ...]:
        """Links that end in the unit."""
        return tuple(link for link in self.links if link.target == name)


@dataclass(frozen=True)
class _Sum:
    """An affine expression over unit exits: exit node -> (matrix, nodes passed), and a constant."""

    terms: Mapping[str, tuple[scipy.sparse.csr_array, tuple[str, ...]]]
    constant: FloatArray


def find_network(graph: Graph, ssm_blocks: tuple[SsmBlock, ...], conventions: Conventions) -> Network:
    """Collapse a graph into units and links.

    Args:
        graph: as read.
        ssm_blocks: its state spaces (`find_ssm_blocks`).
        conventions: what NIR leaves open.

    Raises:
        UnsupportedError: a node or a convention that has no place in a program, or a loop that a chip cannot close in
            time.
    """
    if conventions.output_delay_steps:
        raise UnsupportedError(
            f"conventions.{conventions.name}",
            f"neurons emit {conventions.output_delay_steps} steps late, which programs cannot say yet",
            "retrain without the delay, or deploy under another convention and compare",
        )
    network = _Collapse(graph, ssm_blocks).network()
    if not conventions.recurrent_bias_at_start:
        _refuse_recurrent_bias(graph, network, conventions)
    return network


def _refuse_recurrent_bias(graph: Graph, network: Network, conventions: Conventions) -> None:
    """A bias inside a loop begins one step late under some conventions; programs begin all biases at once."""
    for link in network.links:
        for name in link.origin.split("+") if link.steps else ():
            node = graph.nodes[name]
            if np.any(linear_bias(node) != 0):
                raise UnsupportedError(
                    name,
                    f"a recurrent bias up to {np.abs(linear_bias(node)).max():g} that {conventions.name} leaves out "
                    "at step 0",
                    "train the recurrent layer without bias",
                )


class _Collapse:
    """Working data of `find_network`."""

    def __init__(self, graph: Graph, blocks: tuple[SsmBlock, ...]) -> None:
        self.graph = graph
        self.heads = find_heads(graph, blocks)
        self.covered = {node for block in blocks for node in block.nodes}
        self.sums: dict[str, _Sum] = {}
        self.matrices: dict[str, scipy.sparse.csr_array] = {}
        self.open: list[str] = []
        self.exits = list(self.heads)

    def network(self) -> Network:
        """Find every unit's drive, then order the units."""
        names = {exit_node: name for name, exit_node in zip(_plain_names(self.exits), self.exits, strict=True)}
        drives = {exit_node: self._drive(exit_node) for exit_node in self.exits}
        links = [link for target, drive in drives.items() for link in self._links(target, drive, names)]
        units = [self._unit(names[exit_node], exit_node, drives[exit_node]) for exit_node in self.exits]
        outputs = tuple(names[node] for node in self.exits if self._is_read(node))
        return _ordered(units, links, outputs)

    def _links(self, target: str, drive: _Sum, names: Mapping[str, str]) -> list[Link]:
        """The links into one exit: one a source, or one a source and port."""
        ports = PORTS.get(self.heads[target].role, (INPUT_PORT,))
        found = []
        for source, (matrix, passed) in drive.terms.items():
            origin = "+".join(passed) or source
            rows = matrix.shape[0] // len(ports)
            for number, port in enumerate(ports):
                half = _csr(matrix[number * rows : (number + 1) * rows])
                kernel = self._kernel(half, passed)
                if half.nnz:
                    found.append(Link(names[source], names[target], half, 0, origin, kernel, port))
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

    def _is_read(self, node: str) -> bool:
        return any(self.graph.nodes[target].kind == "Output" for target in self.graph.targets(node))

    def _unit(self, name: str, exit_node: str, drive: _Sum) -> Unit:
        head = self.heads[exit_node]
        size = int(np.prod(self.graph.nodes[exit_node].output_shape))
        if head.role == "integrator" and (not self._is_read(exit_node) or len(self.graph.targets(exit_node)) != 1):
            what = "an integrator inside the network has no place yet"
            raise UnsupportedError(exit_node, what, "read I nodes only")
        bias = np.broadcast_to(drive.constant, (size * len(PORTS.get(head.role, (INPUT_PORT,))),))
        return Unit(name, head.role, size, exit_node, bias, head.node, head.ssm, head.rectified)

    def _drive(self, exit_node: str) -> _Sum:
        """What drives a unit, as an expression over unit exits."""
        head, node = self.heads[exit_node], self.graph.nodes[exit_node]
        if head.role == "input":
            return _Sum({}, np.zeros(int(np.prod(node.output_shape))))
        if head.ssm is not None:
            return self._value(head.entry)
        return self._linear(node) if head.role == "relay" else self._into(head.entry)

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
            return _Sum({name: (scipy.sparse.eye_array(size, format="csr"), ())}, np.zeros(size))
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
        matrix = self._matrix(node)
        terms = {
            exit_node: (_csr(matrix @ weights), (*passed, node.name))
            for exit_node, (weights, passed) in entering.terms.items()
        }
        return _Sum(terms, matrix @ entering.constant + linear_bias(node))


def _csr(matrix: Any) -> scipy.sparse.csr_array:
    result = scipy.sparse.csr_array(matrix)
    result.eliminate_zeros()
    return result


def _add(left: _Sum, right: _Sum) -> _Sum:
    terms = dict(left.terms)
    for exit_node, (matrix, passed) in right.terms.items():
        if exit_node in terms:
            before, nodes = terms[exit_node]
            merged = (*nodes, *(name for name in passed if name not in nodes))
            terms[exit_node] = (_csr(before + matrix), merged)
        else:
            terms[exit_node] = (matrix, passed)
    return _Sum(terms, left.constant + right.constant)


def _plain_names(nodes: list[str]) -> list[str]:
    """Program names of NIR nodes: the part before the last dot where that is unique, else dots become underscores."""
    heads = [name.rpartition(".")[0] or name for name in nodes]
    wholes = [name.replace(".", "_") for name in nodes]
    plain = [head.replace(".", "_") for head in heads]
    return [head if plain.count(head) == 1 else whole for head, whole in zip(plain, wholes, strict=True)]


def _ordered(units: list[Unit], links: list[Link], outputs: tuple[str, ...]) -> Network:
    """Order units so that links go forward; a unit's link to itself closes a loop of one step."""
    closed = [replace(link, steps=int(link.source == link.target)) for link in links]
    waiting, done = list(units), list[Unit]()
    while waiting:
        names = {unit.name for unit in waiting}
        ready = [
            u for u in waiting if not any(k.target == u.name and k.steps == 0 and k.source in names for k in closed)
        ]
        if not ready:
            raise UnsupportedError(
                " -> ".join(sorted(names)),
                f"a loop through {len(names)} units: NIR closes it in 1 step, cores need one step a projection",
                "use recurrence within one layer",
            )
        done.append(ready[0])
        waiting.remove(ready[0])
    return Network(tuple(done), tuple(closed), outputs)
