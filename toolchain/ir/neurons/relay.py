"""A relay: adds what arrives and passes the sum on as a graded message.

    value = input + bias;  message = value

| register | width        | overflow | stored | holds           |
| value    | message_bits | saturate | no     | the sum sent on |
"""

from __future__ import annotations

from toolchain.ir.integer import Overflow, Value, add
from toolchain.ir.neurons.base import Coefficient, Keep, NeuronType, Port, Register, Setting, Values


def step(own: Values, state: Values, ports: Values, keep: Keep) -> tuple[dict[str, Value], Value]:
    """The equation of the module's docstring."""
    return {}, keep("value", add(ports.input, own.bias))


RELAY = NeuronType(
    name="relay",
    summary="passes the sum of what arrives on as a graded message",
    registers=(Register("value", "message_bits", Overflow.SATURATE, stored=False, meaning="the sum sent on"),),
    coefficients=(Coefficient("bias", 24, default=0, meaning="constant added each step"),),
    settings=(Setting("message_bits", 2, 24, 24, "width of the message"),),
    ports=(Port("input"),),
    message_bits="message_bits",
    step=step,
)
