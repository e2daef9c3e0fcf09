"""Leaky integrate-and-fire, with any threshold and reset rule of `soma`.

    membrane = floor(leak v / 2^leak_fraction) + input + bias - owed(v)
    spike    = membrane > threshold (strict) or membrane >= threshold
    v'       = membrane after the reset rule

| register | width | overflow | stored | holds                 |
| membrane | 24    | saturate | no     | voltage before reset  |
| voltage  | 24    | saturate | yes    | voltage after reset   |

Differs from `cuba_lif` in rounding (floor against toward zero), in a threshold at full precision and in the choice of
rules; it has no synaptic current (`current_lif` has).
"""

from __future__ import annotations

from toolchain.ir.integer import Overflow, Value, add, multiply_shift_floor, subtract
from toolchain.ir.neurons.base import Coefficient, Keep, NeuronType, Port, Register, Setting, Values
from toolchain.ir.neurons.soma import RESET_TO, SETTINGS, THRESHOLD, after_spike, fires, owed

LEAK = Coefficient("leak", 21, signed=False, meaning="share of the voltage kept, leak_fraction fraction bits")
LEAK_FRACTION = Setting("leak_fraction", 8, 20, 12, "fraction bits of the leak; slow neurons need more")
BIAS = Coefficient("bias", 24, default=0, meaning="constant added each step")
REGISTERS = (
    Register("membrane", 24, Overflow.SATURATE, stored=False, meaning="voltage before reset"),
    Register("voltage", 24, Overflow.SATURATE, meaning="voltage after reset"),
)


def integrate(own: Values, state: Values, drive: Value, keep: Keep) -> tuple[Value, Value]:
    """Leak, add, fire, reset: the voltage to store and the spike."""
    left = multiply_shift_floor(own.leak, state.voltage, own.leak_fraction)
    membrane = keep("membrane", add(left, subtract(drive, owed(own, state.voltage))))
    spike = fires(own, membrane)
    return keep("voltage", after_spike(own, membrane, spike, state.voltage)), spike


def step(own: Values, state: Values, ports: Values, keep: Keep) -> tuple[dict[str, Value], Value]:
    """The equations of the module's docstring."""
    voltage, spike = integrate(own, state, add(ports.input, own.bias), keep)
    return {"voltage": voltage}, spike


LIF = NeuronType(
    name="lif",
    summary="leaky integrate-and-fire; strict or inclusive threshold; reset to a voltage, subtractive or none",
    registers=REGISTERS,
    coefficients=(LEAK, BIAS, THRESHOLD, RESET_TO),
    settings=(*SETTINGS, LEAK_FRACTION),
    ports=(Port("input"),),
    message_bits=1,
    step=step,
)
