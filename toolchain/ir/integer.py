"""The only integer arithmetic on program values in this repository.

A `Program` means what these primitives say and nothing else. Each is defined on unbounded integers; the definition
stands in its docstring, and the tests hold the code to it exhaustively at small widths. Values are numpy int64
arrays (object arrays of Python ints work too, which is how the tests show that nothing exceeds int64); axes are
(sample, neuron) or (sample, neuron, mode). A value may also be symbolic: an operand with a method
`apply_primitive(name, operands)` receives the call instead, which is how `tracing` lists a neuron's arithmetic and
how an `Interval` bounds it, by the rule that stands above each definition.

Rounding is in the name: *floor* is an arithmetic shift (toward minus infinity), *toward_zero* drops the magnitude's
low bits. Two's complement width b holds -2^(b-1) .. 2^(b-1)-1; saturation is symmetric, as in Lava 0.10's LIF.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from functools import wraps
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from toolchain.errors import OverflowTrapError
from toolchain.ir.interval import (
    INTERVAL_RULES,
    Interval,
    IntervalRule,
    Primitive,
    choice,
    comparison,
    corners,
    difference,
    equality,
    interval,
    product_corners,
    table_entries,
    weighted,
    within,
)

Value: TypeAlias = Any
"""An int64 array, a Python int, or a symbol that stands for one."""

IntArray: TypeAlias = NDArray[np.int64]

PRIMITIVES: dict[str, Callable[..., Value]] = {}
"""Every primitive by name: the closed vocabulary that all backends implement."""


def _primitive(rule: IntervalRule) -> Callable[[Callable[..., Value]], Callable[..., Value]]:
    """Register a primitive with the rule of its intervals, and hand symbolic operands their own call."""

    def register(function: Callable[..., Value]) -> Callable[..., Value]:
        name = function.__name__

        @wraps(function)
        def dispatch(*operands: Value) -> Value:
            for operand in operands:
                if hasattr(operand, "apply_primitive"):
                    return operand.apply_primitive(name, operands)
            return function(*operands)

        PRIMITIVES[name], INTERVAL_RULES[name] = dispatch, (rule, function)
        return dispatch

    return register


def _flag(condition: Value) -> Value:
    """Turn a Boolean array into the integers 0 and 1."""
    return np.where(condition, 1, 0)


def limits(bits: int) -> tuple[int, int]:
    """Return the least and the greatest integer of a two's complement word of `bits`."""
    return -(1 << (bits - 1)), (1 << (bits - 1)) - 1


@_primitive(corners)
def add(a: Value, b: Value) -> Value:
    """a + b."""
    return np.add(a, b)


@_primitive(difference)
def subtract(a: Value, b: Value) -> Value:
    """a - b."""
    return np.subtract(a, b)


@_primitive(product_corners)
def multiply(a: Value, b: Value) -> Value:
    """a * b, exactly."""
    return np.multiply(a, b)


@_primitive(corners)
def shift_left(a: Value, bits: Value) -> Value:
    """a * 2^bits, for bits >= 0."""
    return np.left_shift(a, bits)


@_primitive(corners)
def shift_floor(a: Value, bits: Value) -> Value:
    """floor(a / 2^bits), for bits >= 0."""
    return np.right_shift(a, bits)


@_primitive(corners)
def multiply_shift_floor(a: Value, b: Value, bits: Value) -> Value:
    """floor(a * b / 2^bits): one product, one rounding, for bits >= 0."""
    return np.right_shift(np.multiply(a, b), bits)


@_primitive(corners)
def multiply_shift_toward_zero(a: Value, b: Value, bits: Value) -> Value:
    """sign(a * b) * floor(|a * b| / 2^bits): Lava's decay, for bits >= 0."""
    product = np.multiply(a, b)
    magnitude = np.right_shift(np.abs(product), bits)
    return np.where(np.less(product, 0), np.negative(magnitude), magnitude)


@_primitive(comparison)
def greater(a: Value, b: Value) -> Value:
    """1 where a > b, else 0."""
    return _flag(np.greater(a, b))


@_primitive(comparison)
def greater_equal(a: Value, b: Value) -> Value:
    """1 where a >= b, else 0."""
    return _flag(np.greater_equal(a, b))


