"""Real inputs -> integer payloads, and the host's decision from what a program returns."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from toolchain.errors import InputError
from toolchain.frontend.graph import FloatArray
from toolchain.ir.integer import IntArray, limits
from toolchain.ir.program import Input, Program
from toolchain.ir.trace import Trace


def encode(source: Input, values: FloatArray) -> tuple[IntArray, float]:
    """Round real inputs to payloads.

    Args:
        source: the program's input; a payload p stands for p * 2^-exponent.
        values: (sample, step, channel) reals.

    Returns:
        The payloads and the greatest rounding error, in real units.

    Raises:
        InputError: wrong shape, not finite, or beyond the payload's width.
    """
    values = np.asarray(values, dtype=np.float64)
    if values.ndim != 3 or values.shape[2] != source.size:
        expected = f"(samples, steps, {source.size})"
        raise InputError(source.name, f"data of shape {values.shape} instead of {expected}", "check the data's axes")
    if not np.isfinite(values).all():
        raise InputError(source.name, f"{int((~np.isfinite(values)).sum())} values are not finite", "clean the data")
    scale = 2.0**source.exponent
    payload = np.rint(values * scale)
    low, high = limits(source.bits)
    if values.size and (payload.min() < low or payload.max() > high):
        worst = float(values.max() if payload.max() > high else values.min())
        raise InputError(
            source.name,
            f"{worst:g} is beyond the payload's range {low / scale:g} .. {high / scale:g}",
            "calibrate with data that reach as far",
        )
    error = float(np.abs(values - payload / scale).max()) if values.size else 0.0
    return payload.astype(np.int64), error


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
