"""A NIR neuron and conventions -> the coefficients of its step, one set a neuron, in float64.

Every stateful NIR type steps by the same two lines, whatever the tool:

    i[t] = current_decay * i[t-1] + input_gain * x[t]
    v[t] = voltage_decay * v[t-1] + current_gain * i[t] + leak
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from toolchain.errors import InputError, UnsupportedError
from toolchain.frontend.graph import FloatArray, Node
from toolchain.frontend.primitives import SPIKING, STATEFUL
from toolchain.frontend.rules import Compare, Conventions, Precision, Reset

_ONE = 2.0**-22
"""How far from 1 a gain of float32 numbers may be that is meant to be 1: r dt/tau with r = tau/dt rounded twice."""
_ENDLESS = 100.0
"""A negative dt/tau beyond which a decay is clamped whatever its exponential."""


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
        reset: the rule, see `Conventions`; never "subtract-spyx", which stands for others.
        compare: ">" or ">=".
        start: voltage before the first step.
        precision: "single" where states are float32.
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
    start: FloatArray
    precision: Precision = "double"


def discretize(node: Node, conventions: Conventions) -> DiscreteNeuron:
    """The coefficients of `node` at `conventions.dt`.

    Raises:
        UnsupportedError: not a stateful NIR type.
        InputError: a step longer than a time constant, or a rule that the node's parameters contradict.
    """
    if node.kind not in STATEFUL:
        raise UnsupportedError(node.name, f"{node.kind} has no state to step", f"stateful: {', '.join(STATEFUL)}")
    params = node.params
    ones, zeros = np.ones(node.input_shape), np.zeros(node.input_shape)
    synaptic = _rate(node, "tau_syn", conventions) if "tau_syn" in params else ones
    membrane = _membrane_rate(node, conventions)
    current_decay = _kept(node, synaptic, conventions)
    return DiscreteNeuron(
        current_decay=current_decay,
        input_gain=_input_gain(node, synaptic, current_decay, conventions),
        current_gain=_gain(membrane, params["r"], conventions),
        voltage_decay=_kept(node, membrane, conventions) if _leaks(node) else ones,
        leak=_rounded(membrane * params["v_leak"], conventions) if "v_leak" in params else zeros,
        threshold=params.get("v_threshold"),
        v_reset=_v_reset(node, conventions),
        reset=conventions.reset_of(node.kind),
        compare=conventions.compare,
        start=_start(node, conventions),
        precision=conventions.precision,
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
    """Share of the voltage lost in a step; dt itself, or 1 where r counts steps, for types that only integrate."""
    if not _leaks(node):
        return np.full(node.input_shape, 1.0 if conventions.integration == "step" else conventions.dt)
    return _rate(node, "tau" if "tau" in node.params else "tau_mem", conventions)


def _rate(node: Node, field: str, conventions: Conventions) -> FloatArray:
    stored = np.asarray(node.params[field], dtype=np.float64)
    dt = _step(stored, conventions)
    tau = stored / dt if conventions.tau_times_dt else stored
    rate: FloatArray = dt / tau
    if not conventions.clamp_decay:
        _refuse_rate(node, field, rate, tau, conventions)
    return np.asarray(-np.expm1(-np.maximum(rate, -_ENDLESS))) if conventions.decay == "exp" else rate


def _step(stored: FloatArray, conventions: Conventions) -> float:
    """dt as the tool held it when it computed `stored`: rounded to float32 if all of that is float32 too."""
    single = conventions.precision == "single" and np.array_equal(stored.astype(np.float32), stored)
    return float(np.float32(conventions.dt)) if single else conventions.dt


def _refuse_rate(node: Node, field: str, rate: FloatArray, tau: FloatArray, conventions: Conventions) -> None:
    # An LI may be a mode of a state space, whose pole 1 - dt/tau is rightly negative beyond a phase of 90 degrees.
    limit, text = (2.0, "2 tau") if node.kind == "LI" else (1.0, "tau")
    if np.any(rate < 0):
        what = (
            f"{int((rate < 0).sum())} of {rate.size} values are negative (smallest {np.min(tau):g} s): decays above 1"
        )
        remedy = "use a preset of snntorch or spyx, which clamp them, if one of these wrote the file"
        raise InputError(f"{node.name}.{field}", what, remedy)
    bad = rate > limit * (1 + 1e-6)
    if np.any(bad) and conventions.decay == "euler":
        what = f"dt {conventions.dt:g} s is longer than {text} in {int(bad.sum())} of {bad.size} neurons "
        what += f"(smallest tau {np.min(tau):g} s)"
        remedy = "give a shorter dt, or the preset norse-lifbox (norse-lif for LIFCell) if norse <= 1.1 wrote the file"
        raise InputError(f"{node.name}.{field}", what, remedy)


def _kept(node: Node, rate: FloatArray, conventions: Conventions) -> FloatArray:
    """Share kept a step; that of an LI may be negative, see `_refuse_rate`."""
    kept = _rounded(1.0 - rate, conventions)
    return np.clip(kept, -1.0 if node.kind == "LI" else 0.0, 1.0) if conventions.clamp_decay else kept


def _input_gain(node: Node, rate: FloatArray, kept: FloatArray, conventions: Conventions) -> FloatArray:
    """Of the input into the current; 1 for types without one."""
    ones = np.ones(node.input_shape)
    if "tau_syn" not in node.params:
        return ones
    weight = node.params["w_in"] if conventions.gain == "file" else ones
    if conventions.input == "jump":
        return ones * weight
    if conventions.input == "decayed":
        return _rounded(kept * weight, conventions)
    return _gain(rate, weight, conventions)


def _gain(rate: FloatArray, factor: FloatArray, conventions: Conventions) -> FloatArray:
    """The lost share times r or w_in, 1 where that is 1 but for the rounding of float32; 1 by the rule "unit"."""
    if conventions.gain == "unit":
        return np.ones_like(rate)
    product = rate * factor
    return np.where(np.abs(product - 1.0) <= _ONE, 1.0, _rounded(product, conventions))


def _rounded(values: FloatArray, conventions: Conventions) -> FloatArray:
    return values.astype(np.float32).astype(np.float64) if conventions.precision == "single" else values


def _start(node: Node, conventions: Conventions) -> FloatArray:
    """The first voltage; 0 for types that have neither the potential asked for nor one in its place."""
    zeros = np.zeros(node.input_shape)
    v_reset: FloatArray = node.params.get("v_reset", zeros)
    v_leak: FloatArray = node.params.get("v_leak", v_reset)
    return zeros + {"zero": zeros, "v_leak": v_leak, "v_reset": v_reset}[conventions.start]


def _v_reset(node: Node, conventions: Conventions) -> FloatArray | None:
    if node.kind not in SPIKING:
        return None
    v_reset: FloatArray = node.params["v_reset"]
    if conventions.reset != "to_v_reset" and np.any(v_reset != 0):
        rule = "no reset" if conventions.reset == "none" else "a reset by subtraction"
        what = f"v_reset is {v_reset.min():g} to {v_reset.max():g}, which {rule} would ignore"
        raise InputError(f"{node.name}.v_reset", what, 'use conventions with reset "to_v_reset"')
    return v_reset
