"""The primitives of `integer` on vectors of 32- or 64-bit lanes, written as LLVM instructions.

Each value has the lane width that `ranges` proves to be enough; 32 bits where they are. Sums, products and left shifts
are exact modulo 2^32, so a result that is known to fit 32 bits needs no wider lanes for them. A shifted product needs
more care: with x = x_high 2^s + x_low and 0 <= x_low < 2^s,

    floor(a x / 2^s) = a x_high + floor(a x_low / 2^s),

where the first product is needed modulo 2^32 only, and the second fits 32 bits if |a| (2^s - 1) does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from simulators.fast.assembly import LANES, Function, Name, splat, vector
from simulators.fast.compiling import has_feature
from toolchain.bounds.ranges import Range, fits
from toolchain.errors import UnsupportedError
from toolchain.ir.integer import limits

I32_MAX = limits(32)[1]

SHORT_BITS = 16
SHORT_PRODUCTS = "avx512bw"
"""What the processor needs to have for instructions that multiply 16-bit words in vectors of 512 bits."""

SUM_OF_PRODUCTS = "llvm.x86.avx512.pmaddw.d.512"
"""Of the two 16-bit halves of each lane."""


@dataclass(frozen=True)
class Lane:
    """A vector value: its name, its lane width (1 for flags, else 32 or 64) and what it can be."""

    name: Name
    bits: int
    range: Range

    @property
    def constant(self) -> int | None:
        """Its number where that is written in the code: a literal, or always 0."""
        literal = self.name.startswith("<") or self.range == (0, 0)
        return self.range[0] if literal else None


@dataclass(frozen=True)
class Table:
    """A population's table in memory: its address, the index of its last entry, and its entries' width, 32 or 64."""

    address: Name
    last: Name
    bits: int
    range: Range


Emit = Callable[..., Lane]
"""(code, range of the result, operands) -> result."""


def number(value: int) -> Lane:
    """A constant in every lane."""
    bits = 32 if fits((value, value), 32) else 64
    return Lane(splat(value, bits), bits, (value, value))


def resize(code: Function, value: Lane, bits: int) -> Name:
    """The value in lanes of `bits`: 32 or 64. A flag becomes 0 or 1."""
    if value.bits == bits:
        return value.name
    if value.constant is not None:
        return splat(value.constant, bits)
    operation = "zext" if value.bits == 1 else "sext" if value.bits < bits else "trunc"
    return code.put(f"{operation} {vector(value.bits)} {value.name} to {vector(bits)}")


def narrowed(code: Function, name: Name, bits: int, result: Range) -> Lane:
    """A result that was computed in lanes of `bits`, in 32 where it fits them."""
    wide = Lane(name, bits, result)
    return Lane(resize(code, wide, 32), 32, result) if bits == 64 and fits(result, 32) else wide


def lane_bits(result: Range, *operands: Lane) -> int:
    """The least lane width that holds the result and every operand."""
    return 32 if fits(result, 32) and all(fits(operand.range, 32) for operand in operands) else 64


def modular(operation: str) -> Emit:
    """add, sub, mul: exact in any lanes that hold operands and result."""

    def emit(code: Function, result: Range, a: Lane, b: Lane) -> Lane:
        bits = lane_bits(result, a, b)
        text = f"{operation} {vector(bits)} {resize(code, a, bits)}, {resize(code, b, bits)}"
        return narrowed(code, code.put(text), bits, result)

    return emit


def shift_left(code: Function, result: Range, a: Lane, bits: Lane) -> Lane:
    """a * 2^bits."""
    _check_shift(bits)
    lanes = lane_bits(result, a) if bits.range[1] < 32 else 64
    text = f"shl {vector(lanes)} {resize(code, a, lanes)}, {resize(code, bits, lanes)}"
    return narrowed(code, code.put(text), lanes, result)


def shift_floor(code: Function, result: Range, a: Lane, bits: Lane) -> Lane:
    """floor(a / 2^bits)."""
    _check_shift(bits)
    lanes = 32 if fits(a.range, 32) and bits.range[1] < 32 else 64
    text = f"ashr {vector(lanes)} {resize(code, a, lanes)}, {resize(code, bits, lanes)}"
    return narrowed(code, code.put(text), lanes, result)


def multiply_shift_floor(code: Function, result: Range, a: Lane, b: Lane, bits: Lane) -> Lane:
    """floor(a b / 2^bits), split as the module's docstring says where that saves 64-bit lanes."""
    whole = product_range(a, b)
    if not fits(whole, 32):
        for factor, wide in ((a, b), (b, a)):
            if splittable(result, factor, wide, bits):
                return Lane(_split(code, resize(code, factor, 32), wide.name, wide.range, bits.range[0]), 32, result)
    return shift_floor(code, result, modular("mul")(code, whole, a, b), bits)


