"""How C holds an integer: in 32 bits where its range is proven to fit, otherwise in 64."""

from __future__ import annotations

from exporters.scalar.walk import Value
from toolchain.bounds.ranges import Range, fits
from toolchain.ir.integer import limits


def bits_of(found: Range) -> int:
    """Bits in which a value is computed."""
    return 32 if fits(found, 32) else 64


def stored_bits(found: Range) -> int:
    """Bits in which a value is kept in an array."""
    return next((bits for bits in (8, 16, 32) if fits(found, bits)), 64)


def type_name(bits: int) -> str:
    """The type of that width."""
    return f"int{bits}_t"


def number(value: int) -> Value:
    """A number in the code."""
    return Value(literal(value, bits_of((value, value))), f"int{bits_of((value, value))}", (value, value))


def literal(value: int, bits: int) -> str:
    """A constant of that width; the least of a width has no literal of its own."""
    least, _ = limits(bits)
    if value == least:
        return f"({literal(value + 1, bits)} - 1)"
    text = f"INT64_C({abs(value)})" if bits == 64 else str(abs(value))
    return f"(-{text})" if value < 0 else text


def in_bits(value: Value, bits: int) -> str:
    """The value in 32 or 64 bits, where it is known to fit."""
    if value.number is not None:
        return literal(value.number, bits)
    held = 64 if value.kind == "int64" else 32
    return value.text if held == bits else f"({type_name(bits)}){value.text}"


def condition(value: Value) -> str:
    """Whether the value is not 0."""
    return value.text if value.kind == "flag" else f"({value.text} != 0)"
