"""norse: LIF, LIFBox, IAF, LI and LIBox cells and layers, recurrent ones. Source of the rules: norse 1.1.0."""

from __future__ import annotations

from typing import Any

from torch import nn

from models.importing.neurons import Neuron, array, linear
from toolchain.errors import UnsupportedError
from toolchain.frontend.graph import FloatArray

_KINDS = {
    "LIFCell": "CubaLIF", "LIF": "CubaLIF", "LIFRecurrentCell": "CubaLIF", "LIFRecurrent": "CubaLIF",
    "LICell": "CubaLI", "LI": "CubaLI", "LIFBoxCell": "LIF", "LIBoxCell": "LI", "LILinearCell": "CubaLI",
    "IAFCell": "IF", "IAF": "IF",
}  # fmt: skip
DT = 1e-3
"""norse's own time step, seconds. A layer's other one goes into its time constants: only dt / tau has a meaning."""


def neuron(module: nn.Module, kind: str, where: str) -> Neuron:
    """A neuron of norse.

    Raises:
        UnsupportedError: a neuron that no integer program has.
    """
    if kind not in _KINDS:
        raise UnsupportedError(where, f"norse's {kind} has no form here", f"use one of {', '.join(_KINDS)}")
    p: Any = module.p
    nir = _KINDS[kind]
    fields: dict[str, Any] = {"r": 1.0}
    if nir in ("CubaLIF", "CubaLI"):
        fields |= {"tau_mem": _tau(module, p.tau_mem_inv), "tau_syn": _tau(module, p.tau_syn_inv), "w_in": 1.0}
    elif nir != "IF":
        fields["tau"] = _tau(module, p.tau_mem_inv)
    if nir != "IF":
        fields["v_leak"] = array(p.v_leak)
    switches = {"compare": ">", "start": "v_leak", "input": "jump", "integration": "step", "dt": DT}
    if nir.endswith("F"):
        reset = _reset(p, where)
        fields |= {"v_threshold": array(p.v_th), "v_reset": array(p.v_reset if reset == "to_v_reset" else 0.0)}
        switches["reset"] = reset
    inlet, loop = getattr(module, "input_weights", None), getattr(module, "recurrent_weights", None)
    return Neuron(
        nir,
        fields,
        switches,
        time=None if kind.endswith("Cell") else 0,
        inlet=None if inlet is None else linear(inlet, None),
        loop=None if loop is None else linear(loop, None),
    )


def _tau(module: Any, rate: Any) -> FloatArray:
    """The time constant at `DT` that loses the share dt * rate a step."""
    return DT / (float(module.dt) * array(rate))


def _reset(p: Any, where: str) -> str:
    name = getattr(getattr(p, "reset_method", None), "__name__", "reset_value")
    found = {"reset_value": "to_v_reset", "reset_subtract": "subtract"}.get(name)
    if found is None:
        raise UnsupportedError(where, f"resets by {name}", "use reset_value or reset_subtract")
    return found


def reset(net: nn.Module) -> None:
    """Nothing to do: a network without a state given begins anew."""


def times(net: nn.Module) -> tuple[str, ...]:
    """How a network may take time, the likeliest first; the containers of norse pass on what they are given."""
    cells = any(type(module).__name__.endswith("Cell") for module in net.modules())
    own = type(net).__module__.startswith(("norse.", "torch."))
    return ("step", "first", "second") if cells and own else ("first", "second", "step")
