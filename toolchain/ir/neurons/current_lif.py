"""Leaky integrate-and-fire with a synaptic current that decays, floor at every multiply-shift.

    current'  = floor(current_leak current / 2^leak_fraction) + input + current_bias
    membrane  = floor(leak v / 2^leak_fraction) + current' + bias - owed(v)
    spike, v' as in `lif`

| register | width | overflow | stored | holds                 |
| current  | 24    | saturate | yes    | synaptic current      |
| membrane | 24    | saturate | no     | voltage before reset  |
| voltage  | 24    | saturate | yes    | voltage after reset   |

NIR's CubaLIF in general form: unlike Lava's `cuba_lif` it can hold a bias inside the current, where an Affine before
a CubaLIF puts it, and any reset rule of `soma`.
"""

from __future__ import annotations

from toolchain.ir.integer import Overflow, Value, add, multiply_shift_floor
from toolchain.ir.neurons.base import Coefficient, Keep, NeuronType, Port, Register, Values
from toolchain.ir.neurons.lif import BIAS, LEAK, LEAK_FRACTION, REGISTERS, integrate
from toolchain.ir.neurons.soma import RESET_TO, SETTINGS, THRESHOLD


def step(own: Values, state: Values, ports: Values, keep: Keep) -> tuple[dict[str, Value], Value]:
    """The equations of the module's docstring."""
    left = multiply_shift_floor(own.current_leak, state.current, own.leak_fraction)
    current = keep("current", add(left, add(ports.input, own.current_bias)))
    voltage, spike = integrate(own, state, add(current, own.bias), keep)
    return {"current": current, "voltage": voltage}, spike


CURRENT_LIF = NeuronType(
    name="current_lif",
    summary="leaky integrate-and-fire with a decaying synaptic current, a bias in either, any threshold and reset rule",
    registers=(Register("current", 24, Overflow.SATURATE, meaning="synaptic current"), *REGISTERS),
    coefficients=(
        Coefficient("current_leak", 21, signed=False, meaning="share of the current kept, leak_fraction fraction bits"),
        Coefficient("current_bias", 24, default=0, meaning="constant added to the current each step"),
        LEAK,
        BIAS,
        THRESHOLD,
        RESET_TO,
    ),
    settings=(*SETTINGS, LEAK_FRACTION),
    ports=(Port("input"),),
    message_bits=1,
    step=step,
)
