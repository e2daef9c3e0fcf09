"""A graph under conventions: the last place where both are seen. Kinds of units take discretized neurons from here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from toolchain.frontend.discretize import DiscreteNeuron, delay_steps, discretize
from toolchain.frontend.graph import FloatArray, Graph, Node
from toolchain.frontend.loop_delays import with_loop_delays
from toolchain.frontend.rules import Conventions
from toolchain.frontend.ssm import SsmBlock, find_ssm_blocks
from toolchain.frontend.ssm_shared import with_shared_modes
from toolchain.units.ends import with_sums_before_outputs


@dataclass(frozen=True)
class Reading:
    """A graph as it is stepped.

    Attributes:
        graph: as read, but for leaky integrators: their gains are Scale nodes before them, a CubaLI is two in a row
            and what one starts at is added after it; for modes that all channels share, which stand between
            Linears of their own; and for Outputs that one node alone leads to (`ends.with_sums_before_outputs`).
        conventions: what NIR leaves open.
        parts: the steps of these, by node.
    """

    graph: Graph
    conventions: Conventions
    parts: Mapping[str, DiscreteNeuron] = field(default_factory=dict)

    @classmethod
    def of(cls, graph: Graph, conventions: Conventions) -> Reading:
        """Read a graph under conventions.

        Raises:
            UnsupportedError: a state space that breaks a rule of the form.
        """
        graph = with_sums_before_outputs(with_loop_delays(graph, conventions))
        graph = with_shared_modes(graph, conventions)
        modes = {name for block in find_ssm_blocks(graph, conventions) for name in block.nodes}
        found = cls(graph, conventions)
        for node in graph.of_kind("LI", "CubaLI", "I"):
            if node.name not in modes and not (node.kind == "I" and found.is_only_read(node.name)):
                found = found._with_unit_gains(node)
        return found

    def _with_unit_gains(self, node: Node) -> Reading:
        """The gains of a neuron that does not spike as Scale nodes before it, and its current as a neuron before it."""
        neuron, size = discretize(node, self.conventions), node.input_shape
        chain = [_scale(f"{node.name}_gain", size, neuron.input_gain)] if node.kind == "CubaLI" else []
        parts = dict(self.parts)
        if node.kind == "CubaLI":
            current = replace(node, name=f"{node.name}_current", kind="LI")
            parts[current.name] = _of_unit_gain(neuron, neuron.current_decay, 0 * neuron.leak, 0 * neuron.start)
            chain.append(current)
        gain = neuron.current_gain if chain else neuron.input_gain * neuron.current_gain
        chain += [_scale(f"{node.name}_in", size, gain)]
        # Counted from where it starts, so that its state begins at 0.
        drift = neuron.leak - (1.0 - neuron.voltage_decay) * neuron.start
        parts[node.name] = _of_unit_gain(neuron, neuron.voltage_decay, drift, 0 * neuron.start)
        nodes = dict[str, Node]()
        for name, other in self.graph.nodes.items():
            nodes |= {one.name: one for one in chain} if name == node.name else {}
            nodes[name] = replace(other, kind="LI") if name == node.name else other
        first, names = chain[0].name, [*(one.name for one in chain), node.name]
        edges = [(source, first if target == node.name else target) for source, target in self.graph.edges]
        if np.any(neuron.start != 0):
            level = _level(f"{node.name}_from_start", node, neuron.start)
            nodes[level.name] = level
            edges = [(level.name if source == node.name else source, target) for source, target in edges]
            names.append(level.name)
        edges += list(pairwise(names))
        return replace(self, graph=replace(self.graph, nodes=nodes, edges=tuple(edges)), parts=parts)

    def is_only_read(self, name: str) -> bool:
        """Whether a node goes to outputs alone."""
        targets = self.graph.targets(name)
        return bool(targets) and all(self.graph.nodes[target].kind == "Output" for target in targets)

    def state_spaces(self) -> tuple[SsmBlock, ...]:
        """The diagonal state spaces in the graph.

        Raises:
            UnsupportedError: one that breaks a rule of the form.
        """
        return find_ssm_blocks(self.graph, self.conventions)

    def delays(self, node: Node) -> NDArray[np.int64]:
        """Steps of each element of a Delay node, (size,).

        Raises:
            InputError: a delay that is no whole number of steps.
        """
        return np.broadcast_to(delay_steps(node, self.conventions), node.output_shape).ravel()

    def neuron(self, node: Node) -> DiscreteNeuron:
        """The step of a NIR neuron with one value a neuron, (size,); a Threshold is one that keeps nothing."""
        if node.name in self.parts:
            return _flat(self.parts[node.name])
        if node.kind != "Threshold":
            return _flat(discretize(node, self.conventions))
        none, one = np.zeros(node.input_shape), np.ones(node.input_shape)
        threshold, compare = node.params["threshold"], self.conventions.compare
        return _flat(DiscreteNeuron(none, one, one, none, none, threshold, none, "to_v_reset", compare, none))


def _scale(name: str, shape: tuple[int, ...], gain: FloatArray) -> Node:
    return Node(name, "Scale", {"scale": np.broadcast_to(gain, shape)}, shape, shape)


def _level(name: str, node: Node, start: FloatArray) -> Node:
    """Adds to a neuron's message the voltage that it is counted from."""
    size = int(np.prod(node.output_shape))
    params = {"weight": np.eye(size), "bias": np.broadcast_to(start, node.output_shape).ravel()}
    return Node(name, "Affine", params, (size,), (size,))


def _of_unit_gain(neuron: DiscreteNeuron, keeps: FloatArray, leak: FloatArray, start: FloatArray) -> DiscreteNeuron:
    """A leaky sum of what enters."""
    one, none = np.ones_like(keeps), np.zeros_like(keeps)
    return replace(
        neuron,
        current_decay=none,
        input_gain=one,
        current_gain=one,
        voltage_decay=keeps,
        leak=leak,
        start=start,
    )


def _flat(neuron: DiscreteNeuron) -> DiscreteNeuron:
    size = int(np.prod(neuron.leak.shape))

    def flat(values: FloatArray) -> FloatArray:
        return np.broadcast_to(np.ravel(values), (size,))

    return replace(
        neuron,
        current_decay=flat(neuron.current_decay),
        input_gain=flat(neuron.input_gain),
        current_gain=flat(neuron.current_gain),
        voltage_decay=flat(neuron.voltage_decay),
        leak=flat(neuron.leak),
        start=flat(neuron.start),
        threshold=None if neuron.threshold is None else flat(neuron.threshold),
        v_reset=None if neuron.v_reset is None else flat(neuron.v_reset),
    )
