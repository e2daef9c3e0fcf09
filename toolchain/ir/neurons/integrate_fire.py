"""Integrate-and-fire without leak: no multiplication at all.

    membrane = v + input + bias - owed(v);  spike and v' as in `lif`

| register | width | overflow | stored | holds                 |
| membrane | 24    | saturate | no     | voltage before reset  |
| voltage  | 24    | saturate | yes    | voltage after reset   |
"""

from __future__ import annotations

from toolchain.ir.integer import Value, add, subtract
from toolchain.ir.neurons.base import Keep, NeuronType, Port, Values
from toolchain.ir.neurons.lif import BIAS, REGISTERS
from toolchain.ir.neurons.soma import RESET_TO, SETTINGS, THRESHOLD, after_spike, fires, owed


def step(own: Values, state: Values, ports: Values, keep: Keep) -> tuple[dict[str, Value], Value]:
    """The equations of the module's docstring."""
    drive = subtract(add(ports.input, own.bias), owed(own, state.voltage))
    membrane = keep("membrane", add(state.voltage, drive))
    spike = fires(own, membrane)
    return {"voltage": keep("voltage", after_spike(own, membrane, spike, state.voltage))}, spike


INTEGRATE_FIRE = NeuronType(
    name="integrate_fire",
    summary="integrate-and-fire without leak; any threshold and reset rule",
    registers=REGISTERS,
    coefficients=(BIAS, THRESHOLD, RESET_TO),
    settings=SETTINGS,
    ports=(Port("input"),),
    message_bits=1,
    step=step,
)
