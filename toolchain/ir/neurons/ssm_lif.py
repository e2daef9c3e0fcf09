"""SSM modes with a leaky integrate-and-fire soma: one channel of a SpikingSSM block.

Equations, per neuron with modes n (floor at every multiply-shift, each product by itself):

    drive   = input + bias
    re_n'   = floor(a_re_n re_n / 2^a_fraction) - floor(a_im_n im_n / 2^a_fraction) + drive 2^input_shift
    im_n'   = floor(a_re_n im_n / 2^a_fraction) + floor(a_im_n re_n / 2^a_fraction)
    readout = sum_n [ floor(c_re_n re_n' / 2^c_shift) - floor(c_im_n im_n' / 2^c_shift) ] + floor(d drive / 2^d_shift)
    v'      = floor(leak v / 2^(leak_bits - 1)) + readout
    spike   = v' >= threshold, and then v' = 0

| register | width      | overflow | stored | holds                          |
| drive    | 24         | saturate | no     | input of the state space       |
| state_re | state_bits | saturate | yes    | real parts, one a mode         |
| state_im | state_bits | saturate | yes    | imaginary parts, one a mode    |
| readout  | 24         | saturate | no     | output of the state space      |
| voltage  | 24         | saturate | yes    | membrane voltage of the soma   |

Source: S4D (Gu et al. 2022) in step form with B folded into C; soma of SpikingSSMs (Shen et al. 2024, eqs 1-4) with
leak 1/8 (`leak` = 512) and hard reset. The conjugate modes' factor 2 is folded into C. Floor per product is the
rule of IntelLabs' SparseRNNs scan.
"""

from __future__ import annotations

from toolchain.ir.integer import (
    Overflow,
    Value,
    add,
    each_mode,
    greater_equal,
    multiply_shift_floor,
    select,
    shift_left,
    subtract,
    sum_modes,
)
from toolchain.ir.neurons.base import Coefficient, Keep, NeuronType, Port, Register, Setting, Values
from toolchain.ir.neurons.poles import poles_inside_unit_disc

LEAK_BITS = Setting("leak_bits", 9, 21, 13, "width of the leak; slow somas need more")
LEAK = Coefficient(
    "leak", "leak_bits", signed=False, default=512, meaning="share of the voltage kept, leak_bits - 1 fraction bits"
)

REGISTERS = (
    Register("drive", 24, Overflow.SATURATE, stored=False, meaning="input of the state space"),
    Register("state_re", "state_bits", Overflow.SATURATE, per="mode", meaning="real parts of the modes"),
    Register("state_im", "state_bits", Overflow.SATURATE, per="mode", meaning="imaginary parts of the modes"),
    Register("readout", 24, Overflow.SATURATE, stored=False, meaning="output of the state space"),
)

COEFFICIENTS = (
    Coefficient("a_re", "a_bits", per="mode", meaning="real part of A-bar, a_bits - 1 fraction bits"),
    Coefficient("a_im", "a_bits", per="mode", meaning="imaginary part of A-bar, a_bits - 1 fraction bits"),
    Coefficient("c_re", "c_bits", per="mode", meaning="real part of C, in the neuron's own scale"),
    Coefficient("c_im", "c_bits", per="mode", meaning="imaginary part of C, in the neuron's own scale"),
    Coefficient("d", "c_bits", default=0, meaning="skip D, in the neuron's own scale"),
    Coefficient("d_shift", 5, signed=False, default=0, meaning="exponent of the skip, one a neuron"),
    Coefficient("bias", 24, default=0, meaning="constant added to the input at accumulator precision"),
)

SETTINGS = (
    Setting("a_bits", 2, 24, 16, "width of A-bar"),
    Setting("c_bits", 2, 16, 8, "width of C and D"),
    Setting("state_bits", 8, 32, 24, "width of the state"),
    Setting("input_shift", 0, 16, 0, "fraction bits that the state has beyond the input"),
    Setting("c_shift", 0, 31, 0, "exponent of the readout"),
)

PORTS = (Port("input"),)


def advance_modes(own: Values, state: Values, drive: Value, keep: Keep) -> tuple[Value, Value, Value]:
    """One step of the state space: its new real and imaginary parts and its readout."""
    fraction = own.a_bits - 1
    re = multiply_shift_floor(own.a_re, state.state_re, fraction)
    re = subtract(re, multiply_shift_floor(own.a_im, state.state_im, fraction))
    re = keep("state_re", add(re, each_mode(shift_left(drive, own.input_shift))))
    im = multiply_shift_floor(own.a_re, state.state_im, fraction)
    im = keep("state_im", add(im, multiply_shift_floor(own.a_im, state.state_re, fraction)))
    seen = multiply_shift_floor(own.c_re, re, own.c_shift)
    seen = subtract(seen, multiply_shift_floor(own.c_im, im, own.c_shift))
    skip = multiply_shift_floor(own.d, drive, own.d_shift)
    return re, im, keep("readout", add(sum_modes(seen), skip))


def step(own: Values, state: Values, ports: Values, keep: Keep) -> tuple[dict[str, Value], Value]:
    """The equations of the module's docstring."""
    drive = keep("drive", add(ports.input, own.bias))
    re, im, readout = advance_modes(own, state, drive, keep)
    leaked = multiply_shift_floor(own.leak, state.voltage, own.leak_bits - 1)
    voltage = keep("voltage", add(leaked, readout))
    spike = greater_equal(voltage, own.threshold)
    return {"state_re": re, "state_im": im, "voltage": select(spike, 0, voltage)}, spike


SSM_LIF = NeuronType(
    name="ssm_lif",
    summary="state-space modes with a leaky integrate-and-fire soma, >= threshold, hard reset",
    registers=(*REGISTERS, Register("voltage", 24, Overflow.SATURATE, meaning="membrane voltage of the soma")),
    coefficients=(
        *COEFFICIENTS,
        LEAK,
        Coefficient("threshold", 24, meaning="spike where the voltage reaches it"),
    ),
    settings=(*SETTINGS, LEAK_BITS),
    ports=PORTS,
    message_bits=1,
    step=step,
    rules=(poles_inside_unit_disc,),
)