def multiply_shift_toward_zero(code: Function, result: Range, a: Lane, b: Lane, bits: Lane) -> Lane:
    """sign(a b) floor(|a b| / 2^bits): the floor of the magnitudes' product, with the sign put back."""
    whole = product_range(a, b)
    lanes = 32 if fits(whole, 32) else 64
    for factor, wide in ((a, b), (b, a)):
        if lanes == 64 and splittable(result, factor, wide, bits) and -wide.range[0] <= I32_MAX:
            return _split_toward_zero(code, result, factor, wide, bits)
    product = modular("mul")(code, whole, a, b)
    magnitude = _magnitude(code, resize(code, product, lanes), lanes)
    _check_shift(bits)
    high = max(-whole[0], whole[1])
    shifted = shift_floor(code, (0, high), Lane(magnitude, lanes, (0, high)), bits)
    kind = vector(lanes)
    negated = code.put(f"sub {kind} zeroinitializer, {resize(code, shifted, lanes)}")
    below = code.put(f"icmp slt {kind} {resize(code, product, lanes)}, zeroinitializer")
    chosen = f"select {vector(1)} {below}, {kind} {negated}, {kind} {resize(code, shifted, lanes)}"
    return narrowed(code, code.put(chosen), lanes, result)


def product_range(a: Lane, b: Lane) -> Range:
    """The range of a product."""
    corners = [x * y for x in a.range for y in b.range]
    return min(corners), max(corners)


def splittable(result: Range, factor: Lane, wide: Lane, bits: Lane) -> bool:
    """Whether floor(factor wide / 2^bits) is exact in 32-bit lanes when `wide` is split at bit `bits`."""
    shift = bits.constant
    if shift is None or not 1 <= shift <= 31 or wide.bits != 32 or not fits(factor.range, 32) or not fits(result, 32):
        return False
    largest = max(-factor.range[0], factor.range[1])
    return largest * low_mask(shift) <= I32_MAX


def low_mask(bits: int) -> int:
    """The greatest number of `bits` bits."""
    return int(limits(bits + 1)[1])


def _split(code: Function, factor: Name, wide: Name, span: Range, shift: int) -> Name:
    kind = vector(32)
    low = code.put(f"and {kind} {wide}, {splat(low_mask(shift))}")
    # Shifting left first changes no value; it shows LLVM how few bits are left, which lets it multiply 16-bit words.
    spare = max((spare for spare in range(32) if fits(span, 32 - spare)), default=0)
    raised = code.put(f"shl {kind} {wide}, {splat(spare)}") if spare else wide
    high = code.put(f"ashr {kind} {raised}, {splat(min(spare + shift, 31))}")
    first = code.put(f"mul {kind} {factor}, {high}")
    second = code.put(f"mul {kind} {factor}, {low}")
    return code.put(f"add {kind} {first}, {code.put(f'ashr {kind} {second}, {splat(shift)}')}")


def _split_toward_zero(code: Function, result: Range, factor: Lane, wide: Lane, bits: Lane) -> Lane:
    kind = vector(32)
    small, large = resize(code, factor, 32), wide.name
    tops = [max(-value.range[0], value.range[1]) for value in (factor, wide)]
    signs = large if factor.range[0] >= 0 else code.put(f"xor {kind} {small}, {large}")
    small = small if factor.range[0] >= 0 else _magnitude(code, small, 32)
    magnitude = _split_magnitudes(code, small, _magnitude(code, large, 32), tops, bits.range[0])
    below = code.put(f"icmp slt {kind} {signs}, zeroinitializer")
    negated = code.put(f"sub {kind} zeroinitializer, {magnitude}")
    return Lane(code.put(f"select {vector(1)} {below}, {kind} {negated}, {kind} {magnitude}"), 32, result)


def _split_magnitudes(code: Function, factor: Name, wide: Name, tops: list[int], shift: int) -> Name:
    """`_split` of two numbers from 0 up to `tops`."""
    kind = vector(32)
    low = code.put(f"and {kind} {wide}, {splat(low_mask(shift))}")
    high = code.put(f"lshr {kind} {wide}, {splat(shift)}")
    largest = max(tops[0], low_mask(shift), tops[1] * 2.0**-shift)
    first, second = (_multiply_magnitudes(code, factor, part, largest) for part in (high, low))
    return code.put(f"add {kind} {first}, {code.put(f'lshr {kind} {second}, {splat(shift)}')}")


def _multiply_magnitudes(code: Function, a: Name, b: Name, largest: float) -> Name:
    """The product of two numbers from 0 up to `largest`: of 15 bits, a sum of products whose second one is 0."""
    kind, shorts = vector(32), vector(SHORT_BITS, 2 * LANES)
    if largest > limits(SHORT_BITS)[1] or not has_feature(SHORT_PRODUCTS):
        return code.put(f"mul {kind} {a}, {b}")
    halves = [code.put(f"bitcast {kind} {value} to {shorts}") for value in (a, b)]
    return code.call(kind, SUM_OF_PRODUCTS, (shorts, halves[0]), (shorts, halves[1]))


