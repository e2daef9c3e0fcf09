"""A graph under conventions: the last place where both are seen. Kinds of units take discretized neurons from here."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from toolchain.frontend.discretize import DiscreteNeuron, discretize
from toolchain.frontend.graph import FloatArray, Graph, Node
from toolchain.frontend.rules import Conventions
from toolchain.frontend.ssm import SsmBlock, find_ssm_blocks


@dataclass(frozen=True)
class Reading:
    """A graph as it is stepped.

    Attributes:
        graph: as read.
        conventions: what NIR leaves open.
    """

    graph: Graph
    conventions: Conventions

    def state_spaces(self) -> tuple[SsmBlock, ...]:
        """The diagonal state spaces in the graph.

        Raises:
            UnsupportedError: one that breaks a rule of the form.
        """
        return find_ssm_blocks(self.graph, self.conventions)

    def neuron(self, node: Node) -> DiscreteNeuron:
        """The step of a NIR neuron with one value a neuron, (size,); a Threshold is one that keeps nothing."""
        if node.kind != "Threshold":
            return _flat(discretize(node, self.conventions))
        none, one = np.zeros(node.input_shape), np.ones(node.input_shape)
        threshold, compare = node.params["threshold"], self.conventions.compare
        return _flat(DiscreteNeuron(none, one, one, none, none, threshold, none, "to_v_reset", compare, none))


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
