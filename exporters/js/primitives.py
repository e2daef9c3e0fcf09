"""The primitives of `toolchain.ir.integer` as expressions of JavaScript, exact by the ranges of what they meet.

Numbers are doubles: sums, differences and products up to 2^53 are exact, and so is a division by a power of two, so
that a floor shift is `Math.floor(a / 2^k)`. Where 32 bits are enough, bit operators and `Math.imul` do the same. Only
what may need more than 53 bits is a BigInt.
"""

from __future__ import annotations

from exporters.js.values import EXACT_BITS, condition, in_kind, kind_of, literal, number, to_big, to_number
from exporters.scalar.halves import halves, product_range
from exporters.scalar.rules import Write, check_shift, same, width_of, within, write_by
from exporters.scalar.walk import Value
from toolchain.bounds.ranges import Range, fits
from toolchain.ir.integer import limits, shift_left

POWERS = "POWERS"
"""The module's table of 2^0 .. 2^62 as doubles."""


def write_primitive(name: str, result: Range, operands: list[Value]) -> Value:
    """One primitive.

    Raises:
        UnsupportedError: it has no form here.
    """
    return write_by(WRITERS, "JavaScript", name, result, operands)


def _made(text: str, result: Range, computed: str) -> Value:
    """A result that was computed as a number or a BigInt, in the kind that its range has."""
    kind = kind_of(result)
    if computed == "big" and kind != "big":
        return Value(f"Number({text})", kind, result)
    return Value(f"({text} | 0)" if kind == "int" and computed == "double" else f"({text})", kind, result)


def _computed(*ranges: Range) -> str:
    """As what something is computed whose operands and result have these ranges."""
    return "double" if all(fits(found, EXACT_BITS) for found in ranges) else "big"


def _sum(sign: str) -> Write:
    def write(result: Range, a: Value, b: Value) -> Value:
        kind = _computed(result, a.range, b.range)
        return _made(f"{in_kind(a, kind)} {sign} {in_kind(b, kind)}", result, kind)

    return write


def _product(a: Value, b: Value) -> Value:
    """a * b in the kind of its own range."""
    whole = product_range(a.range, b.range)
    if fits(whole, 32) and fits(a.range, 32) and fits(b.range, 32):
        return Value(f"Math.imul({to_number(a)}, {to_number(b)})", "int", whole)
    kind = _computed(whole, a.range, b.range)
    return Value(f"({in_kind(a, kind)} * {in_kind(b, kind)})", kind, whole)


def multiply(result: Range, a: Value, b: Value) -> Value:
    """a * b."""
    whole = _product(a, b)
    return _made(whole.text, result, "int" if whole.kind == "int" else whole.kind)


def _power(bits: Value, *, big: bool) -> str:
    if bits.number is not None:
        # A power of two is a double of its own, however large.
        return f"{int(shift_left(1, bits.number))}{'n' if big else ''}"
    return f"(1n << {to_big(bits)})" if big else f"{POWERS}[{to_number(bits)}]"


def raise_(result: Range, a: Value, bits: Value) -> Value:
    """a * 2^bits."""
    check_shift(bits)
    kind = _computed(result, a.range)
    if kind == "double" and fits(result, 32) and fits(a.range, 32) and bits.range[1] < 32:
        return Value(f"({to_number(a)} << {to_number(bits)})", "int", result)
    return _made(f"{in_kind(a, kind)} * {_power(bits, big=kind == 'big')}", result, kind)


def shift_floor(result: Range, a: Value, bits: Value) -> Value:
    """floor(a / 2^bits)."""
    check_shift(bits)
    if a.kind == "big":
        return _made(f"{a.text} >> {to_big(bits)}", result, "big")
    if fits(a.range, 32) and (bits.number is not None or bits.range[1] < 32):
        # A shift by 32 would be none; by 31 it leaves the sign, which is the floor of any longer one too.
        by = to_number(bits) if bits.number is None else str(min(bits.number, 31))
        return Value(f"({to_number(a)} >> {by})", "int", result)
    return _made(f"Math.floor({to_number(a)} / {_power(bits, big=False)})", result, "double")


