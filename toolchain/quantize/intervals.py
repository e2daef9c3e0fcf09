"""Intervals of integers that go through a neuron's step in place of values: what every register can hold at most.

A primitive that rises or falls in each operand takes its extremes at the corners of the operands' intervals, so the
primitives of `ir.integer` themselves give the bounds. A reset is followed through its comparison: what is kept where a
voltage did not reach its threshold lies below it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import product
from typing import Any

import numpy as np

from toolchain.ir.integer import PRIMITIVES, IntArray, Overflow, fit, limits

FLAGS = ("greater", "greater_equal", "equal")
MONOTONE = (
    "add", "subtract", "multiply", "shift_left", "shift_floor", "multiply_shift_floor", "multiply_shift_toward_zero",
    "saturate",
)  # fmt: skip


@dataclass(eq=False)
class Interval:
    """Least and greatest value of each element.

    Attributes:
        low, high: int64 arrays of one shape.
        cause: for the outcome of a comparison: its name and operands.
        times: for an outcome times a value: the outcome and the value.
    """

    low: IntArray
    high: IntArray
    cause: tuple[str, Any, Any] | None = None
    times: tuple[Interval, Interval] | None = field(default=None, repr=False)

    def apply_primitive(self, name: str, operands: tuple[object, ...]) -> Interval:
        """The interval of a primitive's result."""
        if name in FLAGS:
            return _flag(name, interval(operands[0]), interval(operands[1]))
        if name == "select":
            return _select(*map(interval, operands))
        if name == "lookup":
            return _lookup(np.asarray(operands[0]), interval(operands[1]))
        if name in ("each_mode", "sum_modes"):
            return Interval(PRIMITIVES[name](self.low), PRIMITIVES[name](self.high))
        if name not in MONOTONE:
            raise NotImplementedError(f"no interval rule for the primitive {name}")
        if name == "subtract" and (spared := _spared(*map(interval, operands))) is not None:
            return spared
        result = _corners(name, operands)
        if name == "multiply":
            result.times = next(((a, b) for a, b in _pairs(operands) if a.cause is not None), None)
        return result


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


def whole(bits: int, shape: tuple[int, ...]) -> Interval:
    """Everything that a register of `bits` can hold."""
    low, high = limits(bits)
    return Interval(np.full(shape, low), np.full(shape, high))


def room(bits: int, rule: Overflow) -> tuple[int, int]:
    """The values that a register takes in unchanged."""
    low, high = limits(bits)
    return (-high, high) if rule == Overflow.SATURATE else (low, high)


def held(value: Interval, bits: int, rule: Overflow) -> Interval:
    """What a register holds of a value by its overflow rule; a trap ends the run."""
    least, most = room(bits, rule)
    if rule == Overflow.SATURATE:
        return Interval(fit(value.low, bits, rule), fit(value.high, bits, rule))
    if rule == Overflow.TRAP:
        return Interval(np.clip(value.low, least, most), np.clip(value.high, least, most))
    inside = (value.low >= least) & (value.high <= most)
    return Interval(np.where(inside, value.low, least), np.where(inside, value.high, most))


def _corners(name: str, operands: tuple[object, ...]) -> Interval:
    ends = [(part.low, part.high) if part.low is not part.high else (part.low,) for part in map(interval, operands)]
    results = [np.asarray(PRIMITIVES[name](*corner)) for corner in product(*ends)]
    low, high = results[0], results[0]
    for result in results[1:]:
        low, high = np.minimum(low, result), np.maximum(high, result)
    return Interval(low, high)


def _pairs(operands: tuple[object, ...]) -> list[tuple[Interval, Interval]]:
    a, b = map(interval, operands)
    return [(a, b), (b, a)]


def _flag(name: str, a: Interval, b: Interval) -> Interval:
    if name == "equal":
        never, always = (a.high < b.low) | (b.high < a.low), (a.low == a.high) & (b.low == b.high) & (a.low == b.low)
    else:
        compare = PRIMITIVES[name]
        always, never = compare(a.low, b.high) != 0, compare(a.high, b.low) == 0
    return Interval(np.where(always, 1, 0), np.where(never, 0, 1), cause=(name, a, b))


def _unreached(outcome: Interval, value: Interval) -> Interval | None:
    """What the value is where a comparison of just this value did not come true."""
    if outcome.cause is None or outcome.cause[0] == "equal" or outcome.cause[1] is not value:
        return None
    name, _, threshold = outcome.cause
    top = np.minimum(value.high, threshold.high - (1 if name == "greater_equal" else 0))
    return Interval(np.minimum(value.low, top), top)


def _reached(outcome: Interval, value: Interval) -> Interval | None:
    """What the value is where the comparison came true."""
    if outcome.cause is None or outcome.cause[0] == "equal" or outcome.cause[1] is not value:
        return None
    name, _, threshold = outcome.cause
    least = np.maximum(value.low, threshold.low + (1 if name == "greater" else 0))
    return Interval(least, np.maximum(value.high, least))


def _select(condition: Interval, a: Interval, b: Interval) -> Interval:
    kept, taken = _unreached(condition, b) or b, _reached(condition, a) or a
    both = hull(taken, kept)
    surely, never = condition.low > 0, (condition.low == 0) & (condition.high == 0)
    low = np.where(surely, taken.low, np.where(never, b.low, both.low))
    return Interval(low, np.where(surely, taken.high, np.where(never, b.high, both.high)))


def _spared(value: Interval, cost: Interval) -> Interval | None:
    """value - outcome * price, where the outcome is that of a comparison of just this value; a price of 1 by itself."""
    outcome, price = (cost, interval(1)) if cost.times is None else cost.times
    kept, taken = _unreached(outcome, value), _reached(outcome, value)
    if kept is None or taken is None:
        return None
    paid = _corners("subtract", (taken, price))
    possible = outcome.high > 0
    both = hull(kept, paid)
    return Interval(np.where(possible, both.low, value.low), np.where(possible, both.high, value.high))


def _lookup(table: IntArray, index: Interval) -> Interval:
    first, last = (PRIMITIVES["lookup"](table, end) for end in (index.low, index.high))
    if np.all(np.diff(table) >= 0):
        return Interval(first, last)
    shape = np.shape(first)
    return Interval(np.full(shape, table.min()), np.full(shape, table.max()))
