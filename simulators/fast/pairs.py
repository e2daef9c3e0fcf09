"""Two shifted products that are added: one instruction multiplies 16-bit pairs and adds them.

    floor(a x / 2^s) +- floor(b y / 2^s)  =  (a x_high +- b y_high) + floor(a x_low / 2^s) +- floor(b y_low / 2^s)

with x = x_high 2^s + x_low as in `lanes`. The first term is a sum of two 16-bit products, for which AVX-512 has one
instruction (`vpmaddwd`) on vectors of pairs; a pair of coefficients lies side by side in memory, b with its sign.
A negated floor becomes a floor by -floor(p / 2^s) = floor((-p + 2^s - 1) / 2^s).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from simulators.fast.assembly import LANES, Function, Name, splat, vector
from simulators.fast.lanes import I32_MAX, Lane, low_mask
from simulators.fast.ranges import Bounds, Range, fits
from toolchain.ir.tracing import Instruction, Listing, Symbol

INSTRUCTION = "llvm.x86.avx512.pmaddw.d.512"
FEATURE = "avx512bw"
"""What the processor needs to have for it."""

SHORT_BITS = 16


@dataclass(frozen=True)
class Half:
    """One product of a pair.

    Attributes:
        factor: name of a coefficient of at most 16 bits.
        wide: the value that is split.
        negative: whether the product is subtracted.
    """

    factor: str
    wide: Symbol
    negative: bool


@dataclass(frozen=True)
class Pair:
    """An addition or subtraction of two shifted products, done as one.

    Attributes:
        result: of the addition.
        low, high: the products, by their place in a pair.
        shift: of both.
        products: names of the instructions that the pair replaces besides the addition.
    """

    result: str
    low: Half
    high: Half
    shift: int
    products: tuple[str, str]

    @property
    def name(self) -> str:
        """What its coefficients are called in memory."""
        return ",".join(f"{'-' if half.negative else ''}{half.factor}" for half in (self.low, self.high))


def pairs(listing: Listing, found: Bounds) -> list[Pair]:
    """The additions of a listing that can be done so."""
    made = {i.result: i for i in listing.instructions if i.primitive == "multiply_shift_floor" and not i.register}
    uses = Counter(str(o) for i in listing.instructions for o in i.operands)
    uses.update(map(str, [*listing.registers.values(), listing.message]))
    sums = [i for i in listing.instructions if i.primitive in ("add", "subtract") and not i.register]
    return [pair for i in sums for pair in _pair(i, made, uses, found)]


def _pair(instruction: Instruction, made: dict[str, Instruction], uses: Counter[str], found: Bounds) -> Iterator[Pair]:
    names = tuple(str(operand) for operand in instruction.operands)
    if len({*names} & made.keys()) < 2 or any(uses[name] > 1 for name in names):
        return
    left, right = (made[name] for name in names)
    shift = left.operands[2]
    if not isinstance(shift, int) or shift != right.operands[2] or not fits(found.of[instruction.result], 32):
        return
    halves = (_half(left, found, negative=False), _half(right, found, negative=instruction.primitive == "subtract"))
    if halves[0] and halves[1]:
        # The same two values, packed in the same order, serve every pair that multiplies them.
        low, high = sorted((halves[0], halves[1]), key=lambda half: half.wide.name)
        yield Pair(instruction.result, low, high, shift, (names[0], names[1]))


def _half(product: Instruction, found: Bounds, *, negative: bool) -> Half | None:
    factor, wide, shift = product.operands
    if not isinstance(factor, Symbol) or not isinstance(wide, Symbol) or not isinstance(shift, int):
        return None
    role, _, name = factor.name.partition(".")
    if role != "own" or not 1 <= shift < SHORT_BITS or not fits(found[wide], min(32, SHORT_BITS + shift)):
        return None
    span = _signed(found[factor], negative=negative)
    largest = max(-span[0], span[1])
    exact = fits(span, SHORT_BITS) and (largest + 1) * low_mask(shift) <= I32_MAX
    return Half(name, wide, negative) if exact else None


def _signed(span: Range, *, negative: bool) -> Range:
    return (-span[1], -span[0]) if negative else span


def multiply_pair(code: Function, pair: Pair, coefficients: Name, low: Lane, high: Lane, result: Range) -> Lane:
    """The result of a pair: `coefficients` holds 16-bit pairs, `low` and `high` the values to split."""
    kind, mask = vector(32), low_mask(pair.shift)
    short = low_mask(SHORT_BITS)
    below = code.put(f"lshr {kind} {low.name}, {splat(pair.shift)}")
    above = code.put(f"shl {kind} {high.name}, {splat(SHORT_BITS - pair.shift)}")
    below = code.put(f"and {kind} {below}, {splat(short)}")
    above = code.put(f"and {kind} {above}, {splat(~short)}")
    total = _products(code, coefficients, code.put(f"or {kind} {below}, {above}"))
    rests = (
        code.put(f"and {kind} {low.name}, {splat(mask)}"),
        code.put(f"and {kind} {code.put(f'shl {kind} {high.name}, {splat(SHORT_BITS)}')}, {splat(mask * (short + 1))}"),
    )
    for half, rest in zip((pair.low, pair.high), rests, strict=True):
        product = _products(code, coefficients, rest)
        if half.negative:
            product = code.put(f"add {kind} {product}, {splat(mask)}")
        total = code.put(f"add {kind} {total}, {code.put(f'ashr {kind} {product}, {splat(pair.shift)}')}")
    return Lane(total, 32, result)


def _products(code: Function, a: Name, b: Name) -> Name:
    """For each lane, the sum of the products of its two 16-bit halves."""
    kind, shorts = vector(32), vector(SHORT_BITS, 2 * LANES)
    cast = [code.put(f"bitcast {kind} {value} to {shorts}") for value in (a, b)]
    return code.call(kind, INSTRUCTION, (shorts, cast[0]), (shorts, cast[1]))
