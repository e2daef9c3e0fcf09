"""An integrator: adds up what arrives over time; the host reads its register at the end.

    total' = total + input + bias;  no message

| register | width | overflow | stored | holds                |
| total    | 24    | saturate | yes    | the sum over time    |

A mean over time becomes this sum: the factor 1/length does not change which class is greatest.
"""

from __future__ import annotations

from toolchain.ir.integer import Overflow, Value, add
from toolchain.ir.neurons.base import Coefficient, Keep, NeuronType, Port, Register, Values


def step(own: Values, state: Values, ports: Values, keep: Keep) -> tuple[dict[str, Value], Value]:
    """The equation of the module's docstring."""
    total = keep("total", add(add(state.total, ports.input), own.bias))
    return {"total": total}, 0


INTEGRATOR = NeuronType(
    name="integrator",
    summary="adds up what arrives over time; read by the host, emits nothing",
    registers=(Register("total", 24, Overflow.SATURATE, meaning="the sum over time"),),
    coefficients=(Coefficient("bias", 24, default=0, meaning="constant added each step"),),
    settings=(),
    ports=(Port("input"),),
    message_bits=0,
    step=step,
)
