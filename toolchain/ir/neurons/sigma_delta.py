"""A sigma-delta neuron: integrates what arrives, sends changes of its activation only.

    sigma'     = sigma + input
    activation'= max(sigma' + bias, 0), or without the rectifier
    delta      = activation' - activation + residue
    message    = delta where |delta| >= threshold, else 0
    residue'   = delta - message

| register  | width | overflow | stored | holds                        |
| sigma     | 24    | saturate | yes    | sum of all received changes  |
| activation| 24    | saturate | yes    | activation of the last step  |
| delta     | 24    | saturate | no     | change to send               |
| residue   | 24    | saturate | yes    | change not sent yet          |

Lava 0.10's fixed-point SigmaDelta shifts the message right after the residue is formed, so that dropped bits are lost
and receivers drift; here nothing is lost (its `state_exp` = 0). Source: lava-nc 0.10.0 `lava/proc/sdn/models.py`.
"""

from __future__ import annotations

from toolchain.ir.integer import Overflow, Value, add, greater, greater_equal, select, subtract
from toolchain.ir.neurons.base import Coefficient, Keep, NeuronType, Port, Register, Setting, Values


def step(own: Values, state: Values, ports: Values, keep: Keep) -> tuple[dict[str, Value], Value]:
    """The equations of the module's docstring."""
    sigma = keep("sigma", add(state.sigma, ports.input))
    value = add(sigma, own.bias)
    activation = keep("activation", select(greater(value, 0), value, 0) if own.rectified else value)
    delta = keep("delta", add(subtract(activation, state.activation), state.residue))
    magnitude = select(greater(delta, 0), delta, subtract(0, delta))
    message = select(greater_equal(magnitude, own.threshold), delta, 0)
    residue = keep("residue", subtract(delta, message))
    return {"sigma": sigma, "activation": activation, "residue": residue}, message


SIGMA_DELTA = NeuronType(
    name="sigma_delta",
    summary="integrates changes and sends changes of its activation that reach a threshold",
    registers=(
        Register("sigma", 24, Overflow.SATURATE, meaning="sum of all received changes"),
        Register("activation", 24, Overflow.SATURATE, meaning="activation of the last step"),
        Register("delta", 24, Overflow.SATURATE, stored=False, meaning="change to send"),
        Register("residue", 24, Overflow.SATURATE, meaning="change not sent yet"),
    ),
    coefficients=(
        Coefficient("bias", 24, default=0, meaning="constant added to sigma"),
        Coefficient("threshold", 23, signed=False, meaning="least change that is sent"),
    ),
    settings=(Setting("rectified", 0, 1, 1, "1: ReLU activation; 0: identity"),),
    ports=(Port("input"),),
    message_bits=24,
    step=step,
)
