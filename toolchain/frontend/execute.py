"""Run a NIR graph in float64: the reference for what the float network does, under stated conventions.

What is in no loop runs over all steps of a batch at once; a loop runs step by step (`loops.py`). The order is that of
`order.py`, so that results do not depend on the order of nodes in the file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from toolchain.errors import InputError, UnsupportedError
from toolchain.frontend.conventions import Conventions
from toolchain.frontend.discretize import discretize
from toolchain.frontend.graph import FloatArray, Graph, Node
from toolchain.frontend.loop_delays import past_delays, with_loop_delays
from toolchain.frontend.loops import late, run_loop
from toolchain.frontend.order import Group, execution_groups
from toolchain.frontend.primitives import STATEFUL
from toolchain.frontend.stateless import stateless_layer
from toolchain.frontend.stepped import STEPPED
from toolchain.frontend.stepping import DelayState, NeuronState

Signals = dict[str, FloatArray]
VOLTAGE = ":v"


def run(
    graph: Graph, x: FloatArray | Mapping[str, FloatArray], conventions: Conventions, record: Sequence[str] = ()
) -> tuple[FloatArray, Signals]:
    """Run the network from rest.

    Args:
        graph: as read.
        x: input, (batch, step, *input shape); by Input name where the graph has several.
        conventions: time step, reset and so on (`conventions_for`).
        record: names of nodes whose outputs to keep; "name:v" keeps a neuron's voltage after the step.

    Returns:
        The (first) Output's signal, (batch, step, *output shape), and the recorded signals by the names asked for, each
        (batch, step, *node shape).

    Raises:
        InputError: an input of the wrong shape, an unknown name to record, dt too long for a time constant.
        UnsupportedError: no Output, or a loop that has no stated order (see `order.py`).
    """
    graph = with_loop_delays(graph, conventions)
    outputs = graph.of_kind("Output")
    if not outputs:
        raise UnsupportedError("graph", "no Output node", "lead an edge to an Output")
    execution = _Execution(graph, _inputs(graph, x), conventions, _recorded_nodes(graph, record))
    return execution.signals(outputs[0].name), {name: execution.kept[name] for name in record}


def by_input(graph: Graph, x: FloatArray) -> Signals:
    """What `run` takes of one array: each Input's channels, side by side in the order of the graph, in its own shape.

    Args:
        graph: as read.
        x: (batch, step, channel), or in the shape of the only Input.

    Raises:
        InputError: another number of channels.
    """
    nodes = graph.of_kind("Input")
    sizes = [int(np.prod(node.input_shape)) for node in nodes]
    if int(np.prod(x.shape[2:])) != sum(sizes):
        names = " + ".join(f"{node.name} {size}" for node, size in zip(nodes, sizes, strict=True))
        raise InputError("input", f"an input of shape {x.shape} for the Inputs {names}", "reshape it")
    parts = np.split(x.reshape(*x.shape[:2], -1), np.cumsum(sizes)[:-1], axis=2)
    return {node.name: part.reshape(*x.shape[:2], *node.input_shape) for node, part in zip(nodes, parts, strict=True)}


def _inputs(graph: Graph, x: FloatArray | Mapping[str, FloatArray]) -> Signals:
    nodes = graph.of_kind("Input")
    given = x if isinstance(x, Mapping) else {node.name: x for node in nodes[:1]}
    if set(given) != {node.name for node in nodes}:
        listed = ", ".join(node.name for node in nodes)
        raise InputError("input", f"{len(given)} signals for the Inputs {listed}", "give one array by each name")
    signals = {node.name: _checked(node, given[node.name]) for node in nodes}
    if len({signal.shape[:2] for signal in signals.values()}) > 1:
        raise InputError("input", "the Inputs differ in batch or steps", "give signals of equal extent")
    return signals


def _checked(node: Node, x: FloatArray) -> FloatArray:
    array = np.asarray(x, dtype=np.float64)
    if array.shape[2:] != node.input_shape or array.ndim < 2:
        expected = f"(batch, step, {', '.join(map(str, node.input_shape))})"
        raise InputError(node.name, f"an input of shape {array.shape} where {expected} is", "reshape it")
    bad = int(array.size - np.isfinite(array).sum())
    if bad:
        raise InputError(node.name, f"{bad} of {array.size} input values are NaN or infinite", "clean the data")
    return array


def _recorded_nodes(graph: Graph, record: Sequence[str]) -> set[str]:
    for name in record:
        node = graph.nodes.get(name) or graph.nodes.get(name.removesuffix(VOLTAGE))
        if node is None:
            raise InputError(name, "no node of this name can be recorded", f"the nodes are: {', '.join(graph.nodes)}")
        if name not in graph.nodes and node.kind not in STATEFUL:
            raise InputError(name, f"{node.kind} has no voltage", "record the node's name alone")
    return set(record)


class _Execution:
    """Working data of `run`: signals are dropped once every reader has had them."""

    def __init__(self, graph: Graph, inputs: Signals, conventions: Conventions, record: set[str]) -> None:
        self.graph, self.inputs, self.conventions, self.record = graph, inputs, conventions, record
        self.extent = next(iter(inputs.values())).shape[:2]
        self.live: Signals = {}
        self.kept: Signals = {}
        self.readers = {name: len(graph.targets(name)) for name in graph.nodes}
        for group in execution_groups(graph, past_delays(graph, conventions)):
            self._run_group(group)

    def signals(self, output: str) -> FloatArray:
        """The finished signal of the Output."""
        return self.live[output]

    def _run_group(self, group: Group) -> None:
        drives = {name: self._drive(name, group.nodes) for name in group.nodes}
        if group.loops:
            made = run_loop(self.graph, group, drives, self.conventions, self._wanted(group))
        else:
            made = self._run_alone(self.graph.nodes[group.nodes[0]], drives[group.nodes[0]])
        for name, signal in made.items():
            if name in self.record:
                self.kept[name] = signal
            if name in self.graph.nodes:
                self.live[name] = signal
        self._drop_read(group)

    def _wanted(self, group: Group) -> set[str]:
        """Signals of a loop that are read outside it or recorded."""
        read = {name for name in group.nodes if set(self.graph.targets(name)) - set(group.nodes)}
        return read | self.record

    def _drive(self, name: str, inside: Sequence[str]) -> FloatArray:
        """The sum of what enters a node from outside its group, in edge order."""
        node = self.graph.nodes[name]
        if node.kind == "Input":
            return self.inputs[name]
        signals = [self.live[source] for source in self.graph.sources(name) if source not in inside]
        if not signals:
            return np.broadcast_to(0.0, (*self.extent, *node.input_shape))
        total = signals[0]
        for signal in signals[1:]:
            total = total + signal
        return total

    def _drop_read(self, group: Group) -> None:
        for name in group.nodes:
            for source in self.graph.sources(name):
                self.readers[source] -= 1
                if not self.readers[source]:
                    self.live.pop(source, None)

    def _run_alone(self, node: Node, drive: FloatArray) -> Signals:
        """A node outside any loop, over all steps."""
        batch, steps = self.extent
        if node.kind in STATEFUL:
            return self._run_neuron(node, drive)
        if node.kind in STEPPED:
            state = STEPPED[node.kind](node, batch)
            return {node.name: np.stack([state.step(drive[:, t]) for t in range(steps)], axis=1)}
        if node.kind == "Delay":
            delay = DelayState(node, batch, self.conventions)
            out = np.empty_like(drive)
            for t in range(steps):
                delay.push(drive[:, t])
                out[:, t] = delay.read(t)
            return {node.name: out}
        flat = drive.reshape(batch * steps, *node.input_shape)
        out = stateless_layer(node, self.conventions)(flat)
        return {node.name: out.reshape(batch, steps, *node.output_shape)}

    def _run_neuron(self, node: Node, drive: FloatArray) -> Signals:
        state = NeuronState(discretize(node, self.conventions), (self.extent[0], *node.input_shape))
        out = np.empty(drive.shape)
        voltage = np.empty(drive.shape) if node.name + VOLTAGE in self.record else None
        for t in range(self.extent[1]):
            out[:, t] = state.step(drive[:, t])
            if voltage is not None:
                voltage[:, t] = state.voltage
        made = {node.name: late(node, out, self.conventions)}
        return made if voltage is None else made | {node.name + VOLTAGE: voltage}
