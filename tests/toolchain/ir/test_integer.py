"""The primitives against their definitions on unbounded integers, exhaustively at small widths.

A definition here is a comparison, a count, a `divmod` or a rounding of a `Fraction`: never the operator that the
primitive itself uses.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from fractions import Fraction

import numpy as np
import pytest
import scipy.sparse
from hypothesis import given
from hypothesis import strategies as st

from toolchain.errors import OverflowTrapError
from toolchain.ir import integer
from toolchain.ir.integer import PRIMITIVES, Overflow, fit, limits

SMALL = range(-17, 18)
SHIFTS = range(7)
WIDTHS = range(1, 6)
LARGE = st.integers(-(2**30), 2**30)


def times_power(a: int, bits: int) -> int:
    for _ in range(bits):
        a = a + a
    return a


def product(a: int, b: int) -> int:
    return int(Fraction(a) / Fraction(1, b)) if b else 0


def floor_quotient(a: int, bits: int) -> int:
    """The greatest q with q 2^bits <= a."""
    return math.floor(Fraction(a, 2**bits))


def toward_zero_quotient(a: int, bits: int) -> int:
    sign = (a > 0) - (a < 0)
    return sign * math.floor(Fraction(abs(a), 2**bits))


def congruent(a: int, bits: int) -> int:
    (only,) = [v for v in range(-(2 ** (bits - 1)), 2 ** (bits - 1)) if Fraction(a - v, 2**bits).denominator == 1]
    return only


def nearest(a: int, bits: int) -> int:
    top = 2 ** (bits - 1) - 1
    return min(range(-top, top + 1), key=lambda v: abs(v - a))


DEFINITIONS: dict[str, tuple[Callable[..., int], Sequence[Sequence[int]]]] = {
    "add": (lambda a, b: int(Fraction(a) + Fraction(b)), (SMALL, SMALL)),
    "subtract": (lambda a, b: int(Fraction(a) - Fraction(b)), (SMALL, SMALL)),
    "multiply": (product, (SMALL, SMALL)),
    "shift_left": (times_power, (SMALL, SHIFTS)),
    "shift_floor": (floor_quotient, (SMALL, SHIFTS)),
    "multiply_shift_floor": (lambda a, b, bits: floor_quotient(product(a, b), bits), (SMALL, SMALL, SHIFTS)),
    "multiply_shift_toward_zero": (
        lambda a, b, bits: toward_zero_quotient(product(a, b), bits), (SMALL, SMALL, SHIFTS),
    ),
    "greater": (lambda a, b: sum(1 for v in (a,) if v in range(b + 1, 99)), (SMALL, SMALL)),
    "greater_equal": (lambda a, b: sum(1 for v in (a,) if v in range(b, 99)), (SMALL, SMALL)),
    "equal": (lambda a, b: len({a, b}) % 2, (SMALL, SMALL)),
    "select": (lambda c, a, b: [a, b][c == 0], (range(-2, 3), SMALL, SMALL)),
    "wrap": (congruent, (range(-70, 71), WIDTHS)),
    "saturate": (nearest, (range(-40, 41), WIDTHS)),
}  # fmt: skip
SHAPES = {"lookup", "each_mode", "sum_modes", "weighted_sum", "trap"}


def test_every_primitive_has_a_definition() -> None:
    assert PRIMITIVES.keys() == DEFINITIONS.keys() | SHAPES
    assert all(PRIMITIVES[name] is getattr(integer, name) for name in PRIMITIVES)
    assert all(PRIMITIVES[name].__name__ == name for name in PRIMITIVES)


@pytest.mark.parametrize("name", DEFINITIONS)
@pytest.mark.parametrize("kind", [np.int64, object])
def test_exhaustively_at_small_widths(name: str, kind: type) -> None:
    definition, ranges = DEFINITIONS[name]
    columns = np.array(list(itertools.product(*ranges)), dtype=np.int64).T
    if name in ("wrap", "saturate"):  # a width is one number, as it is in a program
        for bits in WIDTHS:
            values = columns[0][columns[1] == bits]
            expected = [definition(a, bits) for a in values.tolist()]
            assert PRIMITIVES[name](values.astype(kind), bits).tolist() == expected
        return
    expected = [definition(*row) for row in columns.T.tolist()]
    assert PRIMITIVES[name](*(column.astype(kind) for column in columns)).tolist() == expected


@pytest.mark.parametrize("name", sorted(DEFINITIONS.keys() - {"wrap", "saturate", "greater", "greater_equal"}))
@given(data=st.data())
def test_definitions_hold_for_large_values(name: str, data: st.DataObject) -> None:
    definition, ranges = DEFINITIONS[name]
    count = 1 if name in ("shift_left", "shift_floor", "equal") else 2
    values = [data.draw(LARGE) for _ in range(count)]
    rest = [data.draw(st.integers(0, 31) if axis is SHIFTS else LARGE) for axis in ranges[count:]]
    assert int(PRIMITIVES[name](*map(np.int64, (*values, *rest)))) == definition(*values, *rest)


@given(st.integers(-(2**62), 2**62), st.integers(1, 40))
def test_large_values_in_words(value: int, bits: int) -> None:
    array, top = np.array([value]), 2 ** (bits - 1) - 1
    wrapped = int(integer.wrap(array, bits)[0])
    assert limits(bits)[0] <= wrapped <= limits(bits)[1]
    assert Fraction(value - wrapped, 2**bits).denominator == 1
    assert int(integer.saturate(array, bits)[0]) == sorted([-top, value, top])[1]
    assert int(integer.wrap(np.array([value], dtype=object), bits)[0]) == wrapped


@given(st.integers(-(2**62), 2**62), st.integers(-(2**62), 2**62))
def test_large_comparisons(a: int, b: int) -> None:
    sign = int(math.copysign(1, Fraction(a) - Fraction(b))) if a != b else 0
    results = [PRIMITIVES[name](np.int64(a), np.int64(b)) for name in ("greater", "equal", "greater_equal")]
    assert [int(result) for result in results] == {1: [1, 0, 1], 0: [0, 1, 1], -1: [0, 0, 0]}[sign]


@pytest.mark.parametrize(("bits", "low", "high"), [(1, -1, 0), (2, -2, 1), (8, -128, 127), (24, -8388608, 8388607)])
def test_limits(bits: int, low: int, high: int) -> None:
    assert limits(bits) == (low, high)


def test_flags_are_integers() -> None:
    for name in ("greater", "greater_equal", "equal"):
        assert PRIMITIVES[name](np.array([3, 4]), 4).dtype == np.int64


@pytest.mark.parametrize(("index", "entry"), [(-9, 5), (-1, 5), (0, 5), (1, -6), (2, 7), (3, 7), (99, 7)])
@pytest.mark.parametrize("kind", [np.int64, object])
def test_lookup_takes_the_end_entries_outside(index: int, entry: int, kind: type) -> None:
    table: np.ndarray = np.array([5, -6, 7], dtype=kind)
    assert integer.lookup(table, np.array([[index]], dtype=kind)).tolist() == [[entry]]
    assert int(integer.lookup([5, -6, 7], index)) == entry
    assert integer.lookup([5, -6, 7], np.array([[index]], dtype=kind)).tolist() == [[entry]]


def test_modes_are_the_last_axis() -> None:
    a = np.arange(6).reshape(1, 3, 2)
    assert integer.sum_modes(a).tolist() == [[1, 5, 9]]
    assert integer.each_mode(np.array([[1, 2]])).tolist() == [[[1], [2]]]


@given(st.data())
def test_weighted_sum_is_the_sum_over_sources(data: st.DataObject) -> None:
    targets, sources, samples = (data.draw(st.integers(1, 3)) for _ in range(3))
    weights = [[data.draw(st.integers(-128, 127)) for _ in range(sources)] for _ in range(targets)]
    payload = [[data.draw(st.integers(-(2**23), 2**23)) for _ in range(sources)] for _ in range(samples)]
    expected = [[sum(w * p for w, p in zip(row, sent, strict=True)) for row in weights] for sent in payload]
    for kind in (np.array, scipy.sparse.csr_array):
        assert integer.weighted_sum(kind(weights), np.array(payload)).tolist() == expected
    unbounded = integer.weighted_sum(np.array(weights, dtype=object), np.array(payload, dtype=object))
    assert unbounded.tolist() == expected


@pytest.mark.parametrize("value", [-8, -7, 0, 6, 7])
def test_trap_passes_what_fits(value: int) -> None:
    given_array = np.array([[value]])
    assert integer.trap(given_array, 4) is given_array


@pytest.mark.parametrize("value", [-100, -9, 8, 100])
def test_trap_names_the_first_that_does_not_fit(value: int) -> None:
    with pytest.raises(OverflowTrapError) as caught:
        integer.trap(np.array([[0, 7], [value, 99]]), 4)
    assert str(caught.value) == (
        f"element (1, 0): {value} does not fit a signed 4-bit register (-8 .. 7);"
        " lower a weight exponent or rescale the layer"
    )


def test_trap_takes_a_plain_number() -> None:
    assert integer.trap(7, 4) == 7
    with pytest.raises(OverflowTrapError, match="8 does not fit a signed 4-bit register"):
        integer.trap(8, 4)


def test_fit_applies_the_named_rule() -> None:
    over = np.array([9])
    assert [rule.value for rule in Overflow] == ["wrap", "saturate", "trap"]
    assert fit(over, 4, Overflow.WRAP).tolist() == [-7]
    assert fit(over, 4, Overflow.SATURATE).tolist() == [7]
    with pytest.raises(OverflowTrapError):
        fit(over, 4, Overflow.TRAP)


class Recorder:
    """A symbol that remembers which primitive it met."""

    def apply_primitive(self, name: str, operands: tuple[object, ...]) -> tuple[str, tuple[object, ...]]:
        return name, operands


@pytest.mark.parametrize("name", PRIMITIVES)
def test_a_symbol_takes_the_call_wherever_it_stands(name: str) -> None:
    symbol = Recorder()
    for at in range(3):
        operands = tuple(symbol if i == at else i for i in range(3))
        assert PRIMITIVES[name](*operands) == (name, operands)
