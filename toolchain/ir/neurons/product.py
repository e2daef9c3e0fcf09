"""A product of two sums, as in gated units and Lava's ProdNeuron.

    message = floor((left + left_bias) (right + right_bias) / 2^shift), rectified if so set

| register | width | overflow | stored | holds             |
| first    | 24    | saturate | no     | what came at left |
| second   | 24    | saturate | no     | what came at right |
| product  | 24    | saturate | no     | the shifted product |

Source: lava-nc 0.10 `prodneuron` computes (a1 * a2) >> exp with floor; threshold and int32 limits differ.
"""

from __future__ import annotations

from toolchain.ir.integer import Overflow, Value, add, greater, multiply_shift_floor, select
from toolchain.ir.neurons.base import Coefficient, Keep, NeuronType, Port, Register, Setting, Values


def step(own: Values, state: Values, ports: Values, keep: Keep) -> tuple[dict[str, Value], Value]:
    """The equation of the module's docstring."""
    first = keep("first", add(ports.left, own.left_bias))
    second = keep("second", add(ports.right, own.right_bias))
    product = keep("product", multiply_shift_floor(first, second, own.shift))
    return {}, select(greater(product, 0), product, 0) if own.rectified else product


PRODUCT = NeuronType(
    name="product",
    summary="multiplies the sums at its two ports and shifts",
    registers=(
        Register("first", 24, Overflow.SATURATE, stored=False, meaning="what came at left, + bias"),
        Register("second", 24, Overflow.SATURATE, stored=False, meaning="what came at right, + bias"),
        Register("product", 24, Overflow.SATURATE, stored=False, meaning="the shifted product"),
    ),
    coefficients=(
        Coefficient("left_bias", 24, default=0, meaning="constant added at left"),
        Coefficient("right_bias", 24, default=0, meaning="constant added at right"),
    ),
    settings=(
        Setting("shift", 0, 31, 0, "exponent of the product"),
        Setting("rectified", 0, 1, 0, "1: only positive products leave"),
    ),
    ports=(Port("left"), Port("right")),
    message_bits=24,
    step=step,
)
