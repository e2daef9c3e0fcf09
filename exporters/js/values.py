"""How JavaScript holds an integer, by what it can be.

flag     true or false
int      a number of 32 bits, as its bit operators take and give
double   a number up to 2^53, which a double holds exactly
big      a BigInt: what no double holds
"""

from __future__ import annotations

from exporters.scalar.walk import Value
from toolchain.bounds.ranges import Range, fits

EXACT_BITS = 54
"""-2^53 .. 2^53 - 1: each is a double, and so is the sum, difference or product of two that lies within."""


def kind_of(found: Range) -> str:
    """How a value of that range is held."""
    if fits(found, 32):
        return "int"
    return "double" if fits(found, EXACT_BITS) else "big"


def array_type(found: Range) -> str:
    """The narrowest typed array that holds every value of the range."""
    for bits in (8, 16, 32):
        if fits(found, bits):
            return f"Int{bits}Array"
    return "Float64Array" if fits(found, EXACT_BITS) else "BigInt64Array"


def number(value: int) -> Value:
    """A number in the code."""
    return Value(literal(value), kind_of((value, value)), (value, value))


def literal(value: int, *, big: bool = False) -> str:
    """A number, or a BigInt."""
    text = f"{value}n" if big or not fits((value, value), EXACT_BITS) else str(value)
    return f"({text})" if value < 0 else text


def to_number(value: Value) -> str:
    """The value as a number; it is one, or is known to be small enough."""
    if value.number is not None and fits(value.range, EXACT_BITS):
        return literal(value.number)
    if value.kind == "flag":
        return f"({value.text} ? 1 : 0)"
    return f"Number({value.text})" if value.kind == "big" else value.text


def to_big(value: Value) -> str:
    """The value as a BigInt."""
    if value.number is not None:
        return literal(value.number, big=True)
    if value.kind == "flag":
        return f"({value.text} ? 1n : 0n)"
    return value.text if value.kind == "big" else f"BigInt({value.text})"


def in_kind(value: Value, kind: str) -> str:
    """The value as a number or, for ``"big"``, as a BigInt."""
    return to_big(value) if kind == "big" else to_number(value)


def condition(value: Value) -> str:
    """Whether the value is not 0."""
    if value.kind == "flag":
        return value.text
    return f"({value.text} !== {'0n' if value.kind == 'big' else '0'})"
