"""How the input becomes integers: exactly where its values allow it, else finely, and not at the mercy of one outlier.

Ways are tried in this order, and the first that serves is taken:

    exact     all values are multiples of one power of two and fit `input_bits` with head-room; whole numbers up to
              the payload's 24 bits
    usual     `input_bits`, the finest power of two at which the peak fits with head-room
    wide      as many bits more, up to 24, as the typical value needs, where outliers make the usual too coarse

Payloads of more than `input_bits` make room for sums that the weights may pay for: `lower.scales` takes them only where
what a typical value brings is still told apart finely. Where none serves, calibration data are clipped to the range of
99 % of their non-zero values (`lower.pipeline.calibrated`), and what lies beyond is clipped and counted.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from toolchain.frontend.graph import FloatArray
from toolchain.ir.program import PAYLOAD_BITS
from toolchain.quantize.settings import Settings

MAX_INPUT_EXPONENT = 16
USUAL_SHARE = 0.99
"""Share of the non-zero values that a clipped payload holds."""
TYPICAL_STEPS = 16.0
"""Least number of payload steps that the median of the non-zero values is given."""
LOOKED_AT = 1 << 22
"""Values of which quantiles are taken, spread evenly."""
SMALLEST = 2.0**-20


@dataclass(frozen=True)
class InputStatistics:
    """What calibration data hold.

    Attributes:
        peak: greatest magnitude.
        exponent: least e for which every value times 2^e is an integer, None if there is none up to 16.
        typical: median magnitude of the values that are not 0; 0 where all are.
        usual: the magnitude that `USUAL_SHARE` of them do not pass.
        one_hot: whether exactly one channel is 1 and the others 0 at every step, as symbols enter: nothing greater
            can follow.
    """

    peak: float
    exponent: int | None
    typical: float
    usual: float
    one_hot: bool


@dataclass(frozen=True)
class InputForm:
    """A payload: p stands for p * 2^-exponent.

    Attributes:
        exponent, bits: of the payload.
        safe: whether it is taken without looking at what it leaves of the weights.
        coarse: whether a typical value is less than `TYPICAL_STEPS` of its steps.
    """

    exponent: int
    bits: int
    safe: bool = True
    coarse: bool = False


def input_statistics(data: FloatArray) -> InputStatistics:
    """Look at calibration inputs, (sample, step, channel)."""
    flat = np.abs(data.reshape(-1)[:: -(-data.size // LOOKED_AT)])
    held = flat[flat > 0]
    typical, usual = np.quantile(held, [0.5, USUAL_SHARE], method="lower") if held.size else (0.0, 0.0)
    return InputStatistics(float(np.abs(data).max()), _exponent(data), float(typical), float(usual), _is_one_hot(data))


def _is_one_hot(data: FloatArray) -> bool:
    if data.shape[-1] < 2 or not np.isin(data[:1], (0.0, 1.0)).all():
        return False
    return bool(np.isin(data, (0.0, 1.0)).all() and (data.sum(axis=-1) == 1).all())


def _exponent(data: FloatArray) -> int | None:
    for exponent in range(MAX_INPUT_EXPONENT + 1):
        scaled = data * 2.0**exponent
        if np.array_equal(scaled, np.rint(scaled)):
            return exponent
    return None


def input_forms(seen: InputStatistics, settings: Settings) -> Iterator[InputForm]:
    """The payloads to try, in order; the last one is safe, and no other."""
    if seen.exponent is not None:
        bits = _held_bits(seen.peak, seen.exponent, 1.0 if seen.one_hot else settings.input_headroom)
        safe = bits <= settings.input_bits
        if safe or (seen.exponent == 0 and bits <= PAYLOAD_BITS):
            yield InputForm(seen.exponent, bits, safe)
        if safe:
            return
    usual = settings.input_bits - 1 - bits_above(max(seen.peak, SMALLEST) * settings.input_headroom)
    lacking = 0 if seen.typical <= 0 else math.ceil(math.log2(TYPICAL_STEPS / seen.typical)) - usual
    if lacking > 0 and settings.input_bits + lacking <= PAYLOAD_BITS:
        yield InputForm(usual + lacking, settings.input_bits + lacking, safe=False)
    yield InputForm(usual, settings.input_bits, coarse=lacking > 0)


def _held_bits(peak: float, exponent: int, headroom: float) -> int:
    """Width at which multiples of 2^-exponent up to the peak and its head-room fit, both ends alike."""
    return max(2, math.ceil(peak * headroom * 2.0**exponent).bit_length() + 1)


def bits_above(value: float) -> int:
    """The least n with value < 2^n."""
    return math.frexp(value)[1]
