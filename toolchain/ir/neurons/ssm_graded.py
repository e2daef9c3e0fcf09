"""SSM modes whose readout leaves as a graded message, rectified if so set.

    re', im', readout as in `ssm_lif`;  message = readout, or max(readout, 0) with `rectified`

| register | width      | overflow | stored | holds                          |
| drive    | 24         | saturate | no     | input of the state space       |
| state_re | state_bits | saturate | yes    | real parts, one a mode         |
| state_im | state_bits | saturate | yes    | imaginary parts, one a mode    |
| readout  | 24         | saturate | no     | output of the state space      |

The rectified form is the neuron of S4D on Loihi 2 (Meyer et al. 2024: ReLU in place of GLU).
"""

from __future__ import annotations

from toolchain.ir.integer import Value, add, greater, select
from toolchain.ir.neurons.base import Keep, NeuronType, Setting, Values
from toolchain.ir.neurons.poles import poles_inside_unit_disc
from toolchain.ir.neurons.ssm_lif import COEFFICIENTS, PORTS, REGISTERS, SETTINGS, advance_modes


def step(own: Values, state: Values, ports: Values, keep: Keep) -> tuple[dict[str, Value], Value]:
    """The equations of the module's docstring."""
    drive = keep("drive", add(ports.input, own.bias))
    re, im, readout = advance_modes(own, state, drive, keep)
    message = select(greater(readout, 0), readout, 0) if own.rectified else readout
    return {"state_re": re, "state_im": im}, message


SSM_GRADED = NeuronType(
    name="ssm_graded",
    summary="state-space modes whose readout is a graded message",
    registers=REGISTERS,
    coefficients=COEFFICIENTS,
    settings=(*SETTINGS, Setting("rectified", 0, 1, 0, "1: only positive readouts leave")),
    ports=PORTS,
    message_bits=24,
    step=step,
    rules=(poles_inside_unit_disc,),
)
