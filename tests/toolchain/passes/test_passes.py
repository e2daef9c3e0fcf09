"""One test for every pass: the reference's trace before is its trace after, up to the declared latency."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from tests.strategies import runs
from tests.toolchain.passes.same import assert_same
from tests.toolchain.passes.streams import (
    noise,
    relayed,
    residual,
    streams,
    with_even_weights,
    with_slack,
    with_zeros,
)
from tests.toolchain.report.digits_like import digits_like
from toolchain.bounds.verify import verify
from toolchain.errors import UnsupportedError, VerificationError
from toolchain.ir.program import Program
from toolchain.ir.text import write_program
from toolchain.passes.base import Pass
from toolchain.passes.choose_stream import ChooseStream
from toolchain.passes.delays import BalanceDelays
from toolchain.passes.pipeline import PASSES, run_passes
from toolchain.passes.prune import PruneZeros
from toolchain.passes.relay_stream import RelayStream
from toolchain.passes.scales import FoldScales
from toolchain.passes.split_fan_in import SplitFanIn
from toolchain.passes.split_ssm import SplitSsm
from toolchain.passes.unroll_stream import UnrollStream


def digits_small() -> Program:
    return digits_like(size=6, modes=3)


def deep_residual() -> Program:
    return residual(blocks=6, size=16)


def relayed_residual() -> Program:
    return RelayStream()(residual()).program


# Every pass with options under which it acts, and a program on which it must.
ACTING: list[tuple[Pass, Callable[[], Program]]] = [
    (PruneZeros(), with_zeros),
    (FoldScales(), with_even_weights),
    (BalanceDelays(), with_slack),
    (BalanceDelays(max_delay_steps=3), with_slack),
    (BalanceDelays(max_delay_steps=1), digits_small),
    (RelayStream(), residual),
    (UnrollStream(), relayed_residual),
    (ChooseStream(), deep_residual),
    (SplitSsm(), digits_small),
    (SplitSsm(), residual),
    (SplitFanIn(max_sources=5), digits_small),
    (SplitFanIn(max_sources=5), with_slack),
]
IDS = [f"{one.text} on {program.__name__}" for one, program in ACTING]
EACH = [BalanceDelays(max_delay_steps=2), SplitFanIn(max_sources=2), *(one() for one in PASSES)]


@pytest.mark.parametrize(("one", "make"), ACTING, ids=IDS)
def test_trace_before_is_trace_after_where_the_pass_acts(one: Pass, make: Callable[[], Program]) -> None:
    program = make()
    result = one(program)
    assert write_program(result.program) != write_program(program)
    inputs = noise(program)
    assert assert_same(program, result, inputs) > 1000
    assert result.remarks


def test_every_pass_acts_on_some_program() -> None:
    assert {type(one) for one, _ in ACTING} == set(PASSES)


@pytest.mark.slow
@pytest.mark.parametrize("one", EACH, ids=lambda one: one.text)
@settings(max_examples=30)
@given(data=st.data())
def test_trace_before_is_trace_after(one: Pass, data: st.DataObject) -> None:
    program, inputs = data.draw(st.one_of(runs(), streams(), relayed()))
    verify(program)
    said: list[str] = []
    try:
        result = run_passes(program, [one], said.append)
    except (UnsupportedError, VerificationError) as error:
        event("refused")
        assert error.remedy
        return
    same = write_program(result.program) == write_program(program)
    event("left as it was" if same else "acted")
    assert same or said or result.program.latency_steps == program.latency_steps
    assert_same(program, result, inputs)
