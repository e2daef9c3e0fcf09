"""Two shifted products that are added: few instructions that multiply 16-bit pairs.

With x = x_high 2^s + x_low and -2^(s-1) <= x_low < 2^(s-1), which is to round x_high = floor((x + 2^(s-1)) / 2^s),

    floor(a x / 2^s) +- floor(b y / 2^s)  =  (a x_high +- b y_high) + (floor(a x_low / 2^s) +- floor(b y_low / 2^s)).

Where all factors have 16 bits, the first term is one instruction (`vpmaddwd`: a sum of two products); both floors are
one (`vpmulhw`: the upper half of a product, of x_low 2^(16-s)), and adding or subtracting them is the first again, with
factors of 1 and -1. Sums are needed modulo 2^32 only, because the result is known to fit. A pair of coefficients, or
of values, lies side by side in the halves of a 32-bit lane.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from simulators.fast.assembly import LANES, Function, Name, splat, vector
from simulators.fast.lanes import Lane, low_mask
from simulators.traced.ranges import Bounds, Range, fits
from toolchain.ir.tracing import Instruction, Listing, Symbol

SUM_OF_PRODUCTS = "llvm.x86.avx512.pmaddw.d.512"
UPPER_HALVES = "llvm.x86.avx512.pmulh.w.512"
THREE_WAY = "llvm.x86.avx512.pternlog.d.512"
CHOOSE = 0xCA
"""The table of "first ? second : third", bit by bit."""

FEATURE = "avx512bw"
"""What the processor needs to have for them."""

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
    def plain(self) -> str:
        """What its coefficients are called in memory."""
        return f"{self.low.factor},{self.high.factor}"

    @property
    def signed(self) -> str:
        """What they are called with the signs of the products."""
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
    if halves[0] and halves[1] and not (_simple(left, found) and _simple(right, found)):
        # The same two values, packed in the same order, serve every pair that multiplies them.
        low, high = sorted((halves[0], halves[1]), key=lambda half: half.wide.name)
        yield Pair(instruction.result, low, high, shift, (names[0], names[1]))


def _simple(product: Instruction, found: Bounds) -> bool:
    """Whether a product has 32 bits before it is shifted: multiplying lanes is then cheaper."""
    corners = [a * b for a in found[product.operands[0]] for b in found[product.operands[1]]]
    return fits((min(corners), max(corners)), 32)


def _half(product: Instruction, found: Bounds, *, negative: bool) -> Half | None:
    factor, wide, shift = product.operands
    if not isinstance(factor, Symbol) or not isinstance(wide, Symbol) or not isinstance(shift, int):
        return None
    role, _, name = factor.name.partition(".")
    if role != "own" or not 1 <= shift < SHORT_BITS or not _splittable(found[wide], shift):
        return None
    span = found[factor]
    exact = fits(span, SHORT_BITS) and (not negative or fits((-span[1], -span[0]), SHORT_BITS))
    return Half(name, wide, negative) if exact else None


def _splittable(wide: Range, shift: int) -> bool:
    """Whether a value's upper part has 16 bits, also after rounding."""
    return fits((wide[0], wide[1] + _half_unit(shift)), min(32, SHORT_BITS + shift))


def _half_unit(shift: int) -> int:
    """2^(shift - 1)."""
    return low_mask(shift - 1) + 1


@dataclass(frozen=True)
class Operands:
    """The vectors of a pair: coefficients without and with the products' signs, and the values to split."""

    plain: Name
    signed: Name
    low: Name
    high: Name


def multiply_pair(code: Function, pair: Pair, operands: Operands, result: Range) -> Lane:
    """The result of a pair."""
    kind, shift = vector(32), pair.shift
    half = splat(_half_unit(shift))
    rounded = [code.put(f"add {kind} {value}, {half}") for value in (operands.low, operands.high)]
    upper = _packed(
        code,
        code.put(f"ashr {kind} {rounded[0]}, {splat(shift)}"),
        code.put(f"shl {kind} {rounded[1]}, {splat(SHORT_BITS - shift)}"),
    )
    lower = _packed(
        code,
        code.put(f"shl {kind} {operands.low}, {splat(SHORT_BITS - shift)}"),
        code.put(f"shl {kind} {operands.high}, {splat(32 - shift)}"),
    )
    shorts = vector(SHORT_BITS, 2 * LANES)
    floors = code.call(shorts, UPPER_HALVES, (shorts, _halves(code, operands.plain)), (shorts, lower))
    signs = [-1 if each.negative else 1 for each in (pair.low, pair.high)]
    ones = f"<{', '.join(f'i16 {sign}' for _ in range(LANES) for sign in signs)}>"
    first = code.call(kind, SUM_OF_PRODUCTS, (shorts, _halves(code, operands.signed)), (shorts, upper))
    second = code.call(kind, SUM_OF_PRODUCTS, (shorts, floors), (shorts, ones))
    return Lane(code.put(f"add {kind} {first}, {second}"), 32, result)


def _packed(code: Function, low: Name, high: Name) -> Name:
    """The low half of one vector's lanes and the high half of another's, as 16-bit pairs."""
    # Spelled out because LLVM makes a masked move of it and moves the mask anew for every vector.
    kind, mask = vector(32), splat(~low_mask(SHORT_BITS))
    operands = ((kind, mask), (kind, high), (kind, low), ("i32", str(CHOOSE)))
    return _halves(code, code.call(kind, THREE_WAY, *operands))


def _halves(code: Function, value: Name) -> Name:
    return code.put(f"bitcast {vector(32)} {value} to {vector(SHORT_BITS, 2 * LANES)}")
