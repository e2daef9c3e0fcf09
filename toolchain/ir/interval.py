"""Intervals of integers in place of values: the domain in which `toolchain.bounds` says how large something can be.

Every primitive of `integer` names one of the rules below, or one of its own, beside its definition. A primitive that
rises or falls in each operand takes its extremes at the corners of the operands' intervals, so the primitive itself
gives the bounds. A reset is followed through its comparison: what is kept where a voltage did not reach its threshold
lies below it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import product
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from toolchain.errors import UnsupportedError

Ends: TypeAlias = NDArray[Any]
"""int64, or Python integers (dtype object) where 64 bits may be too few."""


@dataclass(eq=False)
class Interval:
    """Least and greatest value of each element.

    Attributes:
        low, high: integers, arrays of one shape.
        cause: for the outcome of a comparison: the primitive's name and the operands.
        times: for an outcome times a value: the outcome and the value.
    """

    low: Ends
    high: Ends
    cause: tuple[str, Interval, Interval] | None = field(default=None, repr=False)
    times: tuple[Interval, Interval] | None = field(default=None, repr=False)

    def apply_primitive(self, name: str, operands: tuple[Any, ...]) -> Interval:
        """The interval of a primitive's result.

        Raises:
            UnsupportedError: it is not a primitive.
        """
        if name not in INTERVAL_RULES:
            raise UnsupportedError(
                name, "is not a primitive: nothing bounds its result", "use those of toolchain.ir.integer"
            )
        rule, primitive = INTERVAL_RULES[name]
        return rule(primitive, operands)


Primitive: TypeAlias = Callable[..., Any]
IntervalRule: TypeAlias = Callable[[Primitive, tuple[Any, ...]], Interval]
"""(the primitive, its operands: intervals, numbers, arrays) -> an interval that holds every result."""

INTERVAL_RULES: dict[str, tuple[IntervalRule, Primitive]] = {}
"""By primitive: its rule, and itself on numbers."""


def interval(value: object) -> Interval:
    """A value as an interval that holds nothing else."""
    if isinstance(value, Interval):
        return value
    exact = np.asarray(value, dtype=np.int64)
    return Interval(exact, exact)


def hull(*parts: Interval) -> Interval:
    """The least interval that holds all."""
    low, high = parts[0].low, parts[0].high
    for part in parts[1:]:
        low, high = np.minimum(low, part.low), np.maximum(high, part.high)
    return Interval(low, high)


def overlap(a: Interval, b: Interval) -> Interval:
    """What both hold; both are known to hold the value."""
    return Interval(np.maximum(a.low, b.low), np.minimum(a.high, b.high))


def within(value: Interval, low: int, high: int) -> bool:
    """Whether every element lies in low .. high."""
    return bool(np.all(value.low >= low) and np.all(value.high <= high))


def corners(primitive: Primitive, operands: tuple[Any, ...]) -> Interval:
    """Rises or falls in each operand, the others fixed."""
    ends = [(part.low, part.high) if part.low is not part.high else (part.low,) for part in map(interval, operands)]
    results = [np.asarray(primitive(*corner)) for corner in product(*ends)]
    low, high = results[0], results[0]
    for result in results[1:]:
        low, high = np.minimum(low, result), np.maximum(high, result)
    return Interval(low, high)


def product_corners(primitive: Primitive, operands: tuple[Any, ...]) -> Interval:
    """Corners, and where one operand is the outcome of a comparison, what it multiplies."""
    result = corners(primitive, operands)
    a, b = map(interval, operands)
    result.times = next(((one, other) for one, other in ((a, b), (b, a)) if one.cause is not None), None)
    return result


def difference(primitive: Primitive, operands: tuple[Any, ...]) -> Interval:
    """Corners; but where a value pays only because it reached its threshold, it had that much to pay from."""
    value, cost = map(interval, operands)
    outcome, price = (cost, interval(1)) if cost.times is None else cost.times
    kept, taken = _unreached(outcome, value), _reached(outcome, value)
    if kept is None or taken is None:
        return corners(primitive, operands)
    paid = corners(primitive, (taken, price))
    possible = outcome.high > 0
    both = hull(kept, paid)
    return Interval(np.where(possible, both.low, value.low), np.where(possible, both.high, value.high))


def comparison(primitive: Primitive, operands: tuple[Any, ...]) -> Interval:
    """Rises in the first operand and falls in the second; the outcome remembers what was compared."""
    a, b = map(interval, operands)
    return Interval(primitive(a.low, b.high), primitive(a.high, b.low), cause=(primitive.__name__, a, b))


def equality(_: Primitive, operands: tuple[Any, ...]) -> Interval:
    """Never where the operands are apart, always where both are one and the same number."""
    a, b = map(interval, operands)
    never = (a.high < b.low) | (b.high < a.low)
    always = (a.low == a.high) & (b.low == b.high) & (a.low == b.low)
    return Interval(np.where(always, 1, 0), np.where(never, 0, 1))


def choice(_: Primitive, operands: tuple[Any, ...]) -> Interval:
    """Either operand, as far as the condition leaves it open."""
    condition, a, b = map(interval, operands)
    kept, taken = _unreached(condition, b) or b, _reached(condition, a) or a
    both = hull(taken, kept)
    surely, never = (condition.low > 0) | (condition.high < 0), (condition.low == 0) & (condition.high == 0)
    low = np.where(surely, taken.low, np.where(never, b.low, both.low))
    return Interval(low, np.where(surely, taken.high, np.where(never, b.high, both.high)))


def table_entries(primitive: Primitive, operands: tuple[Any, ...]) -> Interval:
    """The entries at the ends of the index where the table rises, else any entry."""
    table, index = np.asarray(operands[0]), interval(operands[1])
    first, last = (np.asarray(primitive(table, end)) for end in (index.low, index.high))
    if np.all(np.diff(table) >= 0):
        return Interval(first, last)
    return Interval(np.full(first.shape, table.min()), np.full(first.shape, table.max()))


def weighted(primitive: Primitive, operands: tuple[Any, ...]) -> Interval:
    """The worst sum: each weight takes the end of its source's interval that its sign asks for."""
    weights, payload = operands[0], interval(operands[1])
    sparse = not isinstance(weights, np.ndarray)
    up, down = ((m.maximum(0) if sparse else np.maximum(m, 0)) for m in (weights, -weights))
    low = primitive(up, payload.low) - primitive(down, payload.high)
    return Interval(np.asarray(low), np.asarray(primitive(up, payload.high) - primitive(down, payload.low)))


def _unreached(outcome: Interval, value: Interval) -> Interval | None:
    """What the value is where a comparison of just this value did not come true."""
    if outcome.cause is None or outcome.cause[1] is not value:
        return None
    name, _, threshold = outcome.cause
    top = np.minimum(value.high, threshold.high - (1 if name == "greater_equal" else 0))
    return Interval(np.minimum(value.low, top), top)


def _reached(outcome: Interval, value: Interval) -> Interval | None:
    """What the value is where the comparison came true."""
    if outcome.cause is None or outcome.cause[1] is not value:
        return None
    name, _, threshold = outcome.cause
    least = np.maximum(value.low, threshold.low + (1 if name == "greater" else 0))
    return Interval(least, np.maximum(value.high, least))
