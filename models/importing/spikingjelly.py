"""SpikingJelly: IF, LIF, ParametricLIF, CUBALIF. Source of the rules: spikingjelly 2.0.0, `activation_based/neuron`."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import nn

from models.importing.neurons import Neuron, array, leaky
from toolchain.errors import UnsupportedError

DT = 1e-4
"""The time step that SpikingJelly's own exporter writes unless told another, seconds."""
_KINDS = ("IFNode", "LIFNode", "ParametricLIFNode", "CUBALIFNode", "SimpleIFNode", "SimpleLIFNode")


def neuron(module: nn.Module, kind: str, where: str) -> Neuron:
    """A neuron of SpikingJelly.

    Raises:
        UnsupportedError: a neuron that no integer program has, or one whose surrogate is not a spike.
    """
    if kind not in _KINDS:
        raise UnsupportedError(where, f"SpikingJelly's {kind} has no form here", f"use one of {', '.join(_KINDS)}")
    node: Any = module
    if not getattr(node.surrogate_function, "spiking", True):
        raise UnsupportedError(where, "its surrogate function has spiking=False", "set spiking=True")
    hard = node.v_reset is not None
    v_reset = array(node.v_reset if hard else 0.0)
    fields: dict[str, Any] = {"v_threshold": array(node.v_threshold), "v_reset": v_reset}
    nir, own = _membrane(node, kind, v_reset)
    rule = {"reset": "to_v_reset" if hard else "subtract", "start": "v_reset" if hard else "zero"}
    switches = {"compare": ">=", "integration": "step", "input": "sampled", "dt": DT, **rule}
    return Neuron(nir, fields | own, switches, time=0 if node.step_mode == "m" else None)


def _membrane(node: Any, kind: str, v_reset: Any) -> tuple[str, dict[str, Any]]:
    """The NIR type, and the fields that say how voltage and current decay."""
    if kind in ("IFNode", "SimpleIFNode"):
        return "IF", {"r": 1.0}
    if kind == "CUBALIFNode":
        (tau_syn, w_in), (tau, r) = leaky(node.c_decay, DT), leaky(node.v_decay, DT)
        return "CubaLIF", {"tau_syn": tau_syn, "w_in": w_in, "tau_mem": tau, "r": r, "v_leak": 0.0}
    share = 1.0 / array(node.tau) if hasattr(node, "tau") else 1.0 / (1.0 + np.exp(-array(node.w)))
    own = {"tau": DT / share, "r": 1.0 if node.decay_input else 1.0 / share, "v_leak": v_reset}
    return "LIF", own


def reset(net: nn.Module) -> None:
    """Every module with memory as before the first step."""
    module: Any
    for module in net.modules():
        if hasattr(module, "_memories"):
            module.reset()


def times(net: nn.Module) -> tuple[str, ...]:
    """How a network may take time, the likeliest first: by the step mode of its modules."""
    many = any(getattr(module, "step_mode", "s") == "m" for module in net.modules())
    return ("first", "second", "step") if many else ("step", "first", "second")
