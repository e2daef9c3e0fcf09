"""The soma of an SSM neuron whose modes are neurons of their own: adds up their messages and spikes.

    readout = modes;  v' = floor(leak v / 2^(leak_bits - 1)) + readout;  spike = v' >= threshold, and then v' = 0

| register | width | overflow | stored | holds                         |
| readout  | 24    | saturate | no     | sum of the modes' messages    |
| voltage  | 24    | saturate | yes    | membrane voltage of the soma  |

The port has 32 bits, as the sum over modes inside an `ssm_lif` has: up to 255 messages of 24 bits are added exactly and
saturate once. With `leak` = 0 it is the threshold of `ssm_threshold`. The layout of one neuron a mode, summed by a
projection, is the one published for S4D on Loihi 2 (Meyer et al. 2024).
"""

from __future__ import annotations

from toolchain.ir.integer import Overflow, Value, add, greater_equal, multiply_shift_floor, select
from toolchain.ir.neurons.base import Coefficient, Keep, NeuronType, Port, Register, Values
from toolchain.ir.neurons.ssm_lif import LEAK, LEAK_BITS


def step(own: Values, state: Values, ports: Values, keep: Keep) -> tuple[dict[str, Value], Value]:
    """The equations of the module's docstring."""
    readout = keep("readout", ports.modes)
    leaked = multiply_shift_floor(own.leak, state.voltage, own.leak_bits - 1)
    voltage = keep("voltage", add(leaked, readout))
    spike = greater_equal(voltage, own.threshold)
    return {"voltage": select(spike, 0, voltage)}, spike


SSM_SOMA = NeuronType(
    name="ssm_soma",
    summary="adds up the messages of modes that are neurons of their own; >= threshold, hard reset",
    registers=(
        Register("readout", 24, Overflow.SATURATE, stored=False, meaning="sum of the modes' messages"),
        Register("voltage", 24, Overflow.SATURATE, meaning="membrane voltage of the soma"),
    ),
    coefficients=(
        LEAK,
        Coefficient("threshold", 24, meaning="spike where the voltage reaches it"),
    ),
    settings=(LEAK_BITS,),
    ports=(Port("modes", bits=32, meaning="sum of the modes' messages"),),
    message_bits=1,
    step=step,
)
