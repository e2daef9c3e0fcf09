"""snnTorch: Leaky, Lapicque, Synaptic, RLeaky, RSynaptic. Source of the rules: snntorch 1.0.0, `_neurons/*.py`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from torch import nn

from models.importing.neurons import Layer, Neuron, array, leaky, matrix_layer
from toolchain.errors import UnsupportedError

DT = 1e-4
"""The time step that snnTorch's own exporter writes, seconds."""
_RULES = {"_base_sub": "subtract", "_base_zero": "zero", "_base_int": "none"}


def neuron(module: nn.Module, kind: str, where: str) -> Neuron:
    """A neuron of snnTorch.

    Raises:
        UnsupportedError: a neuron or an option that no integer program has.
    """
    if kind not in ("Leaky", "Lapicque", "Synaptic", "RLeaky", "RSynaptic"):
        raise UnsupportedError(where, f"snnTorch's {kind} has no form here", "use Leaky, Synaptic, RLeaky or RSynaptic")
    _refuse_options(module, where)
    tau, r = leaky(_clamped(module.beta), DT)
    fields: dict[str, Any] = {"v_leak": 0.0, "v_threshold": array(module.threshold), "v_reset": 0.0}
    synaptic = "Synaptic" in kind
    if synaptic:
        tau_syn, w_in = leaky(_clamped(module.alpha), DT)
        fields |= {"tau_syn": tau_syn, "tau_mem": tau, "r": r, "w_in": w_in}
    else:
        fields |= {"tau": tau, "r": r}
    return Neuron(
        "CubaLIF" if synaptic else "LIF",
        fields,
        {"reset": _reset(module), "compare": ">", "start": "zero", "input": "sampled", "dt": DT},
        loop=_loop(module, where) if kind.startswith("R") else None,
        voltage=-1,
    )


def _clamped(value: Any) -> Any:
    """Decays are clamped to 0 .. 1 in the forward pass, not in the parameters."""
    return np.clip(array(value), 0.0, 1.0)


def _reset(module: Any) -> str:
    """By the function that was chosen when the module was made: later changes of `reset_mechanism` do not reach it."""
    rule = _RULES.get(getattr(module.state_function, "__name__", ""), module.reset_mechanism)
    late = bool(getattr(module, "reset_delay", True))
    return {"zero": "to_v_reset", "none": "none"}.get(rule, "subtract-delayed" if late else "subtract-snntorch")


def _loop(module: Any, where: str) -> Layer:
    if type(module.recurrent).__name__ == "RecurrentOneToOne":
        return Layer("Scale", {"scale": array(module.recurrent.V)})
    return matrix_layer(f"{where}.recurrent", module.recurrent)


def _refuse_options(module: Any, where: str) -> None:
    for reason in _faults(module):
        raise UnsupportedError(where, reason, "leave that option out and check the accuracy")


def _faults(module: Any) -> Iterator[str]:
    if module.inhibition:
        yield "inhibition lets one neuron of the layer spike a step"
    if module.state_quant:
        yield "state_quant rounds the voltage by a rule of its own"
    factor = getattr(module, "graded_spikes_factor", 1.0)
    if np.any(array(factor) != 1.0):
        yield f"graded_spikes_factor {float(array(factor).max()):g} makes spikes other than 1"


def reset(net: nn.Module) -> None:
    """Every neuron as before the first step."""
    module: Any
    for module in net.modules():
        if hasattr(module, "reset_mem"):
            module.reset_mem()


def times(net: nn.Module) -> tuple[str, ...]:
    """How a network may take time, the likeliest first."""
    hidden = any(getattr(module, "init_hidden", False) for module in net.modules())
    return ("step", "first", "second") if hidden else ("first", "second", "step")
