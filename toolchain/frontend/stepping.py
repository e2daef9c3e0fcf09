"""The state of a neuron or Delay node over a batch, stepped one time step at a time in the tool's precision."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from toolchain.frontend.discretize import DiscreteNeuron, delay_steps
from toolchain.frontend.graph import FloatArray, Node
from toolchain.frontend.rules import Conventions

Fired = NDArray[np.bool_]
States = NDArray[Any]
"""(batch, *shape), float64 or float32."""


class NeuronState:
    """Synaptic current and voltage of one population, at the start 0 and `DiscreteNeuron.start`.

    Args:
        neuron: its coefficients; "single" keeps states and steps in float32, as the tool does.
        extent: (batch, *shape).
    """

    def __init__(self, neuron: DiscreteNeuron, extent: tuple[int, ...]) -> None:
        self.kind: Any = np.float32 if neuron.precision == "single" else np.float64
        self.neuron: DiscreteNeuron = _cast(neuron, self.kind)
        self.current: States = np.zeros(extent, self.kind)
        self.voltage: States = np.zeros(extent, self.kind) + self.neuron.start

    def step(self, x: FloatArray) -> FloatArray:
        """Advance by one step with input `x`; return the spikes (0 or 1), or the voltage of a node that has none."""
        neuron = self.neuron
        before = self._fires() if neuron.reset in ("subtract-snntorch", "subtract-delayed") else None
        self.current = neuron.current_decay * self.current + neuron.input_gain * x.astype(self.kind, copy=False)
        self.voltage = neuron.voltage_decay * self.voltage + neuron.current_gain * self.current + neuron.leak
        if neuron.threshold is None:
            return self.voltage.astype(np.float64)
        if before is not None:
            self.voltage = self.voltage - before * neuron.threshold
        fired = self._fires()
        assert fired is not None
        self._reset(fired, before)
        return fired.astype(np.float64)

    def _fires(self) -> Fired | None:
        threshold = self.neuron.threshold
        if threshold is None:
            return None
        return self.voltage >= threshold if self.neuron.compare == ">=" else self.voltage > threshold

    def _reset(self, fired: Fired, before: Fired | None) -> None:
        neuron = self.neuron
        assert neuron.threshold is not None
        if neuron.reset == "to_v_reset":
            assert neuron.v_reset is not None
            self.voltage = np.where(fired, neuron.v_reset, self.voltage)
        elif neuron.reset == "subtract":
            self.voltage = self.voltage - fired * neuron.threshold
        elif neuron.reset == "subtract-snntorch":
            assert before is not None
            self.voltage = self.voltage - (fired.astype(self.kind) - before) * neuron.threshold


def _cast(neuron: DiscreteNeuron, kind: Any) -> DiscreteNeuron:
    """The neuron with arrays of another float type."""
    arrays: dict[str, Any] = {
        field.name: value.astype(kind)
        for field in fields(neuron)
        if isinstance(value := getattr(neuron, field.name), np.ndarray)
    }
    return replace(neuron, **arrays)


class DelayState:
    """What a Delay node has seen. Each element comes out `steps` later; zeros before."""

    def __init__(self, node: Node, batch: int, conventions: Conventions) -> None:
        self.steps = delay_steps(node, conventions).reshape(-1)
        self.shape = node.input_shape
        self.seen: list[FloatArray] = []
        self.zeros = np.zeros((batch, self.steps.size))

    def push(self, x: FloatArray) -> None:
        """Take the signal of the current step."""
        self.seen.append(x.reshape(len(x), -1))

    def read(self, step: int) -> FloatArray:
        """What comes out at `step`; elements without delay need `push` first."""
        out = self.zeros.copy()
        for steps in np.unique(self.steps[self.steps <= step]):
            chosen = self.steps == steps
            out[:, chosen] = self.seen[step - steps][:, chosen]
        return out.reshape(len(out), *self.shape)

    @property
    def is_past(self) -> bool:
        """Whether every element is delayed by at least one step."""
        return bool(np.all(self.steps >= 1))
