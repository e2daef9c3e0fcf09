"""The primitives of `toolchain.ir.integer` as C99 without undefined behaviour, in 32 bits where ranges allow, else 64.

No signed result leaves its type: ranges prove it. Shifts to the left are products; shifts to the right and two's
complement words are functions of `support`, which say what they mean on any machine. A product that needs more than
32 bits but whose shifted result does not is made of two products of 32 bits (`exporters.scalar.halves`).
"""

from __future__ import annotations

from exporters.c.values import bits_of, condition, in_bits, literal, number, type_name
from exporters.scalar.halves import halves, product_range
from exporters.scalar.rules import Write, check_shift, same, width_of, within, write_by
from exporters.scalar.walk import Value
from toolchain.bounds.listing import ANYTHING
from toolchain.bounds.ranges import Range, fits
from toolchain.errors import UnsupportedError
from toolchain.ir.integer import limits
from toolchain.ir.integer import shift_left as raised


def write_primitive(name: str, result: Range, operands: list[Value]) -> Value:
    """One primitive.

    Raises:
        UnsupportedError: it has no form here, or nothing proves that its result fits 64 bits.
    """
    return write_by(WRITERS, "C", name, result, operands)


def _made(text: str, result: Range, computed: int) -> Value:
    """A result that was computed in so many bits, narrowed where it fits fewer."""
    bits = bits_of(result)
    return Value(f"(int32_t)({text})" if bits < computed else f"({text})", f"int{bits}", result)


def _width(*ranges: Range) -> int:
    return max(map(bits_of, ranges))


def _arithmetic(sign: str) -> Write:
    def write(result: Range, a: Value, b: Value) -> Value:
        if result == ANYTHING:
            raise UnsupportedError("step", "has a sum or product that 64 bits may not hold", "narrow its registers")
        bits = _width(result, a.range, b.range)
        return _made(f"{in_bits(a, bits)} {sign} {in_bits(b, bits)}", result, bits)

    return write


def _product(a: Value, b: Value) -> Value:
    return _arithmetic("*")(product_range(a.range, b.range), a, b)


def shift_left(result: Range, a: Value, bits: Value) -> Value:
    """a * 2^bits."""
    check_shift(bits)
    if bits.number is not None:
        return a if bits.number == 0 else _arithmetic("*")(result, a, number(int(raised(1, bits.number))))
    width = 32 if bits_of(result) == 32 and fits(a.range, 32) and bits.range[1] < 31 else 64
    one = "INT64_C(1)" if width == 64 else "(int32_t)1"
    return _made(f"{in_bits(a, width)} * ({one} << {bits.text})", result, width)


def shift_floor(result: Range, a: Value, bits: Value) -> Value:
    """floor(a / 2^bits)."""
    check_shift(bits)
    if bits.number == 0:
        return a
    width = 32 if fits(a.range, 32) and (bits.number is not None or bits.range[1] < 32) else 64
    # A longer shift leaves the sign alone, as one by 31 does.
    by = bits.text if bits.number is None else str(min(bits.number, width - 1))
    return _made(f"floor_shift{width}({in_bits(a, width)}, {by})", result, width)


def multiply_shift_floor(result: Range, a: Value, b: Value, bits: Value) -> Value:
    """floor(a b / 2^bits)."""
    check_shift(bits)
    if (found := halves(result, a, b, bits)) is not None:
        operands = f"{in_bits(found.factor, 32)}, {in_bits(found.split, 32)}"
        return Value(f"scale_floor({operands}, {found.low}, {bits.number})", "int32", result)
    return shift_floor(result, _product(a, b), bits)


def multiply_shift_toward_zero(result: Range, a: Value, b: Value, bits: Value) -> Value:
    """sign(a b) floor(|a b| / 2^bits)."""
    check_shift(bits)
    for factor, other in ((a, b), (b, a)):
        magnitude = max(-other.range[0], other.range[1])
        if factor.range[0] >= 0 and fits((-magnitude, magnitude), 32):
            size = Value(other.text, other.kind, (0, magnitude)) if other.number is None else other
            found = halves(result, factor, size, bits, cut=size)
            if found is not None:
                operands = f"{in_bits(factor, 32)}, {in_bits(other, 32)}"
                return Value(f"scale_toward_zero({operands}, {found.low}, {bits.number})", "int32", result)
    whole = _product(a, b)
    width = bits_of(whole.range)
    if bits.number is not None:
        # Division truncates toward zero.
        power = int(raised(1, bits.number))
        width = max(width, bits_of((0, power)))
        return _made(f"{in_bits(whole, width)} / {literal(power, width)}", result, width)
    return _made(f"{in_bits(whole, 64)} / (INT64_C(1) << {bits.text})", result, 64)


def _comparison(sign: str) -> Write:
    def write(result: Range, a: Value, b: Value) -> Value:
        bits = _width(a.range, b.range)
        return Value(f"({in_bits(a, bits)} {sign} {in_bits(b, bits)})", "flag", result)

    return write


def select(result: Range, chosen: Value, a: Value, b: Value) -> Value:
    """a where the condition is not 0, else b."""
    if chosen.number is not None:
        return a if chosen.number else b
    bits = bits_of(result)
    return Value(f"({condition(chosen)} ? {in_bits(a, bits)} : {in_bits(b, bits)})", f"int{bits}", result)


def wrap(result: Range, a: Value, bits: Value) -> Value:
    """The two's complement word."""
    width = width_of(bits)
    if fits(a.range, width):
        return a
    lanes = 32 if width < 32 and fits(a.range, 32) else 64
    return _made(f"wrap{lanes}({in_bits(a, lanes)}, {width})", result, lanes)


def saturate(result: Range, a: Value, bits: Value) -> Value:
    """The nearest number of the symmetric range."""
    top = limits(width_of(bits))[1]
    if within(a, -top, top):
        return a
    width = _width(a.range, (-top, top))
    low, high, text = literal(-top, width), literal(top, width), in_bits(a, width)
    return _made(f"{text} > {high} ? {high} : {text} < {low} ? {low} : {text}", result, width)


def trap(result: Range, a: Value, bits: Value) -> Value:
    """The value where it fits; otherwise 0, which the step tells, and what it computes then means nothing."""
    low, high = limits(width_of(bits))
    if within(a, low, high):
        return a
    width = _width(a.range, (low, high))
    text = in_bits(a, width)
    return _made(f"{text} < {literal(low, width)} || {text} > {literal(high, width)} ? 0 : {text}", result, width)


def lookup(result: Range, table: Value, index: Value) -> Value:
    """table[min(max(index, 0), length - 1)]."""
    width = bits_of(index.range)
    at, last = index.text, f"({type_name(width)})(sizeof {table.text} / sizeof {table.text}[0]) - 1"
    return Value(f"{table.text}[{at} < 0 ? 0 : {at} > {last} ? {last} : {at}]", "element", result)


WRITERS: dict[str, Write] = {
    "add": _arithmetic("+"),
    "subtract": _arithmetic("-"),
    "multiply": _arithmetic("*"),
    "shift_left": shift_left,
    "shift_floor": shift_floor,
    "multiply_shift_floor": multiply_shift_floor,
    "multiply_shift_toward_zero": multiply_shift_toward_zero,
    "greater": _comparison(">"),
    "greater_equal": _comparison(">="),
    "equal": _comparison("=="),
    "select": select,
    "wrap": wrap,
    "saturate": saturate,
    "trap": trap,
    "lookup": lookup,
    "each_mode": same,
    "sum_modes": same,
}
"""`weighted_sum` is a step's delivery. Sums over modes grow in a loop: here is that of a neuron's own value."""
