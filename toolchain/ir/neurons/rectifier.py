"""A rectifier, and a ternary quantizer for gated spiking units: stateless functions of what arrives.

    value = input + bias
    `rectifier`: message = max(value, 0)
    `ternary`:   message = (1 where value >= threshold) - (1 where -value >= threshold)

| register | width | overflow | stored | holds               |
| value    | 24    | saturate | no     | what arrived + bias |

`ternary` is Ter(y) of the GSU (Stan & Rhodes 2023) with a constant threshold a channel in place of 0.15 max|y|.
"""

from __future__ import annotations

from toolchain.ir.integer import Overflow, Value, add, greater, greater_equal, select, subtract
from toolchain.ir.neurons.base import Coefficient, Keep, NeuronType, Port, Register, Values

REGISTERS = (Register("value", 24, Overflow.SATURATE, stored=False, meaning="what arrived + bias"),)
BIAS = Coefficient("bias", 24, default=0, meaning="constant added each step")


def rectify(own: Values, state: Values, ports: Values, keep: Keep) -> tuple[dict[str, Value], Value]:
    """message = max(input + bias, 0)."""
    value = keep("value", add(ports.input, own.bias))
    return {}, select(greater(value, 0), value, 0)


def ternarize(own: Values, state: Values, ports: Values, keep: Keep) -> tuple[dict[str, Value], Value]:
    """message = sign of input + bias where its magnitude reaches the threshold."""
    value = keep("value", add(ports.input, own.bias))
    return {}, subtract(greater_equal(value, own.threshold), greater_equal(subtract(0, value), own.threshold))


RECTIFIER = NeuronType(
    name="rectifier",
    summary="passes the positive part of the sum of what arrives on as a graded message",
    registers=REGISTERS,
    coefficients=(BIAS,),
    settings=(),
    ports=(Port("input"),),
    message_bits=24,
    step=rectify,
)

TERNARY = NeuronType(
    name="ternary",
    summary="sends the sign of what arrives where its magnitude reaches a threshold",
    registers=REGISTERS,
    coefficients=(BIAS, Coefficient("threshold", 23, signed=False, meaning="least magnitude that is sent")),
    settings=(),
    ports=(Port("input"),),
    message_bits=2,
    step=ternarize,
)
