"""The resonate-and-fire neuron of Lava 0.10 `fixed_pt` (`PyRFModelFixed`), one oscillator a neuron.

With tz(x) rounding toward zero, each product by itself, and f = decay_bits:

    re'   = saturate24( tz(cos re / 2^f) - tz(sin im / 2^f) + real 2^state_exp )
    im'   = saturate24( tz(sin re / 2^f) + tz(cos im / 2^f) + imag 2^state_exp )
    spike = re' >= threshold and im' >= 0 and im < 0

| register | width | overflow | stored | holds                        |
| state_re | 24    | saturate | yes    | real part of the oscillator  |
| state_im | 24    | saturate | yes    | imaginary part               |

Nothing is reset. Lava has one sin and cos a population, here they are per neuron and signed, so a phase step may
exceed 90 degrees. Source: lava-nc 0.10.0 `lava/proc/rf/models.py`.
"""

from __future__ import annotations

from toolchain.ir.integer import (
    Overflow,
    Value,
    add,
    greater,
    greater_equal,
    multiply,
    multiply_shift_toward_zero,
    shift_left,
    subtract,
)
from toolchain.ir.neurons.base import Coefficient, Keep, NeuronType, Port, Register, Setting, Values


def step(own: Values, state: Values, ports: Values, keep: Keep) -> tuple[dict[str, Value], Value]:
    """The equations of the module's docstring."""
    bits = own.decay_bits
    turned = multiply_shift_toward_zero(own.cos_decay, state.state_re, bits)
    turned = subtract(turned, multiply_shift_toward_zero(own.sin_decay, state.state_im, bits))
    re = keep("state_re", add(turned, shift_left(ports.real, own.state_exp)))
    turned = multiply_shift_toward_zero(own.sin_decay, state.state_re, bits)
    turned = add(turned, multiply_shift_toward_zero(own.cos_decay, state.state_im, bits))
    im = keep("state_im", add(turned, shift_left(ports.imag, own.state_exp)))
    crossing = multiply(greater_equal(im, 0), greater(0, state.state_im))
    return {"state_re": re, "state_im": im}, multiply(greater_equal(re, own.threshold), crossing)


RESONATE_FIRE = NeuronType(
    name="resonate_fire",
    summary="Lava's fixed-point resonate-and-fire: spikes where the phase crosses zero at enough amplitude",
    registers=(
        Register("state_re", 24, Overflow.SATURATE, meaning="real part of the oscillator"),
        Register("state_im", 24, Overflow.SATURATE, meaning="imaginary part of the oscillator"),
    ),
    coefficients=(
        Coefficient("cos_decay", 17, meaning="decay times cosine of the phase step"),
        Coefficient("sin_decay", 17, meaning="decay times sine of the phase step"),
        Coefficient("threshold", 24, meaning="least real part that spikes"),
    ),
    settings=(
        Setting("decay_bits", 1, 16, 12, "fraction bits of cos_decay and sin_decay"),
        Setting("state_exp", 0, 12, 0, "fraction bits that the state has beyond the input"),
    ),
    ports=(Port("real", meaning="sum added to the real part"), Port("imag", meaning="sum added to the imaginary part")),
    message_bits=1,
    step=step,
)
