"""A NIR neuron and conventions -> the coefficients of its step, one set a neuron, in float64.

Every stateful NIR type steps by the same two lines (forward Euler, as all tools compared do):

    i[t] = current_decay * i[t-1] + input_gain * x[t]
    v[t] = voltage_decay * v[t-1] + current_gain * i[t] + leak
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from toolchain.errors import InputError, UnsupportedError
from toolchain.frontend.conventions import Compare, Conventions, Reset
from toolchain.frontend.graph import FloatArray, Node
from toolchain.frontend.primitives import SPIKING, STATEFUL


@dataclass(frozen=True, eq=False)
class DiscreteNeuron:
    """One step of a neuron node; arrays have the node's shape.

    Attributes:
        current_decay: of the synaptic current; 0 for types without one.
        input_gain: of the input into the current; 1 for types without one.
        current_gain: of the current into the voltage.
        voltage_decay: of the voltage.
        leak: constant drive of the voltage a step.
        threshold: None for types that do not spike: they emit the voltage.
        v_reset: voltage after a spike, where `reset` is "to_v_reset".
        reset: the rule, see `Conventions`.
        compare: ">" or ">=".
    """

    current_decay: FloatArray
    input_gain: FloatArray
    current_gain: FloatArray
    voltage_decay: FloatArray
    leak: FloatArray
    threshold: FloatArray | None
    v_reset: FloatArray | None
    reset: Reset
    compare: Compare


def discretize(node: Node, conventions: Conventions) -> DiscreteNeuron:
    """The coefficients of `node` at `conventions.dt`.

    Raises:
        UnsupportedError: not a stateful NIR type.
        InputError: a step longer than a time constant, or a rule that the node's parameters contradict.
    """
    if node.kind not in STATEFUL:
        raise UnsupportedError(node.name, f"{node.kind} has no state to step", f"stateful: {', '.join(STATEFUL)}")
    params = node.params
    ones = np.ones(node.input_shape)
    synaptic = _rate(node, "tau_syn", conventions) if "tau_syn" in params else ones
    membrane = _membrane_rate(node, conventions)
    jumps = "tau_syn" in params and conventions.input == "jump"
    weight = params.get("w_in", ones)
    return DiscreteNeuron(
        current_decay=1.0 - synaptic,
        input_gain=ones * weight if jumps else synaptic * weight,
        current_gain=membrane * params["r"],
        voltage_decay=1.0 - membrane if _leaks(node) else ones,
        leak=membrane * params["v_leak"] if "v_leak" in params else np.zeros(node.input_shape),
        threshold=params.get("v_threshold"),
        v_reset=_v_reset(node, conventions),
        reset=conventions.reset,
        compare=conventions.compare,
    )


def delay_steps(node: Node, conventions: Conventions) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    """A Delay node's delays in whole steps.

    Raises:
        InputError: a delay that is no whole number of steps.
    """
    steps = node.params["delay"] / conventions.dt
    whole = np.rint(steps)
    off = np.abs(steps - whole)
    if np.any(off > 1e-6 * np.maximum(whole, 1)):
        worst = float(node.params["delay"].flat[int(np.argmax(off))])
        what = f"a delay of {worst:g} s is {worst / conventions.dt:g} steps of {conventions.dt:g} s"
        raise InputError(f"{node.name}.delay", what, "choose dt so that delays are whole steps")
    steps_whole: np.ndarray[tuple[int, ...], np.dtype[np.int64]] = whole.astype(np.int64)
    return steps_whole


def _leaks(node: Node) -> bool:
    return node.kind not in ("I", "IF")


def _membrane_rate(node: Node, conventions: Conventions) -> FloatArray:
    """dt/tau of the voltage; dt itself for types that only integrate."""
    if not _leaks(node):
        return np.full(node.input_shape, conventions.dt)
    return _rate(node, "tau" if "tau" in node.params else "tau_mem", conventions)


def _rate(node: Node, field: str, conventions: Conventions) -> FloatArray:
    tau = node.params[field] / conventions.dt if conventions.tau_times_dt else node.params[field]
    rate: FloatArray = conventions.dt / np.asarray(tau, dtype=np.float64)
    # An LI may be a mode of a state space, whose pole 1 - dt/tau is rightly negative beyond a phase of 90 degrees.
    limit, text = (2.0, "2 tau") if node.kind == "LI" else (1.0, "tau")
    bad = rate > limit * (1 + 1e-6)
    if np.any(bad):
        what = f"dt {conventions.dt:g} s is longer than {text} in {int(bad.sum())} of {bad.size} neurons "
        what += f"(smallest tau {np.min(tau):g} s)"
        remedy = "give a shorter dt, or the preset norse-1.1-export if norse <= 1.1 wrote the file"
        raise InputError(f"{node.name}.{field}", what, remedy)
    return rate


def _v_reset(node: Node, conventions: Conventions) -> FloatArray | None:
    if node.kind not in SPIKING:
        return None
    v_reset: FloatArray = node.params["v_reset"]
    if conventions.reset != "to_v_reset" and np.any(v_reset != 0):
        what = f"v_reset is {v_reset.min():g} to {v_reset.max():g}, which a reset by subtraction would ignore"
        raise InputError(f"{node.name}.v_reset", what, 'use conventions with reset "to_v_reset"')
    return v_reset
