"""A loop of NIR nodes, stepped in time: the edges that close it carry the value of the step before."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from toolchain.errors import UnsupportedError
from toolchain.frontend.conventions import Conventions
from toolchain.frontend.discretize import discretize
from toolchain.frontend.graph import FloatArray, Graph, Node
from toolchain.frontend.order import Group
from toolchain.frontend.primitives import SPIKING, STATEFUL
from toolchain.frontend.stateless import Layer, stateless_layer
from toolchain.frontend.stepping import DelayState, NeuronState


def run_loop(
    graph: Graph, group: Group, drives: Mapping[str, FloatArray], conventions: Conventions, wanted: set[str]
) -> dict[str, FloatArray]:
    """Signals of the loop's nodes named in `wanted` ("name:v" for a voltage), each (batch, step, *shape).

    Args:
        graph, group: the loop.
        drives: what enters each node from outside, (batch, step, *shape).
        conventions: as in `run`.
        wanted: what to keep; names outside the loop are ignored.

    Raises:
        UnsupportedError: late outputs in a loop where they have no one meaning.
    """
    _check_late(graph, group, conventions, wanted)
    loop = _Loop(graph, group, drives, conventions)
    kept = {name: np.empty((*loop.extent, *shape)) for name, shape in loop.shapes().items() if name in wanted}
    for t in range(loop.extent[1]):
        loop.step(t)
        for name, signal in kept.items():
            signal[:, t] = loop.value(name)
    return {name: late(graph.nodes[name], s, conventions) if name in graph.nodes else s for name, s in kept.items()}


def late(node: Node, signal: FloatArray, conventions: Conventions) -> FloatArray:
    """The signal as a spiking node emits it: `output_delay_steps` later, zeros first."""
    steps = conventions.output_delay_steps
    if not steps or node.kind not in SPIKING:
        return signal
    shifted = np.zeros_like(signal)
    shifted[:, steps:] = signal[:, :-steps]
    return shifted


def _check_late(graph: Graph, group: Group, conventions: Conventions, wanted: set[str]) -> None:
    stateful = [name for name in group.nodes if graph.nodes[name].kind in STATEFUL]
    inner = [name for name in group.nodes if name not in stateful and name in wanted]
    if conventions.output_delay_steps and (len(stateful) > 1 or inner):
        what = f"preset {conventions.name} emits spikes late, and a loop holds {len(stateful)} stateful nodes"
        what += f" and is read at {', '.join(inner)}" if inner else ""
        raise UnsupportedError(", ".join(stateful), what, "run it with another preset")


class _Loop:
    """Working data of `run_loop`: the latest output of every node."""

    def __init__(self, graph: Graph, group: Group, drives: Mapping[str, FloatArray], conventions: Conventions) -> None:
        self.graph, self.group, self.drives = graph, group, drives
        self.extent = next(iter(drives.values())).shape[:2]
        self.neurons: dict[str, NeuronState] = {}
        self.delays: dict[str, DelayState] = {}
        self.layers: dict[str, Layer] = {}
        for name in group.nodes:
            self._prepare(graph.nodes[name], conventions)
        members = set(group.nodes)
        self.sources = {name: [s for s in graph.sources(name) if s in members] for name in group.nodes}
        self.latest = {name: np.zeros((self.extent[0], *graph.nodes[name].output_shape)) for name in group.nodes}
        self.before = dict(self.latest)
        if conventions.recurrent_bias_at_start:
            self._settle_biases()

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Shape of everything that can be kept."""
        nodes = {name: self.graph.nodes[name].output_shape for name in self.group.nodes}
        return nodes | {f"{name}:v": nodes[name] for name in self.neurons}

    def value(self, name: str) -> FloatArray:
        """The latest output of a node, or voltage."""
        return self.latest[name] if name in self.latest else self.neurons[name.removesuffix(":v")].voltage

    def step(self, t: int) -> None:
        """All nodes once, in order."""
        self.before = dict(self.latest)
        for name in self.group.nodes:
            self.latest[name] = self._output(name, t)
        for name, delay in self.delays.items():
            if delay.is_past:
                delay.push(self._entering(name, t))

    def _prepare(self, node: Node, conventions: Conventions) -> None:
        if node.kind in STATEFUL:
            self.neurons[node.name] = NeuronState(discretize(node, conventions), (self.extent[0], *node.input_shape))
        elif node.kind == "Delay":
            self.delays[node.name] = DelayState(node, self.extent[0], conventions)
        else:
            self.layers[node.name] = stateless_layer(node, conventions)

    def _settle_biases(self) -> None:
        """Before the first step: what the stateless nodes give while neurons are silent and nothing enters."""
        for name in self.group.nodes:
            if name in self.layers:
                self.latest[name] = self.layers[name](self._inner(name, np.zeros_like(self.drives[name][:, 0])))

    def _output(self, name: str, t: int) -> FloatArray:
        if name in self.neurons:
            return self.neurons[name].step(self._entering(name, t))
        if name in self.layers:
            return self.layers[name](self._entering(name, t))
        delay = self.delays[name]
        if not delay.is_past:
            delay.push(self._entering(name, t))
        return delay.read(t)

    def _entering(self, name: str, t: int) -> FloatArray:
        return self._inner(name, self.drives[name][:, t])

    def _inner(self, name: str, total: FloatArray) -> FloatArray:
        """`total` and what the loop's own nodes give to `name`, of this step or of the one before."""
        for source in self.sources[name]:
            held = self.before if (source, name) in self.group.delayed else self.latest
            total = total + held[source]
        return total
