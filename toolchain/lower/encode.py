"""Real inputs -> integer payloads, and the host's decision from what a program returns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from toolchain.errors import InputError
from toolchain.frontend.graph import FloatArray
from toolchain.ir.integer import IntArray, limits
from toolchain.ir.program import Input, Program
from toolchain.ir.trace import Trace


@dataclass(frozen=True, eq=False)
class Encoded:
    """Inputs as payloads.

    Attributes:
        payload: (sample, step, channel).
        error: greatest rounding error of a value within the payload's range, in real units.
        beyond: how many values lay beyond the range and were clipped to its end.
        reach: greatest magnitude among all values.
        vanished: how many values that are not 0 became 0.
    """

    payload: IntArray
    error: float
    beyond: int = 0
    reach: float = 0.0
    vanished: int = 0


def encode(source: Input, values: FloatArray) -> tuple[IntArray, float]:
    """Round real inputs to payloads; nothing is saturated.

    Args:
        source: the program's input; a payload p stands for p * 2^-exponent.
        values: (sample, step, channel) reals.

    Returns:
        The payloads and the greatest rounding error, in real units.

    Raises:
        InputError: wrong shape, not finite, or beyond the payload's width.
    """
    encoded = encode_counted(source, values, "refuse")
    return encoded.payload, encoded.error


def encode_counted(source: Input, values: FloatArray, overflow: str) -> Encoded:
    """Round real inputs to payloads, and count those beyond the payload's width.

    Args:
        source, values: as for `encode`.
        overflow: "saturate" to give what lies beyond the width its end; "refuse" to raise.

    Raises:
        InputError: wrong shape, not finite, or beyond the payload's width where that is refused.
    """
    values = np.asarray(values, dtype=np.float64)
    if values.ndim != 3 or values.shape[2] != source.size:
        expected = f"(samples, steps, {source.size})"
        raise InputError(source.name, f"data of shape {values.shape} instead of {expected}", "check the data's axes")
    if not np.isfinite(values).all():
        raise InputError(source.name, f"{int((~np.isfinite(values)).sum())} values are not finite", "clean the data")
    scale = 2.0**source.exponent
    low, high = limits(source.bits)
    payload = np.rint(values * scale)
    outside = (payload < low) | (payload > high)
    beyond = int(np.count_nonzero(outside))
    reach = float(np.abs(values).max()) if values.size else 0.0
    if beyond and overflow == "refuse":
        raise InputError(
            source.name,
            f"{_worst(values, payload, high):g} is beyond the payload's range {low / scale:g} .. {high / scale:g}",
            "calibrate with data that reach as far, raise input_headroom, or set input_overflow to saturate",
        )
    error = float(np.abs(values - payload / scale).max(initial=0.0, where=~outside))
    vanished = int(np.count_nonzero((payload == 0) & (values != 0)))
    return Encoded(np.clip(payload, low, high).astype(np.int64), error, beyond, reach, vanished)


def _worst(values: FloatArray, payload: FloatArray, high: int) -> float:
    return float(values.max() if payload.max() > high else values.min())


def output_values(program: Program, trace: Trace) -> Mapping[str, IntArray]:
    """What the host reads at the end of a run, by output: a register's last value or the number of messages."""
    values = {}
    for output in program.outputs:
        key = f"{output.population}.{output.register}"
        values[output.name] = trace.final[key] if output.register else trace.sent[output.population]
    return values


def decide(program: Program, trace: Trace) -> IntArray:
    """The class of each sample: the first output's greatest value, the lowest class on a tie; (sample,)."""
    first = program.outputs[0].name
    classes: IntArray = np.argmax(output_values(program, trace)[first], axis=1)
    return classes
