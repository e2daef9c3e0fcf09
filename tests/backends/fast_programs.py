"""Programs and neuron types that the tests of the fast simulator share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

from simulators import fast, reference
from simulators.compare import compare
from toolchain.errors import OverflowTrapError
from toolchain.ir.connections import Dense
from toolchain.ir.integer import (
    IntArray,
    Overflow,
    add,
    each_mode,
    greater,
    limits,
    multiply,
    multiply_shift_floor,
    multiply_shift_toward_zero,
    select,
    shift_floor,
    subtract,
    sum_modes,
)
from toolchain.ir.neurons import NEURONS_BY_NAME, Coefficient, NeuronType, Port, Register, Setting
from toolchain.ir.program import Input, Population, Program, Projection
from toolchain.ir.trace import Trace

GROUPS = ("messages", "registers", "sent", "final")


def assert_same_trace(program: Program, left: Trace, right: Trace) -> None:
    """Everything that two traces hold is equal, and of the same type."""
    if left.steps and left.samples and (left.messages or left.registers):  # of nothing, nothing can be compared
        comparison = compare(program, left, right)
        assert comparison.equal, str(comparison.first)
    assert (left.program, left.samples, left.steps) == (right.program, right.samples, right.steps)
    assert dict(left.overflows) == dict(right.overflows)
    for group in GROUPS:
        one, other = getattr(left, group), getattr(right, group)
        assert one.keys() == other.keys()
        for name in one:
            assert one[name].dtype == other[name].dtype
            assert np.array_equal(one[name], other[name]), (group, name)


def outcome(simulate: Any, program: Program, inputs: Mapping[str, IntArray], **options: Any) -> Trace | str:
    """The trace of a run, or the text of the error that ended it."""
    try:
        trace: Trace = simulate(program, inputs, **options)
        return trace
    except OverflowTrapError as error:
        return str(error)


def assert_same_outcome(program: Program, inputs: Mapping[str, IntArray], **options: Any) -> Trace | str:
    """Both simulators give the same trace, or stop with the same words."""
    expected = outcome(reference.simulate, program, inputs, **options)
    found = outcome(fast.simulate, program, inputs, **options)
    if isinstance(expected, str) or isinstance(found, str):
        assert found == expected
    else:
        assert_same_trace(program, expected, found)
    return found


@contextmanager
def known(neuron: NeuronType) -> Iterator[None]:
    """Make a neuron type one that programs may use."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(NEURONS_BY_NAME, neuron.name, neuron)
        yield


def _normalized(own: Any, state: Any, ports: Any, keep: Any) -> tuple[dict[str, Any], Any]:
    level = keep("level", add(multiply_shift_floor(own.gain, state.level, 6), each_mode(ports.input)))
    mean = shift_floor(sum_modes(level), own.share)
    apart = keep("apart", subtract(level, each_mode(mean)))
    spread = keep("spread", sum_modes(multiply(apart, greater(apart, state.level))))
    older = subtract(state.level, each_mode(spread))
    return {"level": select(greater(apart, 0), level, older), "spread": spread}, spread


NORMALIZED = NeuronType(
    name="normalized",
    summary="a type for tests: sums over modes that the modes then need, twice, and old values read late",
    registers=(
        Register("level", 12, Overflow.SATURATE, per="mode"),
        Register("apart", 11, Overflow.WRAP, per="mode", stored=False),
        Register("spread", 16, Overflow.SATURATE),
    ),
    coefficients=(Coefficient("gain", 8, per="mode"),),
    settings=(Setting("share", 0, 4, 1),),
    ports=(Port("input"),),
    message_bits=16,
    step=_normalized,
)


def multiplier(factor_bits: int, value_bits: int, shift: int) -> NeuronType:
    """A type that multiplies what arrives by a coefficient, both ways of rounding, at the given widths."""

    def step(own: Any, state: Any, ports: Any, keep: Any) -> tuple[dict[str, Any], Any]:
        value = keep("value", ports.input)
        floor = multiply_shift_floor(own.factor, value, shift)
        zero = multiply_shift_toward_zero(value, own.factor, shift)
        return {"value": value, "floor": keep("floor", floor), "zero": keep("zero", zero)}, 0

    return NeuronType(
        name="multiplier",
        summary="a type for tests",
        registers=(
            Register("value", value_bits, Overflow.WRAP),
            Register("floor", 56, Overflow.TRAP),
            Register("zero", 56, Overflow.TRAP),
        ),
        coefficients=(Coefficient("factor", factor_bits),),
        settings=(),
        ports=(Port("input", bits=26),),
        message_bits=0,
        step=step,
    )


def one_to_one(population: Population, bits: int = 24) -> Program:
    """A population whose neurons hear one input channel each."""
    joint = Projection("in", "input", population.name, Dense(np.eye(population.size, dtype=np.int64)))
    return Program("one", (Input("input", population.size, bits),), (population,), (joint,), ())


def near_edges(bits: int) -> list[int]:
    """min, min + 1, -1, 0, 1, max - 1, max, and what lies between."""
    low, high = limits(bits)
    return sorted({low, low + 1, -1, 0, 1, high - 1, high, *np.linspace(low, high, 10, dtype=np.int64).tolist()})