def _magnitude(code: Function, value: Name, bits: int) -> Name:
    kind = vector(bits)
    return code.call(kind, f"llvm.abs.v16i{bits}", (kind, value), ("i1", "false"))


def _check_shift(bits: Lane) -> None:
    if bits.range[0] < 0 or bits.range[1] > 63:
        raise UnsupportedError("shift", f"by {bits.range[0]} .. {bits.range[1]} bits", "use the reference simulator")


def comparison(condition: str) -> Emit:
    """A flag."""

    def emit(code: Function, result: Range, a: Lane, b: Lane) -> Lane:
        bits = lane_bits((0, 1), a, b)
        text = f"icmp {condition} {vector(bits)} {resize(code, a, bits)}, {resize(code, b, bits)}"
        return Lane(code.put(text), 1, result)

    return emit


def flag(code: Function, condition: Lane) -> Name:
    """Where the condition is not 0."""
    if condition.bits == 1:
        return condition.name
    return code.put(f"icmp ne {vector(condition.bits)} {condition.name}, zeroinitializer")


def select(code: Function, result: Range, condition: Lane, a: Lane, b: Lane) -> Lane:
    """a where the condition is not 0, else b."""
    bits = lane_bits(result, a, b)
    kind, chosen = vector(bits), (resize(code, a, bits), resize(code, b, bits))
    text = f"select {vector(1)} {flag(code, condition)}, {kind} {chosen[0]}, {kind} {chosen[1]}"
    return narrowed(code, code.put(text), bits, result)


def clamp(code: Function, value: Name, bits: int, low: Name, high: Name) -> Name:
    """The nearest number that is neither below `low` nor above `high`."""
    kind = vector(bits)
    raised = code.call(kind, f"llvm.smax.v16i{bits}", (kind, value), (kind, low))
    return code.call(kind, f"llvm.smin.v16i{bits}", (kind, raised), (kind, high))


def wrap(code: Function, result: Range, a: Lane, bits: Lane) -> Lane:
    """The two's complement word: the low bits, with the sign spread over the lane."""
    width = bits.range[0]
    if fits(a.range, width):
        return a
    lanes = 32 if width <= 32 else 64
    name, spare = resize(code, a, lanes), lanes - width
    if spare:
        raised = code.put(f"shl {vector(lanes)} {name}, {splat(spare, lanes)}")
        name = code.put(f"ashr {vector(lanes)} {raised}, {splat(spare, lanes)}")
    return Lane(name, lanes, result)


def saturate(code: Function, result: Range, a: Lane, bits: Lane) -> Lane:
    """The nearest number of the symmetric range."""
    top = limits(bits.range[0])[1]
    if -top <= a.range[0] and a.range[1] <= top:
        return a
    # Every bound that has to act is inside the lanes; one that is not can't act.
    lanes = lane_bits((-top, top), a)
    held = clamp(code, resize(code, a, lanes), lanes, splat(-top, lanes), splat(top, lanes))
    return narrowed(code, held, lanes, result)


def trap(code: Function, result: Range, a: Lane, bits: Lane) -> Lane:
    """The value; whoever keeps it counts those that do not fit, and the run ends."""
    return Lane(resize(code, a, lane_bits(result)), lane_bits(result), result)


def lookup(code: Function, result: Range, table: Table, index: Lane) -> Lane:
    """table[min(max(index, 0), length - 1)], lane by lane."""
    last = splat_of(code, table.last)
    inside = clamp(code, resize(code, index, 64), 64, "zeroinitializer", last)
    found, element, kind = "poison", f"i{table.bits}", vector(table.bits)
    for lane in range(LANES):
        place = code.put(f"extractelement {vector(64)} {inside}, i64 {lane}")
        entry = code.load(element, code.put(f"getelementptr {element}, ptr {table.address}, i64 {place}", "p"), 4)
        found = code.put(f"insertelement {kind} {found}, {element} {entry}, i64 {lane}")
    return narrowed(code, found, table.bits, result)


def splat_of(code: Function, scalar: Name, bits: int = 64) -> Name:
    """A vector with a scalar in every lane."""
    kind = vector(bits)
    first = code.put(f"insertelement {kind} poison, i{bits} {scalar}, i64 0")
    return code.put(f"shufflevector {kind} {first}, {kind} poison, <{LANES} x i32> zeroinitializer")


PRIMITIVE_CODE: dict[str, Emit] = {
    "add": modular("add"),
    "subtract": modular("sub"),
    "multiply": modular("mul"),
    "shift_left": shift_left,
    "shift_floor": shift_floor,
    "multiply_shift_floor": multiply_shift_floor,
    "multiply_shift_toward_zero": multiply_shift_toward_zero,
    "greater": comparison("sgt"),
    "greater_equal": comparison("sge"),
    "equal": comparison("eq"),
    "select": select,
    "lookup": lookup,
    "wrap": wrap,
    "saturate": saturate,
    "trap": trap,
}
"""How each primitive is written; `each_mode` and `sum_modes` are loops, `weighted_sum` is synapses."""
