"""The neuron types, one neuron at a time, by docs/program_format.md: each returns what is stored and the message."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

State = dict[str, Any]
Answer = tuple[State, int]


class Own(dict[str, Any]):
    """A neuron's settings and coefficients, with attribute access; a mode's coefficients are lists."""

    def __getattr__(self, name: str) -> Any:
        return self[name]


def fl(a: int, b: int, n: int) -> int:
    return (a * b) >> n


def tz(a: int, b: int, n: int) -> int:
    return (abs(a * b) >> n) * (-1 if a * b < 0 else 1)


def wrap(a: int, bits: int) -> int:
    half: int = 2 ** (bits - 1)
    return (a + half) % (2 * half) - half


def saturate(a: int, bits: int) -> int:
    top: int = 2 ** (bits - 1) - 1
    return min(max(a, -top), top)


def trap(a: int, bits: int) -> int:
    if not -(2 ** (bits - 1)) <= a < 2 ** (bits - 1):
        raise OverflowError(f"{a} does not fit {bits} bits")
    return a


def _modes(own: Own, state: State, ports: State) -> tuple[list[int], list[int], int]:
    drive = saturate(ports["input"] + own.bias, 24)
    re, im, seen = [], [], 0
    for n, (x, y) in enumerate(zip(state["state_re"], state["state_im"], strict=True)):
        turned = fl(own.a_re[n], x, own.a_bits - 1) - fl(own.a_im[n], y, own.a_bits - 1)
        re.append(saturate(turned + drive * 2**own.input_shift, own.state_bits))
        turned = fl(own.a_re[n], y, own.a_bits - 1) + fl(own.a_im[n], x, own.a_bits - 1)
        im.append(saturate(turned, own.state_bits))
        seen += fl(own.c_re[n], re[n], own.c_shift) - fl(own.c_im[n], im[n], own.c_shift)
    return re, im, saturate(seen + fl(own.d, drive, own.d_shift), 24)


def _soma(own: Own, state: State, readout: int) -> Answer:
    voltage = saturate(fl(own.leak, state["voltage"], own.leak_bits - 1) + readout, 24)
    spike = int(voltage >= own.threshold)
    return {"voltage": 0 if spike else voltage}, spike


def ssm_lif(own: Own, state: State, ports: State) -> Answer:
    re, im, readout = _modes(own, state, ports)
    stored, spike = _soma(own, state, readout)
    return {"state_re": re, "state_im": im, **stored}, spike


def ssm_threshold(own: Own, state: State, ports: State) -> Answer:
    re, im, readout = _modes(own, state, ports)
    return {"state_re": re, "state_im": im}, int(readout >= own.threshold)


def ssm_graded(own: Own, state: State, ports: State) -> Answer:
    re, im, readout = _modes(own, state, ports)
    return {"state_re": re, "state_im": im}, max(readout, 0) if own.rectified else readout


def ssm_soma(own: Own, state: State, ports: State) -> Answer:
    return _soma(own, state, saturate(ports["modes"], 24))


def cuba_lif(own: Own, state: State, ports: State) -> Answer:
    current = wrap(tz(state["current"], 4095 - own.du, 12) + ports["input"] * 64, 24)
    voltage = saturate(tz(state["voltage"], 4096 - own.dv, 12) + current + own.bias_mant * 2**own.bias_exp, 24)
    spike = int(voltage > own.vth * 64)
    return {"current": current, "voltage": 0 if spike else voltage}, spike


def _fires(own: Own, v: int) -> int:
    return int(v > own.threshold if own.strict else v >= own.threshold)


def _reset(own: Own, before: int, leaked: int, drive: int) -> tuple[int, int]:
    """The voltage to store and the spike."""
    again = _fires(own, before)
    membrane = saturate(leaked + drive - (again * own.threshold if own.reset >= 3 else 0), 24)
    z = _fires(own, membrane)
    after = [
        membrane,
        own.reset_to if z else membrane,
        membrane - z * own.threshold,
        membrane,
        membrane - (z - again) * own.threshold,
    ][own.reset]
    return saturate(after, 24), z


def lif(own: Own, state: State, ports: State) -> Answer:
    leaked = fl(own.leak, state["voltage"], own.leak_fraction)
    voltage, spike = _reset(own, state["voltage"], leaked, ports["input"] + own.bias)
    return {"voltage": voltage}, spike


def current_lif(own: Own, state: State, ports: State) -> Answer:
    left = fl(own.current_leak, state["current"], own.leak_fraction)
    current = saturate(left + ports["input"] + own.current_bias, 24)
    leaked = fl(own.leak, state["voltage"], own.leak_fraction)
    voltage, spike = _reset(own, state["voltage"], leaked, current + own.bias)
    return {"current": current, "voltage": voltage}, spike


def integrate_fire(own: Own, state: State, ports: State) -> Answer:
    voltage, spike = _reset(own, state["voltage"], state["voltage"], ports["input"] + own.bias)
    return {"voltage": voltage}, spike


def relay(own: Own, state: State, ports: State) -> Answer:
    return {}, saturate(ports["input"] + own.bias, own.message_bits)


def integrator(own: Own, state: State, ports: State) -> Answer:
    return {"total": saturate(state["total"] + ports["input"] + own.bias, 24)}, 0


def rectifier(own: Own, state: State, ports: State) -> Answer:
    return {}, max(saturate(ports["input"] + own.bias, 24), 0)


def ternary(own: Own, state: State, ports: State) -> Answer:
    value = saturate(ports["input"] + own.bias, 24)
    return {}, int(value >= own.threshold) - int(-value >= own.threshold)


def sigmoid_gate(own: Own, state: State, ports: State) -> Answer:
    opening, content = saturate(ports["drive"] + own.drive_bias, 24), saturate(ports["value"] + own.value_bias, 24)
    at = (opening >> own.index_shift) + own.index_offset
    return {}, fl(content, own.table[min(max(at, 0), len(own.table) - 1)], own.table_bits)


def binary_gate(own: Own, state: State, ports: State) -> Answer:
    opening, content = saturate(ports["drive"] + own.drive_bias, 24), saturate(ports["value"] + own.value_bias, 24)
    return {}, content if opening >= own.threshold else 0


def product(own: Own, state: State, ports: State) -> Answer:
    first, second = saturate(ports["left"] + own.left_bias, 24), saturate(ports["right"] + own.right_bias, 24)
    found = saturate(fl(first, second, own.shift), 24)
    return {}, max(found, 0) if own.rectified else found


def resonate_fire(own: Own, state: State, ports: State) -> Answer:
    x, y, bits = state["state_re"], state["state_im"], own.decay_bits
    re = tz(own.cos_decay, x, bits) - tz(own.sin_decay, y, bits) + ports["real"] * 2**own.state_exp
    im = tz(own.sin_decay, x, bits) + tz(own.cos_decay, y, bits) + ports["imag"] * 2**own.state_exp
    re, im = saturate(re, 24), saturate(im, 24)
    return {"state_re": re, "state_im": im}, int(re >= own.threshold and im >= 0 > y)


def sigma_delta(own: Own, state: State, ports: State) -> Answer:
    sigma = saturate(state["sigma"] + ports["input"], 24)
    activation = saturate(max(sigma + own.bias, 0) if own.rectified else sigma + own.bias, 24)
    delta = saturate(activation - state["activation"] + state["residue"], 24)
    message = delta if abs(delta) >= own.threshold else 0
    return {"sigma": sigma, "activation": activation, "residue": saturate(delta - message, 24)}, message


_SSM_SETTINGS = {"a_bits": 16, "c_bits": 8, "state_bits": 24, "input_shift": 0, "c_shift": 0}
_SSM = {**_SSM_SETTINGS, "d": 0, "d_shift": 0, "bias": 0}
_RESET = {"strict": 1, "reset": 1, "reset_to": 0}
_GATE = {"value_bias": 0, "drive_bias": 0}

PER_MODE = {"a_re", "a_im", "c_re", "c_im"}
STATE_SPACES = {"ssm_lif", "ssm_threshold", "ssm_graded"}
TABLES = {"table"}

TYPES: dict[str, tuple[Callable[[Own, State, State], Answer], dict[str, int], tuple[str, ...], dict[str, int]]] = {
    # type: equations, defaults, stored registers, ports with their widths
    "ssm_lif": (ssm_lif, {**_SSM, "leak": 512, "leak_bits": 13}, ("state_re", "state_im", "voltage"), {"input": 24}),
    "ssm_threshold": (ssm_threshold, _SSM, ("state_re", "state_im"), {"input": 24}),
    "ssm_graded": (ssm_graded, {**_SSM, "rectified": 0}, ("state_re", "state_im"), {"input": 24}),
    "ssm_soma": (ssm_soma, {"leak": 512, "leak_bits": 13}, ("voltage",), {"modes": 32}),
    "cuba_lif": (cuba_lif, {"du": 4095, "dv": 0, "bias_mant": 0, "bias_exp": 0}, ("current", "voltage"), {"input": 24}),
    "lif": (lif, {**_RESET, "bias": 0, "leak_fraction": 12}, ("voltage",), {"input": 24}),
    "current_lif": (
        current_lif,
        {**_RESET, "bias": 0, "current_bias": 0, "leak_fraction": 12},
        ("current", "voltage"),
        {"input": 24},
    ),
    "integrate_fire": (integrate_fire, {**_RESET, "bias": 0}, ("voltage",), {"input": 24}),
    "relay": (relay, {"bias": 0, "message_bits": 24}, (), {"input": 24}),
    "integrator": (integrator, {"bias": 0}, ("total",), {"input": 24}),
    "rectifier": (rectifier, {"bias": 0}, (), {"input": 24}),
    "ternary": (ternary, {"bias": 0}, (), {"input": 24}),
    "sigmoid_gate": (
        sigmoid_gate,
        {**_GATE, "table_bits": 14, "entry_bits": 15, "index_shift": 0, "index_offset": 0},
        (),
        {"value": 24, "drive": 24},
    ),
    "binary_gate": (binary_gate, {**_GATE, "threshold": 0}, (), {"value": 24, "drive": 24}),
    "product": (
        product,
        {"left_bias": 0, "right_bias": 0, "shift": 0, "rectified": 0},
        (),
        {"left": 24, "right": 24},
    ),
    "resonate_fire": (
        resonate_fire,
        {"decay_bits": 12, "state_exp": 0},
        ("state_re", "state_im"),
        {"real": 24, "imag": 24},
    ),
    "sigma_delta": (
        sigma_delta,
        {"bias": 0, "rectified": 1},
        ("sigma", "activation", "residue"),
        {"input": 24},
    ),
}
