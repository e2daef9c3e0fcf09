"""Every neuron type's equations a second time: one neuron, plain Python, unbounded integers, exact fractions.

Written from the docstrings of `toolchain/ir/neurons`, not from their code, and sharing nothing with `integer`: a
rounding is `math.floor` or `math.trunc` of a `Fraction`. Slow, and meant to be read beside the equations.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any


@dataclass(frozen=True)
class Outcome:
    """What one step of one neuron did.

    Attributes:
        raw: what each register was given, before its overflow rule; a list where there is one a mode.
        kept: what each register then held.
        after: the stored registers at the end of the step.
        message: what is emitted.
    """

    raw: dict[str, Any]
    kept: dict[str, Any]
    after: dict[str, Any]
    message: int


def floor_shift(value: int, bits: int) -> int:
    return math.floor(Fraction(value, 2**bits))


def toward_zero_shift(value: int, bits: int) -> int:
    return math.trunc(Fraction(value, 2**bits))


def wrapped(value: int, bits: int) -> int:
    """The only member of value + 2^bits Z in -2^(bits-1) .. 2^(bits-1) - 1."""
    turns = math.floor(Fraction(value, 2**bits) + Fraction(1, 2))
    whole: int = 2**bits
    return value - turns * whole


def saturated(value: int, bits: int) -> int:
    top: int = 2 ** (bits - 1) - 1
    return sorted([-top, value, top])[1]


def _modes(own: Mapping[str, Any], state: Mapping[str, Any], port: Mapping[str, int]) -> Outcome:
    """Drive, states and readout, which all state-space types share."""
    one = own["a_bits"] - 1
    raw: dict[str, Any] = {"drive": port["input"] + own["bias"], "state_re": [], "state_im": []}
    drive = saturated(raw["drive"], 24)
    for a_re, a_im, re, im in zip(own["a_re"], own["a_im"], state["state_re"], state["state_im"], strict=True):
        pushed = drive * 2 ** own["input_shift"]
        raw["state_re"].append(floor_shift(a_re * re, one) - floor_shift(a_im * im, one) + pushed)
        raw["state_im"].append(floor_shift(a_re * im, one) + floor_shift(a_im * re, one))
    re_next = [saturated(value, own["state_bits"]) for value in raw["state_re"]]
    im_next = [saturated(value, own["state_bits"]) for value in raw["state_im"]]
    raw["readout"] = floor_shift(own["d"] * drive, own["d_shift"])
    for c_re, c_im, re, im in zip(own["c_re"], own["c_im"], re_next, im_next, strict=True):
        raw["readout"] += floor_shift(c_re * re, own["c_shift"]) - floor_shift(c_im * im, own["c_shift"])
    stored = {"state_re": re_next, "state_im": im_next}
    return Outcome(raw, {"drive": drive, **stored, "readout": saturated(raw["readout"], 24)}, stored, 0)


def ssm_lif(own: Mapping[str, Any], state: Mapping[str, Any], port: Mapping[str, int]) -> Outcome:
    modes = _modes(own, state, port)
    raw = floor_shift(own["leak"] * state["voltage"], own["leak_bits"] - 1) + modes.kept["readout"]
    voltage = saturated(raw, 24)
    spike = 1 if voltage >= own["threshold"] else 0
    return Outcome(
        {**modes.raw, "voltage": raw},
        {**modes.kept, "voltage": voltage},
        {**modes.after, "voltage": 0 if spike else voltage},
        spike,
    )


def ssm_threshold(own: Mapping[str, Any], state: Mapping[str, Any], port: Mapping[str, int]) -> Outcome:
    modes = _modes(own, state, port)
    return Outcome(modes.raw, modes.kept, modes.after, 1 if modes.kept["readout"] >= own["threshold"] else 0)


def ssm_graded(own: Mapping[str, Any], state: Mapping[str, Any], port: Mapping[str, int]) -> Outcome:
    modes = _modes(own, state, port)
    readout = modes.kept["readout"]
    return Outcome(modes.raw, modes.kept, modes.after, max(readout, 0) if own["rectified"] else readout)


def ssm_soma(own: Mapping[str, Any], state: Mapping[str, Any], port: Mapping[str, int]) -> Outcome:
    readout = saturated(port["modes"], 24)
    raw = floor_shift(own["leak"] * state["voltage"], own["leak_bits"] - 1) + readout
    voltage = saturated(raw, 24)
    spike = 1 if voltage >= own["threshold"] else 0
    return Outcome(
        {"readout": port["modes"], "voltage": raw},
        {"readout": readout, "voltage": voltage},
        {"voltage": 0 if spike else voltage},
        spike,
    )


def cuba_lif(own: Mapping[str, Any], state: Mapping[str, Any], port: Mapping[str, int]) -> Outcome:
    raw_current = toward_zero_shift(state["current"] * (4095 - own["du"]), 12) + port["input"] * 64
    current = wrapped(raw_current, 24)
    bias = own["bias_mant"] * 2 ** own["bias_exp"]
    raw_voltage = toward_zero_shift(state["voltage"] * (4096 - own["dv"]), 12) + current + bias
    voltage = saturated(raw_voltage, 24)
    spike = 1 if voltage > own["vth"] * 64 else 0
    return Outcome(
        {"current": raw_current, "voltage": raw_voltage},
        {"current": current, "voltage": voltage},
        {"current": current, "voltage": 0 if spike else voltage},
        spike,
    )


def relay(own: Mapping[str, Any], state: Mapping[str, Any], port: Mapping[str, int]) -> Outcome:
    raw = port["input"] + own["bias"]
    value = saturated(raw, own["message_bits"])
    return Outcome({"value": raw}, {"value": value}, {}, value)


def integrator(own: Mapping[str, Any], state: Mapping[str, Any], port: Mapping[str, int]) -> Outcome:
    raw = state["total"] + port["input"] + own["bias"]
    total = saturated(raw, 24)
    return Outcome({"total": raw}, {"total": total}, {"total": total}, 0)


def _soma(own: Mapping[str, Any], state: Mapping[str, Any], pushed: int, outcome: Outcome) -> Outcome:
    """Leak, threshold and reset of `lif` and `current_lif`; `outcome` holds what the current did."""

    def fires(voltage: int) -> int:
        return 1 if voltage > threshold or (voltage == threshold and not own["strict"]) else 0

    threshold, reset = own["threshold"], own["reset"]
    fired_before = fires(state["voltage"]) if reset in (3, 4) else 0
    raw = floor_shift(own["leak"] * state["voltage"], own["leak_fraction"]) + pushed - fired_before * threshold
    membrane = saturated(raw, 24)
    spike = fires(membrane)
    cost = {0: 0, 2: spike * threshold, 3: 0, 4: (spike - fired_before) * threshold}
    raw_voltage = (own["reset_to"] if spike else membrane) if reset == 1 else membrane - cost[reset]
    voltage = saturated(raw_voltage, 24)
    return Outcome(
        {**outcome.raw, "membrane": raw, "voltage": raw_voltage},
        {**outcome.kept, "membrane": membrane, "voltage": voltage},
        {**outcome.after, "voltage": voltage},
        spike,
    )


def lif(own: Mapping[str, Any], state: Mapping[str, Any], port: Mapping[str, int]) -> Outcome:
    return _soma(own, state, port["input"] + own["bias"], Outcome({}, {}, {}, 0))


def current_lif(own: Mapping[str, Any], state: Mapping[str, Any], port: Mapping[str, int]) -> Outcome:
    left = floor_shift(own["current_leak"] * state["current"], own["leak_fraction"])
    raw = left + port["input"] + own["current_bias"]
    current = saturated(raw, 24)
    return _soma(
        own, state, current + own["bias"], Outcome({"current": raw}, {"current": current}, {"current": current}, 0)
    )


def integrate_fire(own: Mapping[str, Any], state: Mapping[str, Any], port: Mapping[str, int]) -> Outcome:
    return lif({**own, "leak": 1, "leak_fraction": 0}, state, port)


def _stateless(raw: dict[str, int], message: Callable[..., int]) -> Outcome:
    """Registers of 24 bits that saturate, and a message that is a function of what they hold."""
    kept = {name: saturated(value, 24) for name, value in raw.items()}
    return Outcome(raw, kept, {}, message(*kept.values()))


def rectifier(own: Mapping[str, Any], state: Mapping[str, Any], port: Mapping[str, int]) -> Outcome:
    return _stateless({"value": port["input"] + own["bias"]}, lambda value: max(value, 0))


def ternary(own: Mapping[str, Any], state: Mapping[str, Any], port: Mapping[str, int]) -> Outcome:
    def sign(value: int) -> int:
        return 0 if value == 0 or abs(value) < own["threshold"] else value // abs(value)

    return _stateless({"value": port["input"] + own["bias"]}, sign)


def sigmoid_gate(own: Mapping[str, Any], state: Mapping[str, Any], port: Mapping[str, int]) -> Outcome:
    def gated(opening: int, content: int) -> int:
        entry = floor_shift(opening, own["index_shift"]) + own["index_offset"]
        last = len(own["table"]) - 1
        return floor_shift(content * own["table"][sorted([0, entry, last])[1]], own["table_bits"])

    return _stateless(_arrived(own, port), gated)


def binary_gate(own: Mapping[str, Any], state: Mapping[str, Any], port: Mapping[str, int]) -> Outcome:
    return _stateless(_arrived(own, port), lambda opening, content: content if opening >= own["threshold"] else 0)


def _arrived(own: Mapping[str, Any], port: Mapping[str, int]) -> dict[str, int]:
    return {"opening": port["drive"] + own["drive_bias"], "content": port["value"] + own["value_bias"]}


def product(own: Mapping[str, Any], state: Mapping[str, Any], port: Mapping[str, int]) -> Outcome:
    raw = {"first": port["left"] + own["left_bias"], "second": port["right"] + own["right_bias"]}
    raw["product"] = floor_shift(saturated(raw["first"], 24) * saturated(raw["second"], 24), own["shift"])
    return _stateless(raw, lambda first, second, value: max(value, 0) if own["rectified"] else value)


def resonate_fire(own: Mapping[str, Any], state: Mapping[str, Any], port: Mapping[str, int]) -> Outcome:
    cos, sin, bits = own["cos_decay"], own["sin_decay"], own["decay_bits"]
    re, im = state["state_re"], state["state_im"]
    raw = {
        "state_re": toward_zero_shift(cos * re, bits) - toward_zero_shift(sin * im, bits),
        "state_im": toward_zero_shift(sin * re, bits) + toward_zero_shift(cos * im, bits),
    }
    raw["state_re"] += port["real"] * 2 ** own["state_exp"]
    raw["state_im"] += port["imag"] * 2 ** own["state_exp"]
    kept = {name: saturated(value, 24) for name, value in raw.items()}
    spike = kept["state_re"] >= own["threshold"] and kept["state_im"] >= 0 and im < 0
    return Outcome(raw, kept, kept, int(spike))


def sigma_delta(own: Mapping[str, Any], state: Mapping[str, Any], port: Mapping[str, int]) -> Outcome:
    raw = {"sigma": state["sigma"] + port["input"]}
    sigma = saturated(raw["sigma"], 24)
    raw["activation"] = max(sigma + own["bias"], 0) if own["rectified"] else sigma + own["bias"]
    activation = saturated(raw["activation"], 24)
    raw["delta"] = activation - state["activation"] + state["residue"]
    delta = saturated(raw["delta"], 24)
    message = delta if abs(delta) >= own["threshold"] else 0
    raw["residue"] = delta - message
    after = {"sigma": sigma, "activation": activation, "residue": delta - message}
    return Outcome(raw, {**after, "delta": delta}, after, message)


EQUATIONS = (
    ssm_lif, ssm_threshold, ssm_graded, ssm_soma, cuba_lif, lif, current_lif, integrate_fire, relay, integrator,
    rectifier, ternary, sigmoid_gate, binary_gate, product, resonate_fire, sigma_delta,
)  # fmt: skip
RESTATED: dict[str, Callable[[Mapping[str, Any], Mapping[str, Any], Mapping[str, int]], Outcome]] = {
    equations.__name__: equations for equations in EQUATIONS
}
