"""spyx: Sequential of flax Linear, Flatten, IF, LIF, CuBaLIF and LI. Source of the rules: spyx 1.0.0, `nn.py`.

Neither spyx nor jax is imported: layers are called as they are, one step after the other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np

from models.importing.imported import Imported
from models.importing.neurons import Layer, array, check_finite, leaky, linear
from models.importing.signals import INPUT, OUTPUT, Shape
from toolchain.errors import InputError, UnsupportedError
from toolchain.frontend.graph import Finding, FloatArray, Graph, Node
from toolchain.frontend.presets import PRESETS
from toolchain.frontend.rules import Conventions

DT = 1.0
"""spyx counts in steps."""
_KINDS = {"IF": "LIF", "LIF": "LIF", "CuBaLIF": "CubaLIF", "LI": "LI"}
_FLAT = {"start_dim": 0, "end_dim": -1}


def imported(net: Any, sample: FloatArray) -> Imported:
    """Run a network on a sample, (sample, step, *shape), and read it.

    Raises:
        InputError: no Sequential, or parameters that are NaN or infinite.
        UnsupportedError: a layer that no graph has.
    """
    if not hasattr(net, "layers") or "Sequential" not in [kind.__name__ for kind in type(net).__mro__]:
        raise InputError("network", f"is a {type(net).__name__}", "give a spyx.nn.Sequential")
    nodes = {INPUT: Node(INPUT, "Input", {}, sample.shape[2:], sample.shape[2:])}
    edges: list[tuple[str, str]] = []
    traces: dict[str, FloatArray] = {}
    last, x = INPUT, np.asarray(sample, np.float32)
    for number, layer in enumerate(net.layers):
        name, before = f"layer_{number}", x.shape[2:]
        made = _read(name, layer, before)
        for field, value in made.params.items() if made is not None and made.kind != "Flatten" else ():
            check_finite(f"{name}.{field}", value)
        x = _run(layer, x)
        if made is None:
            continue
        nodes[name] = Node(name, made.kind, made.params, before, x.shape[2:])
        edges.append((last, name))
        last = name
        if hasattr(layer, "initial_state"):
            traces[name] = np.asarray(x, np.float64)
    nodes[OUTPUT] = Node(OUTPUT, "Output", {}, x.shape[2:], x.shape[2:])
    edges.append((last, OUTPUT))
    if not traces:
        raise InputError("network", "has no neurons of spyx", "give a spyx.nn.Sequential with neurons")
    notes = (Finding("network", "the module is called once a step with (sample, ...) and its state", "run so", "note"),)
    return Imported("spyx", _version(), Graph(nodes, tuple(edges)), _conventions(), traces, {}, "", notes)


def _conventions() -> Conventions:
    return replace(PRESETS["spyx"], dt=DT, gain="file")


def _version() -> str:
    try:
        return version("spyx")
    except PackageNotFoundError:
        return ""


def _run(layer: Any, x: Any) -> Any:
    """All steps of one layer; what comes before it has run already."""
    steps = np.moveaxis(x, 1, 0)
    if not hasattr(layer, "initial_state"):
        return np.stack([np.asarray(layer(step)) for step in steps], axis=1)
    state, sent = layer.initial_state(len(x)), []
    for step in steps:
        out, state = layer(step, state)
        sent.append(np.asarray(out))
    return np.stack(sent, axis=1)


def _read(name: str, layer: Any, shape: Shape) -> Layer | None:
    """The node of a layer; None for one that changes nothing."""
    kind = type(layer).__name__
    if kind == "Flatten":
        return Layer("Flatten", _FLAT) if len(shape) > 1 else None
    if kind == "Linear":
        if len(shape) != 1:
            raise UnsupportedError(name, f"a Linear on a sample of shape {shape}", "flatten before it")
        return linear(_value(layer.kernel).T, None if layer.bias is None else _value(layer.bias))
    if kind not in _KINDS:
        what = f"spyx' {kind} has no form here"
        raise UnsupportedError(name, what, f"use Linear, Flatten, {', '.join(_KINDS)}, or its export to NIR")
    return _neuron(layer, kind, shape)


def _neuron(layer: Any, kind: str, shape: Shape) -> Layer:
    """Decays are clipped to 0 .. 1 in the forward pass, not in the parameters."""
    tau, r = leaky(1.0 if kind == "IF" else np.clip(_value(layer.beta), 0.0, 1.0), DT)
    fields: Mapping[str, Any] = {"r": r, "v_leak": 0.0}
    if kind != "LI":
        fields = {**fields, "v_threshold": float(layer.threshold), "v_reset": 0.0}
    if kind == "CuBaLIF":
        tau_syn, w_in = leaky(np.clip(_value(layer.alpha), 0.0, 1.0), DT)
        fields = {**fields, "tau_mem": tau, "tau_syn": tau_syn, "w_in": w_in}
    else:
        fields = {**fields, "tau": tau}
    return Layer(_KINDS[kind], {field: np.array(np.broadcast_to(value, shape)) for field, value in fields.items()})


def _value(parameter: Any) -> FloatArray:
    return array(np.asarray(parameter[...]))
