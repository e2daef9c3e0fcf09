"""A product of more than 32 bits whose shifted result fits 32, made of two products that fit 32 each.

floor(a b / 2^s) = floor((a floor(b / 2^k) + floor(a (b mod 2^k) / 2^k)) / 2^(s - k))    for 0 <= k <= s
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

from exporters.scalar.walk import Value
from toolchain.bounds.ranges import Range, fits
from toolchain.ir.integer import shift_floor, shift_left


@dataclass(frozen=True)
class Halves:
    """How a product is made: `factor` times the two parts of `split`, which is cut below bit `low`."""

    factor: Value
    split: Value
    low: int


def halves(result: Range, a: Value, b: Value, bits: Value, *, cut: Value | None = None) -> Halves | None:
    """A way to make floor(a b / 2^bits) of 32-bit products; None where there is none, or one product fits.

    Args:
        result: bounds of the result.
        a, b, bits: the operands.
        cut: which of the two is to be split; by default the one that reaches further.
    """
    if bits.number is None or not fits(result, 32) or fits(product_range(a.range, b.range), 32):
        return None
    if not (fits(a.range, 32) and fits(b.range, 32)):
        return None
    ways = sorted([(a, b), (b, a)], key=lambda way: -max(-way[1].range[0], way[1].range[1]))
    for factor, split in ways:
        if split.number is not None or (cut is not None and split is not cut):
            continue
        for low in range(1, min(bits.number, 30) + 1):
            if _fit(factor.range, split.range, low):
                return Halves(factor, split, low)
    return None


def _fit(factor: Range, split: Range, low: int) -> bool:
    """Whether both products and their sum fit 32 bits."""
    upper = product_range(factor, (int(shift_floor(split[0], low)), int(shift_floor(split[1], low))))
    lower = product_range(factor, (0, int(shift_left(1, low)) - 1))
    carried = int(shift_floor(lower[0], low)), int(shift_floor(lower[1], low))
    return all(fits(found, 32) for found in (upper, lower, (upper[0] + carried[0], upper[1] + carried[1])))


def product_range(a: Range, b: Range) -> Range:
    """Bounds of a product."""
    corners = [x * y for x, y in product(a, b)]
    return min(corners), max(corners)
