"""What holds of primitives in every language whose expressions are scalars."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from exporters.scalar.walk import Value
from toolchain.bounds.ranges import Range
from toolchain.errors import UnsupportedError

Write = Callable[..., Value]
"""(range of the result, operands) -> expression."""

MOST_BITS = 62
"""2^0 .. 2^62 are the powers of two that 64 bits hold."""


def write_by(writers: Mapping[str, Write], language: str, name: str, result: Range, operands: list[Value]) -> Value:
    """One primitive's expression.

    Raises:
        UnsupportedError: it has no form in the language.
    """
    if name not in writers:
        raise UnsupportedError("step", f"primitive {name!r} has no {language} form", "add one to exporters")
    return writers[name](result, *operands)


def check_shift(bits: Value) -> None:
    """A shift is by bits that 64 bits have.

    Raises:
        UnsupportedError: it may be by others.
    """
    if bits.range[0] < 0 or bits.range[1] > MOST_BITS:
        raise UnsupportedError("shift", f"by {bits.range[0]} .. {bits.range[1]} bits", "use another simulator")


def width_of(bits: Value) -> int:
    """The width of a register.

    Raises:
        UnsupportedError: it is not a constant.
    """
    if bits.number is None:
        raise UnsupportedError("register", "has a width that is not a constant", "make the width a setting")
    return bits.number


def within(a: Value, low: int, high: int) -> bool:
    """Whether a value is proven to lie there."""
    return low <= a.range[0] and a.range[1] <= high


def same(result: Range, a: Value) -> Value:
    """A neuron's value for each of its modes."""
    return a