@_primitive(equality)
def equal(a: Value, b: Value) -> Value:
    """1 where a = b, else 0."""
    return _flag(np.equal(a, b))


@_primitive(choice)
def select(condition: Value, a: Value, b: Value) -> Value:
    """a where the condition is not 0, else b."""
    return np.where(np.not_equal(condition, 0), a, b)


@_primitive(table_entries)
def lookup(table: Value, index: Value) -> Value:
    """table[min(max(index, 0), length - 1)]: an index past either end takes that end's entry."""
    entries = np.asarray(table)
    bounded = np.minimum(np.maximum(index, 0), len(entries) - 1)
    return entries[np.asarray(bounded, dtype=np.int64)]


@_primitive(corners)
def each_mode(a: Value) -> Value:
    """Give every mode of a neuron its neuron's value: (..., neuron) becomes (..., neuron, 1)."""
    return np.expand_dims(a, -1)


@_primitive(corners)
def sum_modes(a: Value) -> Value:
    """The sum over a neuron's modes: (..., neuron, mode) becomes (..., neuron)."""
    return np.sum(a, axis=-1)


@_primitive(weighted)
def weighted_sum(weights: Value, payload: Value) -> Value:
    """sum over j of weights[i, j] * payload[..., j], exactly and in any order.

    Args:
        weights: (target, source) integers; numpy array or scipy sparse array.
        payload: (sample, source) integers.

    Returns:
        (sample, target) integers.
    """
    return (weights @ payload.T).T


def _wrapped(_: Primitive, operands: tuple[Any, ...]) -> Interval:
    """Unchanged where it fits, else anything that the word holds."""
    value, (low, high) = interval(operands[0]), limits(operands[1])
    if within(value, low, high):
        return value
    inside = (value.low >= low) & (value.high <= high)
    return Interval(np.where(inside, value.low, low), np.where(inside, value.high, high))


def _saturated(primitive: Primitive, operands: tuple[Any, ...]) -> Interval:
    """Both ends; the very value where nothing is cut off, so that comparisons of it count for it."""
    value, (_, high) = interval(operands[0]), limits(operands[1])
    return value if within(value, -high, high) else corners(primitive, (value, operands[1]))


def _trapped(_: Primitive, operands: tuple[Any, ...]) -> Interval:
    """What fits: a trap ends the run."""
    value, (low, high) = interval(operands[0]), limits(operands[1])
    return (
        value if within(value, low, high) else Interval(np.clip(value.low, low, high), np.clip(value.high, low, high))
    )


@_primitive(_wrapped)
def wrap(a: Value, bits: Value) -> Value:
    """The integer congruent to a modulo 2^bits in -2^(bits-1) .. 2^(bits-1) - 1: two's complement."""
    half = 1 << (bits - 1)
    return np.subtract(np.mod(np.add(a, half), 2 * half), half)


@_primitive(_saturated)
def saturate(a: Value, bits: Value) -> Value:
    """The integer nearest to a in -(2^(bits-1) - 1) .. 2^(bits-1) - 1: symmetric, as Lava clips a voltage."""
    top = (1 << (bits - 1)) - 1
    return np.minimum(np.maximum(a, -top), top)


@_primitive(_trapped)
def trap(a: Value, bits: Value) -> Value:
    """a, where every element fits a two's complement word of `bits`; otherwise an error.

    Raises:
        OverflowTrapError: with the first element that doesn't fit.
    """
    low, high = limits(bits)
    values = np.asarray(a)
    outside = np.less(values, low) | np.greater(values, high)
    if np.any(outside):
        first = tuple(int(i) for i in np.argwhere(outside)[0])
        raise OverflowTrapError(
            f"element {first}",
            f"{int(values[first])} does not fit a signed {bits}-bit register ({low} .. {high})",
            "lower a weight exponent or rescale the layer",
        )
    return a


class Overflow(StrEnum):
    """What a register does with a value that does not fit it."""

    WRAP = "wrap"
    SATURATE = "saturate"
    TRAP = "trap"


def fit(value: Value, bits: int, rule: Overflow) -> Value:
    """Bring a value into a register of `bits` by the register's overflow rule."""
    return PRIMITIVES[rule.value](value, bits)
