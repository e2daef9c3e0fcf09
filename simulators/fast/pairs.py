"""Two shifted products that are added: few instructions that multiply 16-bit pairs.

With x = x_high 2^s + x_low and -2^(s-1) <= x_low < 2^(s-1), which is to round x_high = floor((x + 2^(s-1)) / 2^s),

    floor(a x / 2^s) +- floor(b y / 2^s)  =  (a x_high +- b y_high) + (floor(a x_low / 2^s) +- floor(b y_low / 2^s)).

Where all factors have 16 bits, the first term is one instruction (`vpmaddwd`: a sum of two products); both floors are
one (`vpmulhw`: the upper half of a product, of x_low 2^(16-s)), and adding or subtracting them is the first again, with
factors of 1 and -1. Sums are needed modulo 2^32 only, because the result is known to fit. A pair of coefficients, or
of values, lies side by side in the halves of a 32-bit lane.

Values that were split at a higher bit serve as well: floor(a x / 2^r) = floor(a 2^(s-r) x / 2^s), where the raised
factor has 16 bits still.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace

from simulators.fast.assembly import LANES, Function, Name, splat, vector
from simulators.fast.lanes import SHORT_BITS, SUM_OF_PRODUCTS, Lane, low_mask
from toolchain.bounds.ranges import Bounds, Range, fits
from toolchain.ir.tracing import Instruction, Listing, Symbol

UPPER_HALVES = "llvm.x86.avx512.pmulh.w.512"


@dataclass(frozen=True)
class Half:
    """One product of a pair.

    Attributes:
        factor: name of a coefficient of at most 16 bits.
        wide: the value that is split.
        negative: whether the product is subtracted.
        raised: by how many bits the factor is raised, since the value is split at a higher bit than the product's.
    """

    factor: str
    wide: Symbol
    negative: bool
    raised: int = 0

    @property
    def plain(self) -> str:
        """What the factor is called in memory."""
        return f"{self.factor}<<{self.raised}"


@dataclass(frozen=True)
class Pair:
    """An addition or subtraction of two shifted products, done as one.

    Attributes:
        result: of the addition.
        low, high: the products, by their place in a pair.
        shift: where the values are split.
        products: names of the instructions that the pair replaces besides the addition.
    """

    result: str
    low: Half
    high: Half
    shift: int
    products: tuple[str, str]

    @property
    def values(self) -> tuple[str, str]:
        """Names of what is split."""
        return self.low.wide.name, self.high.wide.name

    def turned(self) -> Pair:
        """The same sum with its products in each other's place."""
        return replace(self, low=self.high, high=self.low)

    @property
    def plain(self) -> str:
        """What its coefficients are called in memory."""
        return f"{self.low.plain},{self.high.plain}"

    @property
    def signed(self) -> str:
        """What they are called with the signs of the products."""
        return ",".join(f"{'-' if half.negative else ''}{half.plain}" for half in (self.low, self.high))


def pairs(listing: Listing) -> list[Pair]:
    """The additions of a listing that have the form, whether or not their values can be split."""
    made = {i.result: i for i in listing.instructions if i.primitive == "multiply_shift_floor" and not i.register}
    uses = Counter(str(o) for i in listing.instructions for o in i.operands)
    uses.update(map(str, [*listing.registers.values(), listing.message]))
    sums = [i for i in listing.instructions if i.primitive in ("add", "subtract") and not i.register]
    return [pair for i in sums for pair in _pair(i, made, uses)]


def _pair(instruction: Instruction, made: dict[str, Instruction], uses: Counter[str]) -> Iterator[Pair]:
    names = tuple(str(operand) for operand in instruction.operands)
    if len({*names} & made.keys()) < 2 or any(uses[name] > 1 for name in names):
        return
    left, right = (made[name] for name in names)
    shift = left.operands[2]
    if not isinstance(shift, int) or shift != right.operands[2]:
        return
    halves = (_half(left, negative=False), _half(right, negative=instruction.primitive == "subtract"))
    if halves[0] and halves[1]:
        # The same two values, packed in the same order, serve every pair that multiplies them.
        low, high = sorted((halves[0], halves[1]), key=lambda half: half.wide.name)
        yield Pair(instruction.result, low, high, shift, (names[0], names[1]))


def _half(product: Instruction, *, negative: bool) -> Half | None:
    factor, wide, _ = product.operands
    if not isinstance(factor, Symbol) or not isinstance(wide, Symbol):
        return None
    role, _, name = factor.name.partition(".")
    return Half(name, wide, negative) if role == "own" else None


