"""SSM modes with a stateless threshold: one channel of a Binary S4D block (Stan & Rhodes 2023).

    re', im', readout as in `ssm_lif`;  spike = readout >= threshold

| register | width      | overflow | stored | holds                          |
| drive    | 24         | saturate | no     | input of the state space       |
| state_re | state_bits | saturate | yes    | real parts, one a mode         |
| state_im | state_bits | saturate | yes    | imaginary parts, one a mode    |
| readout  | 24         | saturate | no     | output of the state space      |

There is no membrane, no leak and no reset: all memory is in the modes.
"""

from __future__ import annotations

from toolchain.ir.integer import Value, add, greater_equal
from toolchain.ir.neurons.base import Coefficient, Keep, NeuronType, Values
from toolchain.ir.neurons.poles import poles_inside_unit_disc
from toolchain.ir.neurons.ssm_lif import COEFFICIENTS, PORTS, REGISTERS, SETTINGS, advance_modes


def step(own: Values, state: Values, ports: Values, keep: Keep) -> tuple[dict[str, Value], Value]:
    """The equations of the module's docstring."""
    drive = keep("drive", add(ports.input, own.bias))
    re, im, readout = advance_modes(own, state, drive, keep)
    return {"state_re": re, "state_im": im}, greater_equal(readout, own.threshold)


SSM_THRESHOLD = NeuronType(
    name="ssm_threshold",
    summary="state-space modes with a stateless >= threshold",
    registers=REGISTERS,
    coefficients=(*COEFFICIENTS, Coefficient("threshold", 24, meaning="spike where the readout reaches it")),
    settings=SETTINGS,
    ports=PORTS,
    message_bits=1,
    step=step,
    rules=(poles_inside_unit_disc,),
)
