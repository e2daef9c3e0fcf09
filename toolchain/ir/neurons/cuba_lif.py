"""The current-based LIF of Lava 0.10 `fixed_pt` (`PyLifModelBitAcc`), register by register.

With tz(x) rounding toward zero:

    current' = wrap24( tz(current (4095 - du) / 2^12) + input 2^6 )
    voltage' = saturate24( tz(voltage (4096 - dv) / 2^12) + current' + bias )
    bias     = bias_mant 2^bias_exp
    spike    = voltage' > vth 2^6 (strictly), and then voltage' = 0; the current is kept

| register | width | overflow | stored | holds            |
| current  | 24    | wrap     | yes    | synaptic current |
| voltage  | 24    | saturate | yes    | membrane voltage |

`du` = 4095 keeps nothing of the current. Source: lava-nc 0.10.0 `lava/proc/lif/models.py`, read and run. One known
disagreement: at a current of exactly +-2^23 Lava leaves signed 24 bits, and it wraps only once; here `wrap` is two's
complement.
"""

from __future__ import annotations

from toolchain.ir.integer import (
    Overflow,
    Value,
    add,
    greater,
    multiply_shift_toward_zero,
    select,
    shift_left,
    subtract,
)
from toolchain.ir.neurons.base import Coefficient, Keep, NeuronType, Port, Register, Setting, Values

DECAY_BITS = 12
MANTISSA_SHIFT = 6


def step(own: Values, state: Values, ports: Values, keep: Keep) -> tuple[dict[str, Value], Value]:
    """The equations of the module's docstring."""
    left = multiply_shift_toward_zero(state.current, subtract(4095, own.du), DECAY_BITS)
    current = keep("current", add(left, shift_left(ports.input, MANTISSA_SHIFT)))
    leaked = multiply_shift_toward_zero(state.voltage, subtract(4096, own.dv), DECAY_BITS)
    bias = shift_left(own.bias_mant, own.bias_exp)
    voltage = keep("voltage", add(add(leaked, current), bias))
    spike = greater(voltage, shift_left(own.vth, MANTISSA_SHIFT))
    return {"current": current, "voltage": select(spike, 0, voltage)}, spike


CUBA_LIF = NeuronType(
    name="cuba_lif",
    summary="Lava's fixed-point current-based LIF: strict threshold, reset to zero",
    registers=(
        Register("current", 24, Overflow.WRAP, meaning="synaptic current"),
        Register("voltage", 24, Overflow.SATURATE, meaning="membrane voltage"),
    ),
    coefficients=(
        Coefficient("du", 12, signed=False, default=4095, meaning="decay of the current, in 4096ths, less one"),
        Coefficient("dv", 12, signed=False, default=0, meaning="decay of the voltage, in 4096ths"),
        Coefficient("vth", 17, signed=False, meaning="threshold, in units of 2^6"),
        Coefficient("bias_mant", 13, default=0, meaning="constant added to the voltage: mantissa"),
    ),
    settings=(Setting("bias_exp", 0, 7, 0, "constant added to the voltage: exponent"),),
    ports=(Port("input"),),
    message_bits=1,
    step=step,
)
