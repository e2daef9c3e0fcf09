"""Real inputs -> payloads, by the rules that the program's inputs state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from toolchain.errors import InputError
from toolchain.host.plain import payloads
from toolchain.ir.integer import IntArray, limits
from toolchain.ir.program import Input, Program

FloatArray = NDArray[np.float64]


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


def encode(source: Input, values: NDArray[Any]) -> tuple[IntArray, float]:
    """Round real inputs to payloads.

    Args:
        source: the program's input; a payload p stands for p * 2^-exponent.
        values: (sample, step, channel) reals.

    Returns:
        The payloads and the greatest rounding error of values within the range, in real units.

    Raises:
        InputError: wrong shape, not finite, or beyond the payload's width where the input refuses that.
    """
    encoded = encode_counted(source, values)
    return encoded.payload, encoded.error


def encode_counted(source: Input, values: NDArray[Any]) -> Encoded:
    """The same, counting the values beyond the payload's width, which took its end.

    Raises:
        InputError: as `encode`.
    """
    values = np.asarray(values, dtype=np.float64)
    if values.ndim != 3 or values.shape[2] != source.size:
        expected = f"(samples, steps, {source.size})"
        raise InputError(source.name, f"data of shape {values.shape} instead of {expected}", "check the data's axes")
    if not np.isfinite(values).all():
        raise InputError(source.name, f"{int((~np.isfinite(values)).sum())} values are not finite", "clean the data")
    payload, outside = payloads(values, source.bits, source.exponent)
    if outside.any() and source.overflow == "refuse":
        raise _beyond(source, values, outside)
    error = float(np.abs(values - payload * 2.0**-source.exponent).max(initial=0.0, where=~outside))
    reach = float(np.abs(values).max()) if values.size else 0.0
    vanished = int(np.count_nonzero((payload == 0) & (values != 0)))
    return Encoded(payload, error, int(np.count_nonzero(outside)), reach, vanished)


def encode_all(program: Program, values: NDArray[Any]) -> dict[str, Encoded]:
    """Every input of a program, from one array that has their channels side by side, (sample, step, channel).

    Raises:
        InputError: as `encode`.
    """
    widths = [source.size for source in program.inputs]
    values = np.asarray(values)
    if values.ndim != 3 or values.shape[2] != sum(widths):
        names = " + ".join(f"{source.name} {source.size}" for source in program.inputs)
        what = f"data of shape {values.shape} instead of (samples, steps, {sum(widths)})"
        raise InputError(program.name, what, f"give the channels of {names}")
    parts = np.split(values, np.cumsum(widths)[:-1], axis=2)
    return {source.name: encode_counted(source, part) for source, part in zip(program.inputs, parts, strict=True)}


def payloads_of(encoded: Mapping[str, Encoded]) -> dict[str, IntArray]:
    """What a simulator takes: the payloads of each input, (sample, step, channel)."""
    return {name: one.payload for name, one in encoded.items()}


def _beyond(source: Input, values: FloatArray, outside: NDArray[np.bool_]) -> InputError:
    low, high = (end * 2.0**-source.exponent for end in limits(source.bits))
    worst = values[outside]
    return InputError(
        source.name,
        f"{worst[np.argmax(np.abs(worst))]:g} is beyond the payload's range {low:g} .. {high:g}",
        "calibrate with data that reach as far, raise input_headroom, or set input_overflow to saturate",
    )
