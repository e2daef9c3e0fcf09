"""State-space networks in NIR standard primitives, written from known complex coefficients."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from toolchain.frontend import PRESETS, Graph, Node, hint_for

DT = PRESETS["seamount"].dt


@dataclass(frozen=True)
class StateSpace:
    """(H, N) complex poles, b and c (without the factor 2), and (H,) d."""

    poles: NDArray[np.complex128]
    b: NDArray[np.complex128]
    c: NDArray[np.complex128]
    d: NDArray[np.float64]

    def run(self, u: NDArray[np.float64]) -> NDArray[np.float64]:
        """The complex recurrence itself: u (batch, step, H) -> y of the same shape."""
        state = np.zeros((len(u), *self.poles.shape), dtype=np.complex128)
        y = np.empty_like(u)
        for t in range(u.shape[1]):
            state = self.poles * state + self.b * u[:, t, :, None]
            y[:, t] = 2 * (self.c * state).sum(axis=2).real + self.d * u[:, t]
        return y


def random_space(rng: np.random.Generator, channels: int, modes: int) -> StateSpace:
    """Poles anywhere in the unit circle, phases beyond 90 degrees included."""
    shape = channels, modes
    poles = rng.uniform(0.3, 0.99, shape) * np.exp(1j * rng.uniform(0.05, 3.0, shape))
    complex_normal = rng.normal(size=(2, *shape, 2)) @ np.array([1, 1j])
    return StateSpace(poles, complex_normal[0], complex_normal[1], rng.normal(size=channels))


def space_nodes(space: StateSpace, prefix: str, source: str, group: int) -> tuple[list[Node], list[tuple[str, str]]]:
    """Nodes and edges of one state space, chunked by groups of channels, real parts before imaginary parts."""
    channels = len(space.d)
    sum_node = f"{prefix}.y"
    nodes, edges = [], []
    for chunk, first in enumerate(range(0, channels, group)):
        rows = slice(first, min(first + group, channels))
        name = f"{prefix}.ssm{chunk}"
        nodes += _chunk_nodes(space, name, rows, channels)
        edges += [(source, f"{name}.B"), (f"{name}.B", f"{name}.x"), (f"{name}.x", f"{name}.C")]
        edges += [(f"{name}.C", sum_node), (f"{name}.x", f"{name}.A"), (f"{name}.A", f"{name}.x")]
    nodes += [scale(f"{prefix}.D", space.d), scale(sum_node, np.ones(channels))]
    return nodes, [*edges, (source, f"{prefix}.D"), (f"{prefix}.D", sum_node)]


def _chunk_nodes(space: StateSpace, name: str, rows: slice, channels: int) -> list[Node]:
    poles, b, c = (array[rows].reshape(-1) for array in (space.poles, space.b, space.c))
    owner = np.repeat(np.arange(channels)[rows], space.poles.shape[1])
    size = len(poles)
    beta = np.diag(poles.imag)
    tau = np.tile(DT / (1 - poles.real), 2)
    enter, leave = np.zeros((2 * size, channels)), np.zeros((channels, 2 * size))
    index = np.arange(size)
    enter[index, owner], enter[size + index, owner] = b.real, b.imag
    leave[owner, index], leave[owner, size + index] = 2 * c.real, -2 * c.imag
    loop = np.block([[np.zeros_like(beta), -beta], [beta, np.zeros_like(beta)]])
    state = {"tau": tau, "r": tau / DT, "v_leak": np.zeros(2 * size)}
    return [
        linear(f"{name}.B", enter),
        Node(f"{name}.x", "LI", state, (2 * size,), (2 * size,)),
        linear(f"{name}.A", loop),
        linear(f"{name}.C", leave),
    ]


def linear(name: str, weight: NDArray[np.float64], bias: NDArray[np.float64] | None = None) -> Node:
    """A Linear, or an Affine if a bias is given."""
    params: dict[str, Any] = {"weight": weight} if bias is None else {"weight": weight, "bias": bias}
    return Node(name, "Linear" if bias is None else "Affine", params, weight.shape[1:], weight.shape[:1])


def scale(name: str, values: NDArray[np.float64]) -> Node:
    """A Scale."""
    return Node(name, "Scale", {"scale": values}, values.shape, values.shape)


def lif(name: str, size: int, threshold: float) -> Node:
    """The soma: v <- v/8 + y, spike at the threshold, v = 0."""
    values = {"tau": DT * 8 / 7, "r": 8 / 7, "v_leak": 0.0, "v_threshold": threshold, "v_reset": 0.0}
    return Node(name, "LIF", {key: np.full(size, value) for key, value in values.items()}, (size,), (size,))


def graph_of(nodes: Sequence[Node], edges: Sequence[tuple[str, str]], into: int, out: int) -> Graph:
    """The graph with Input and Output around it, carrying the conventions it is meant for."""
    first, last = Node("input", "Input", {}, (into,), (into,)), Node("output", "Output", {}, (out,), (out,))
    metadata = {"seamount": hint_for(PRESETS["seamount"])}
    return Graph({node.name: node for node in (first, *nodes, last)}, tuple(edges), metadata)


def one_space(space: StateSpace, group: int) -> Graph:
    """input -> state space -> output."""
    nodes, edges = space_nodes(space, "block0", "input", group)
    return graph_of(nodes, [*edges, ("block0.y", "output")], len(space.d), len(space.d))


def deep_network(
    rng: np.random.Generator, *, width: int, modes: int, depth: int = 2, classes: int = 10, group: int = 8
) -> Graph:
    """Encoder, blocks with residual stream, readout, integrator: the form in which trained networks are exported."""
    nodes = [linear("encoder", rng.normal(size=(width, 1)), rng.normal(size=width))]
    edges = [("input", "encoder")]
    stream = ["encoder"]
    for k in range(depth):
        block = f"block{k}"
        nodes.append(scale(f"{block}.in", np.ones(width)))
        edges += [(source, f"{block}.in") for source in stream]
        more, joins = space_nodes(random_space(rng, width, modes), block, f"{block}.in", group)
        nodes += [*more, lif(f"{block}.soma", width, 4.0)]
        nodes.append(linear(f"{block}.mix", rng.normal(size=(width, width)) / width, rng.normal(size=width) / 10))
        edges += [*joins, *pairwise([f"{block}.y", f"{block}.soma", f"{block}.mix"])]
        stream = [f"{block}.in", f"{block}.mix"]
    integrator = Node("sum", "I", {"r": np.full(classes, 1 / DT)}, (classes,), (classes,))
    readout = linear("readout", rng.normal(size=(classes, width)), rng.normal(size=classes))
    nodes += [scale("stream.out", np.ones(width)), readout, integrator]
    edges += [(source, "stream.out") for source in stream]
    edges += pairwise(["stream.out", "readout", "sum", "output"])
    return graph_of(nodes, edges, 1, classes)