def multiply_shift_floor(result: Range, a: Value, b: Value, bits: Value) -> Value:
    """floor(a b / 2^bits); two integer products are quicker than one of doubles and its rounding."""
    check_shift(bits)
    if (found := halves(result, a, b, bits)) is not None and bits.number is not None:
        factor, split, low = to_number(found.factor), to_number(found.split), found.low
        upper = f"Math.imul({factor}, {split} >> {low})"
        lower = f"(Math.imul({factor}, {split} & {int(shift_left(1, low)) - 1}) >> {low})"
        whole = f"({upper} + {lower}"
        text = f"{whole} | 0)" if bits.number == low else f"({whole}) >> {bits.number - low})"
        return Value(text, "int", result)
    return shift_floor(result, _product(a, b), bits)


def multiply_shift_toward_zero(result: Range, a: Value, b: Value, bits: Value) -> Value:
    """sign(a b) floor(|a b| / 2^bits)."""
    check_shift(bits)
    whole = _product(a, b)
    if whole.kind == "big":
        return _made(f"{whole.text} / {_power(bits, big=True)}", result, "big")
    return _made(f"Math.trunc({whole.text} / {_power(bits, big=False)})", result, "double")


def _comparison(sign: str) -> Write:
    def write(result: Range, a: Value, b: Value) -> Value:
        kind = _computed(a.range, b.range)
        return Value(f"({in_kind(a, kind)} {sign} {in_kind(b, kind)})", "flag", result)

    return write


def select(result: Range, chosen: Value, a: Value, b: Value) -> Value:
    """a where the condition is not 0, else b."""
    if chosen.number is not None:
        only = a if chosen.number else b
        return Value(only.text, only.kind, only.range)
    kind = kind_of(result)
    return Value(f"({condition(chosen)} ? {in_kind(a, kind)} : {in_kind(b, kind)})", kind, result)


def wrap(result: Range, a: Value, bits: Value) -> Value:
    """The two's complement word."""
    width = width_of(bits)
    if fits(a.range, width):
        return a
    if a.kind == "big" or width > 32:
        return _made(f"BigInt.asIntN({width}, {to_big(a)})", result, "big")
    # Bit operators take a double modulo 2^32.
    spare = 32 - width
    return Value(f"({to_number(a)} << {spare} >> {spare})", "int", result)


def saturate(result: Range, a: Value, bits: Value) -> Value:
    """The nearest number of the symmetric range."""
    top = limits(width_of(bits))[1]
    if within(a, -top, top):
        return a
    kind = kind_of(result)
    low, high = (literal(end, big=kind == "big") for end in (-top, top))
    return Value(f"({a.text} > {high} ? {high} : {a.text} < {low} ? {low} : {in_kind(a, kind)})", kind, result)


def trap(result: Range, a: Value, bits: Value) -> Value:
    """The value; the step counts it where it does not fit, and throws."""
    return Value(in_kind(a, kind_of(result)), kind_of(result), result)


def lookup(result: Range, table: Value, index: Value) -> Value:
    """table[min(max(index, 0), length - 1)]."""
    last, at = f"{table.text}.length - 1", to_number(index)
    return Value(f"{table.text}[{at} < 0 ? 0 : {at} > {last} ? {last} : {at}]", "element", result)


WRITERS: dict[str, Write] = {
    "add": _sum("+"),
    "subtract": _sum("-"),
    "multiply": multiply,
    "shift_left": raise_,
    "shift_floor": shift_floor,
    "multiply_shift_floor": multiply_shift_floor,
    "multiply_shift_toward_zero": multiply_shift_toward_zero,
    "greater": _comparison(">"),
    "greater_equal": _comparison(">="),
    "equal": _comparison("==="),
    "select": select,
    "wrap": wrap,
    "saturate": saturate,
    "trap": trap,
    "lookup": lookup,
    "each_mode": same,
    "sum_modes": same,
}
"""`weighted_sum` is the module's delivery. Sums over modes grow in a loop: here is that of a neuron's own value."""

__all__ = ["POWERS", "WRITERS", "number", "write_primitive"]
