"""The primitives of `integer` as expressions of Triton, on lanes of 32 or 64 bits.

Each value has the lane width that `ranges` proves to be enough. Sums, products and left shifts are exact modulo 2^32,
so a result that is known to fit 32 bits needs no wider lanes for them if its operands fit too; a shifted product is
made in 64 bits, which costs one instruction, and narrowed where the result fits. What hangs on numbers alone is
computed here, by the primitives themselves.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from toolchain.bounds.ranges import Range, fits, lane_width
from toolchain.errors import UnsupportedError
from toolchain.ir.integer import limits

NUMBER, NEURON, COLUMN, MODE = range(4)
"""Shapes: a number written in the code, (lane,), (lane, 1), (lane, mode). The larger of two is that of their sum."""

I32_MAX = limits(32)[1]


@dataclass(frozen=True)
class Lane:
    """A value in the code: an expression, its lane width (1 for flags), what it can be, and its shape."""

    text: str
    bits: int
    range: Range
    shape: int

    @property
    def number(self) -> int | None:
        """Its number where that is written in the code."""
        return self.range[0] if self.shape == NUMBER else None


def number(value: int) -> Lane:
    """A number in the code."""
    return Lane(_literal(value, lane_width((value, value))), lane_width((value, value)), (value, value), NUMBER)


def _literal(value: int, bits: int) -> str:
    return f"({value})" if bits == 32 else f"tl.full([], {value}, tl.int64)"


def resized(value: Lane, bits: int) -> str:
    """The value in lanes of 32 or 64 bits; a flag becomes 0 or 1."""
    if value.number is not None:
        return _literal(value.number, bits)
    return value.text if value.bits == bits else f"{value.text}.to(tl.int{bits})"


def lane_bits(result: Range, *operands: Lane) -> int:
    """The least lane width that holds the result and every operand."""
    return 32 if fits(result, 32) and all(fits(operand.range, 32) for operand in operands) else 64


def _made(text: str, bits: int, result: Range, *operands: Lane) -> Lane:
    """A result that was computed in lanes of `bits`, in 32 where it fits them."""
    shape = max(operand.shape for operand in operands)
    if bits == 64 and fits(result, 32):
        return Lane(f"({text}).to(tl.int32)", 32, result, shape)
    return Lane(f"({text})", bits, result, shape)


Emit = Callable[..., Lane]
"""(range of the result, operands) -> result."""


def _modular(sign: str) -> Emit:
    """Exact in any lanes that hold operands and result."""

    def emit(result: Range, a: Lane, b: Lane) -> Lane:
        bits = lane_bits(result, a, b)
        return _made(f"{resized(a, bits)} {sign} {resized(b, bits)}", bits, result, a, b)

    return emit


def shift_left(result: Range, a: Lane, bits: Lane) -> Lane:
    """a * 2^bits."""
    _check_shift(bits)
    lanes = lane_bits(result, a) if bits.range[1] < 32 else 64
    return _made(f"{resized(a, lanes)} << {resized(bits, lanes)}", lanes, result, a, bits)


def shift_floor(result: Range, a: Lane, bits: Lane) -> Lane:
    """floor(a / 2^bits)."""
    _check_shift(bits)
    lanes = 32 if fits(a.range, 32) and bits.range[1] < 32 else 64
    return _made(f"{resized(a, lanes)} >> {resized(bits, lanes)}", lanes, result, a, bits)


def multiply_shift_floor(result: Range, a: Lane, b: Lane, bits: Lane) -> Lane:
    """floor(a b / 2^bits)."""
    return shift_floor(result, _product(a, b), bits)


def multiply_shift_toward_zero(result: Range, a: Lane, b: Lane, bits: Lane) -> Lane:
    """sign(a b) floor(|a b| / 2^bits)."""
    _check_shift(bits)
    product = _product(a, b)
    # The magnitude of the least 32-bit number does not fit.
    lanes = 32 if product.bits == 32 and -product.range[0] <= I32_MAX and bits.range[1] < 32 else 64
    whole, shift = resized(product, lanes), resized(bits, lanes)
    text = f"tl.where({whole} < 0, -((-{whole}) >> {shift}), {whole} >> {shift})"
    return _made(text, lanes, result, product, bits)


def _product(a: Lane, b: Lane) -> Lane:
    corners = [x * y for x in a.range for y in b.range]
    whole = min(corners), max(corners)
    # No narrowing: 64 bits that the range does not need would be made and dropped.
    bits = lane_bits(whole, a, b)
    return Lane(f"({resized(a, bits)} * {resized(b, bits)})", bits, whole, max(a.shape, b.shape))


def _check_shift(bits: Lane) -> None:
    if bits.range[0] < 0 or bits.range[1] > 63:
        raise UnsupportedError("shift", f"by {bits.range[0]} .. {bits.range[1]} bits", "use the reference simulator")


def _comparison(sign: str) -> Emit:
    """A flag."""

    def emit(result: Range, a: Lane, b: Lane) -> Lane:
        bits = lane_bits((0, 1), a, b)
        return Lane(f"({resized(a, bits)} {sign} {resized(b, bits)})", 1, result, max(a.shape, b.shape))

    return emit


def flag(condition: Lane) -> str:
    """Where the condition is not 0."""
    return condition.text if condition.bits == 1 else f"({condition.text} != 0)"


def select(result: Range, condition: Lane, a: Lane, b: Lane) -> Lane:
    """a where the condition is not 0, else b."""
    bits = lane_bits(result, a, b)
    if condition.number is not None:
        chosen = a if condition.number else b
        return Lane(resized(chosen, bits), bits, result, chosen.shape)
    return _made(f"tl.where({flag(condition)}, {resized(a, bits)}, {resized(b, bits)})", bits, result, condition, a, b)


def wrap(result: Range, a: Lane, bits: Lane) -> Lane:
    """The two's complement word: the low bits, with the sign spread over the lane."""
    width = bits.range[0]
    if fits(a.range, width):
        return a
    lanes = 32 if width <= 32 else 64
    spare, name = lanes - width, resized(a, lanes)
    return _made(f"({name} << {spare}) >> {spare}" if spare else name, lanes, result, a)


def saturate(result: Range, a: Lane, bits: Lane) -> Lane:
    """The nearest number of the symmetric range."""
    top = limits(bits.range[0])[1]
    if -top <= a.range[0] and a.range[1] <= top:
        return a
    lanes = lane_bits((-top, top), a)
    low, high = (_literal(end, lanes) for end in (-top, top))
    return _made(f"tl.minimum(tl.maximum({resized(a, lanes)}, {low}), {high})", lanes, result, a)


def trap(result: Range, a: Lane, bits: Lane) -> Lane:
    """The value; whoever keeps it counts those that do not fit, and the run ends."""
    return _made(resized(a, lane_width(result)), lane_width(result), result, a)


def each_mode(result: Range, a: Lane) -> Lane:
    """(lane,) becomes (lane, 1)."""
    if a.shape == NUMBER:
        return a
    return Lane(f"{resized(a, lane_width(result))}[:, None]", lane_width(result), result, COLUMN)


TRITON: dict[str, Emit] = {
    "add": _modular("+"),
    "subtract": _modular("-"),
    "multiply": _modular("*"),
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
    "each_mode": each_mode,
}
"""How each primitive is written; `lookup` and `sum_modes` need to know the population: see `triton_code`."""
