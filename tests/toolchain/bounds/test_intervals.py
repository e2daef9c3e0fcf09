"""Each primitive's interval holds every result of values inside its operands' intervals, and no more than those."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations_with_replacement, product
from typing import Any

import numpy as np
import pytest
import scipy.sparse

from toolchain.ir.integer import PRIMITIVES, IntArray, add, greater, limits, multiply, select, subtract
from toolchain.ir.interval import INTERVAL_RULES, Interval

ENDS = (-9, -4, -1, 0, 1, 5, 9)
SHIFTS = (0, 1, 3)
WIDTHS = (2, 3, 4)
TABLES = ([3, 1, -2, 7], [-4, 0, 0, 6])

# By primitive: the operands, numbers to vary as intervals or things that are handed over as they are.
OPERANDS: dict[str, Sequence[Sequence[Any]]] = {
    **dict.fromkeys(("add", "subtract", "multiply", "greater", "greater_equal", "equal"), (ENDS, ENDS)),
    **dict.fromkeys(("shift_left", "shift_floor"), (ENDS, SHIFTS)),
    **dict.fromkeys(("multiply_shift_floor", "multiply_shift_toward_zero"), (ENDS, ENDS, (2,))),
    "select": ((-1, 0, 1, 2), ENDS, ENDS),
    **dict.fromkeys(("wrap", "saturate", "trap"), (ENDS, WIDTHS)),
}
SHAPED = {"lookup", "each_mode", "sum_modes", "weighted_sum"}
LITERAL = {"wrap", "saturate", "trap"}
"""Their width is a number that is known when a program is made."""


def spans(values: Sequence[int]) -> list[tuple[int, int]]:
    return list(combinations_with_replacement(values, 2))


def one(low: int, high: int) -> Interval:
    return Interval(np.array([low]), np.array([high]))


def ends(found: Interval) -> tuple[int, int]:
    return int(np.min(found.low)), int(np.max(found.high))


def test_every_primitive_has_a_rule_and_a_case() -> None:
    assert INTERVAL_RULES.keys() == PRIMITIVES.keys() == OPERANDS.keys() | SHAPED


def choices(name: str) -> list[tuple[tuple[int, int], ...]]:
    """Spans of each operand, in every combination; a width is one number."""
    given = [spans(values) for values in OPERANDS[name]]
    if name in LITERAL:
        given[1] = [(bits, bits) for bits in WIDTHS]
    return list(product(*given))


def results_of(name: str, operands: tuple[tuple[int, int], ...]) -> IntArray:
    """The primitive's results on all numbers of the spans; a trap lets only those through that fit."""
    grid = [axis.ravel() for axis in np.meshgrid(*(np.arange(low, high + 1) for low, high in operands), indexing="ij")]
    if name not in LITERAL:
        return np.asarray(PRIMITIVES[name](*grid))
    bits = operands[1][0]
    low, high = limits(bits)
    kept = grid[0][(grid[0] >= low) & (grid[0] <= high)] if name == "trap" else grid[0]
    return np.asarray(PRIMITIVES[name](kept, bits))


@pytest.mark.parametrize("name", OPERANDS)
def test_every_result_is_inside(name: str) -> None:
    every = choices(name)
    for index in np.random.default_rng(0).permutation(len(every))[:1500]:
        operands = every[index]
        results = results_of(name, operands)
        given: list[Any] = [one(*span) for span in operands]
        if name in LITERAL:
            given[1] = operands[1][0]
        low, high = ends(PRIMITIVES[name](*given))
        if results.size:
            assert low <= results.min() and results.max() <= high, operands
            if name not in ("wrap", "select"):
                assert (low, high) == (results.min(), results.max()), operands


@pytest.mark.parametrize("table", TABLES)
def test_entries_of_a_table(table: list[int]) -> None:
    for low, high in spans(range(-2, 6)):
        results = PRIMITIVES["lookup"](np.array(table), np.arange(low, high + 1))
        found = ends(PRIMITIVES["lookup"](np.array(table), one(low, high)))
        assert found[0] <= results.min() and results.max() <= found[1]


def test_modes_are_summed_each_at_its_end() -> None:
    modes = PRIMITIVES["sum_modes"](Interval(np.array([[-1, -2]]), np.array([[3, 0]])))
    assert ends(modes) == (-3, 3)
    assert PRIMITIVES["each_mode"](one(-1, 4)).low.shape == (1, 1)


@pytest.mark.parametrize("kind", [np.asarray, scipy.sparse.csr_array])
def test_the_worst_sum_takes_each_source_at_the_end_that_its_weight_asks_for(kind: Any) -> None:
    weights = np.array([[2, -3, 0], [0, 0, 0], [-1, -1, 5]])
    payload = Interval(np.array([0, -4, -1]), np.array([1, 2, 7]))
    found = PRIMITIVES["weighted_sum"](kind(weights), payload)
    every = np.stack(np.meshgrid([0, 1], [-4, 2], [-1, 7], indexing="ij"), -1).reshape(-1, 3) @ weights.T
    assert found.low.tolist() == every.min(0).tolist()
    assert found.high.tolist() == every.max(0).tolist()


@pytest.mark.parametrize("rule", ["zero", "subtract"])
def test_a_reset_keeps_a_voltage_below_its_threshold(rule: str) -> None:
    """What pays or is cleared did reach the threshold: v in -5 .. 30 with a threshold of 10 stays within -5 .. 20."""
    voltage = one(-5, 30)
    spike = greater(voltage, 10)
    after = select(spike, 0, voltage) if rule == "zero" else subtract(voltage, multiply(spike, 10))
    assert ends(after) == ((-5, 10) if rule == "zero" else (-5, 20))
    assert ends(add(after, 0)) == ends(after)


def test_a_comparison_of_another_value_says_nothing_of_this_one() -> None:
    voltage, other = one(-5, 30), one(0, 20)
    assert ends(select(greater(other, 10), 0, voltage)) == (-5, 30)