def is_simple(pair: Pair, found: Bounds) -> bool:
    """Whether both products have 32 bits before they are shifted: to multiply lanes is cheaper than to split values."""
    return all(
        fits((min(corners), max(corners)), 32)
        for half in (pair.low, pair.high)
        for corners in [[a * b for a in found.of[f"own.{half.factor}"] for b in found[half.wide]]]
    )


def split_at(pair: Pair, shift: int, found: Bounds) -> Pair | None:
    """The same with values that are split at bit `shift`; None where that is not exact."""
    low, high = (replace(half, raised=shift - pair.shift) for half in (pair.low, pair.high))
    exact = 1 <= pair.shift <= shift < SHORT_BITS and fits(found.of[pair.result], 32)
    exact = exact and all(_short(half, found) and _splittable(found[half.wide], shift) for half in (low, high))
    return replace(pair, low=low, high=high, shift=shift) if exact else None


def _short(half: Half, found: Bounds) -> bool:
    """Whether a factor has 16 bits, raised and with its sign."""
    span = found.of[f"own.{half.factor}"]
    return all(
        fits((end, end), SHORT_BITS - half.raised)
        and (not half.negative or fits((-end, -end), SHORT_BITS - half.raised))
        for end in span
    )


def _splittable(wide: Range, shift: int) -> bool:
    """Whether a value's upper part has 16 bits, also after rounding."""
    return fits((wide[0], wide[1] + _half_unit(shift)), min(32, SHORT_BITS + shift))


def _half_unit(shift: int) -> int:
    """2^(shift - 1)."""
    return low_mask(shift - 1) + 1


@dataclass(frozen=True)
class Parts:
    """Two values split: their upper parts side by side in each lane, and their lower parts, raised to 16 bits."""

    upper: Name
    lower: Name


def split(code: Function, low: Name, high: Name, shift: int) -> Parts:
    """Two values in 32-bit lanes, split at bit `shift`."""
    kind = vector(32)
    raised = [code.put(f"shl {kind} {value}, {splat(SHORT_BITS - shift)}") for value in (low, high)]
    rounded = [code.put(f"add {kind} {value}, {splat(_half_unit(SHORT_BITS))}") for value in raised]
    return Parts(_halves_of(code, rounded, 1), _halves_of(code, raised, 0))


def join(code: Function, parts: Parts, shift: int) -> tuple[Name, Name]:
    """The two values that were split."""
    kind, upper = vector(32), splat(~low_mask(SHORT_BITS))
    high = code.put(f"and {kind} {parts.upper}, {upper}")
    tops = code.put(f"shl {kind} {parts.upper}, {splat(SHORT_BITS)}"), high
    rests = code.put(f"shl {kind} {parts.lower}, {splat(SHORT_BITS)}"), parts.lower
    both = []
    for top, rest in zip(tops, rests, strict=True):
        above = code.put(f"ashr {kind} {top}, {splat(SHORT_BITS - shift)}")
        below = code.put(f"ashr {kind} {rest}, {splat(32 - shift)}")
        both.append(code.put(f"add {kind} {above}, {below}"))
    return both[0], both[1]


def multiply_pair(code: Function, pair: Pair, plain: Name, signed: Name, parts: Parts, result: Range) -> Lane:
    """The result of a pair, from its coefficients without and with the products' signs."""
    kind, shorts = vector(32), vector(SHORT_BITS, 2 * LANES)
    floors = code.call(shorts, UPPER_HALVES, (shorts, _halves(code, plain)), (shorts, _halves(code, parts.lower)))
    signs = [-1 if each.negative else 1 for each in (pair.low, pair.high)]
    ones = f"<{', '.join(f'i16 {sign}' for _ in range(LANES) for sign in signs)}>"
    upper = (shorts, _halves(code, parts.upper))
    first = code.call(kind, SUM_OF_PRODUCTS, (shorts, _halves(code, signed)), upper)
    second = code.call(kind, SUM_OF_PRODUCTS, (shorts, floors), (shorts, ones))
    return Lane(code.put(f"add {kind} {first}, {second}"), 32, result)


def _halves_of(code: Function, values: list[Name], half: int) -> Name:
    """The lower (0) or upper (1) halves of two vectors' lanes, side by side."""
    low, high = (_halves(code, value) for value in values)
    places = ", ".join(f"i32 {2 * lane + half}, i32 {2 * (LANES + lane) + half}" for lane in range(LANES))
    shorts = vector(SHORT_BITS, 2 * LANES)
    chosen = code.put(f"shufflevector {shorts} {low}, {shorts} {high}, <{2 * LANES} x i32> <{places}>")
    return code.put(f"bitcast {shorts} {chosen} to {vector(32)}")


def _halves(code: Function, value: Name) -> Name:
    return code.put(f"bitcast {vector(32)} {value} to {vector(SHORT_BITS, 2 * LANES)}")
