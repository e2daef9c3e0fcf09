"""sinabs: LIF, IAF, ExpLeak, their Squeeze and Recurrent forms. Source of the rules: sinabs 3.1.3, `layers`."""

from __future__ import annotations

from typing import Any

from torch import nn

from models.importing.neurons import Neuron, array, leaky, matrix_layer
from toolchain.errors import UnsupportedError

DT = 1.0
"""sinabs counts in steps."""
_KINDS = ("LIF", "IAF", "ExpLeak", "LIFSqueeze", "IAFSqueeze", "ExpLeakSqueeze", "LIFRecurrent", "IAFRecurrent")


def neuron(module: nn.Module, kind: str, where: str) -> Neuron:
    """A neuron of sinabs.

    Raises:
        UnsupportedError: several spikes a step, a reset to another value, or a neuron that no integer program has.
    """
    if kind not in _KINDS:
        raise UnsupportedError(where, f"sinabs' {kind} has no form here", f"use one of {', '.join(_KINDS)}")
    node: Any = module
    kept, spiking = array(node.alpha_mem_calculated), node.spike_fn is not None
    tau, r = leaky(kept, DT)
    own: dict[str, Any] = {"r": 1.0 if node.norm_input else r, "v_leak": 0.0}
    switches = {"compare": ">=", "start": "zero", "input": "decayed", "integration": "step", "dt": DT}
    if spiking:
        _refuse_many(node, where)
        own |= {"v_threshold": array(node.spike_threshold), "v_reset": 0.0}
        switches["reset"] = _reset(node, where)
    if (current := node.alpha_syn_calculated) is not None:
        own |= {"tau_mem": tau, "tau_syn": leaky(current, DT)[0], "w_in": 1.0}
    elif not kind.startswith("IAF"):
        own["tau"] = tau
    nir = ("CubaLI" if current is not None else "LI") + ("F" if spiking else "")
    if nir == "LIF" and "tau" not in own:
        nir, own = "IF", {"r": 1.0, "v_threshold": own["v_threshold"], "v_reset": 0.0}
    recurrent = "Recurrent" in kind
    return Neuron(
        nir,
        own,
        switches | ({"recurrent_bias_at_start": False} if recurrent else {}),
        time=1,
        loop=matrix_layer(f"{where}.rec_connect", node.rec_connect) if recurrent else None,
        least=None if node.min_v_mem is None else float(node.min_v_mem),
    )


def _refuse_many(node: Any, where: str) -> None:
    name = getattr(node.spike_fn, "__name__", type(node.spike_fn).__name__)
    if name != "SingleSpike" and getattr(node.spike_fn, "max_num_spikes_per_bin", None) != 1:
        what = f"spike_fn {name} sends several spikes a step where the voltage is a multiple of the threshold"
        raise UnsupportedError(where, what, "set spike_fn=sinabs.activation.SingleSpike and check the accuracy")


def _reset(node: Any, where: str) -> str:
    name, rule = type(node.reset_fn).__name__, node.reset_fn
    if name == "MembraneSubtract" and rule.subtract_value is None:
        return "subtract"
    if name == "MembraneReset" and rule.reset_value == 0:
        return "to_v_reset"
    what = f"resets by {rule!r}"
    raise UnsupportedError(where, what, "use MembraneSubtract() or MembraneReset()")


def reset(net: nn.Module) -> None:
    """Every layer as before the first step."""
    module: Any
    for module in net.modules():
        if hasattr(module, "reset_states") and hasattr(module, "is_state_initialised"):
            module.reset_states()


def times(net: nn.Module) -> tuple[str, ...]:
    """How a network may take time, the likeliest first: Squeeze layers take samples and steps on one axis."""
    squeezed = any("Squeeze" in type(module).__name__ for module in net.modules())
    return ("merged", "second") if squeezed else ("second", "merged", "first")
