"""What sources can send: never less than they do, and no wider than what reaches them allows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings

from simulators.reference import simulate
from tests.strategies import runs
from toolchain.bounds.arrivals import at_ports
from toolchain.bounds.listing import bounds
from toolchain.bounds.messages import declared, sent
from toolchain.ir.connections import Dense
from toolchain.ir.integer import IntArray
from toolchain.ir.program import Input, Output, Population, Program, Projection
from toolchain.ir.tracing import trace_step


@pytest.mark.slow
@given(runs())
@settings(max_examples=100, deadline=None)
def test_nothing_that_is_sent_or_held_is_outside(run: tuple[Program, dict[str, IntArray]]) -> None:
    program, inputs = run
    trace = simulate(program, inputs, probes=program.all_probes(), strict=False)
    possible, widths = sent(program), declared(program)
    for name, found in possible.items():
        values = trace.messages[name]
        assert np.all(values >= found.low) and np.all(values <= found.high), name
        assert np.all(found.low >= widths[name].low) and np.all(found.high <= widths[name].high)
    for population in program.populations:
        listing = trace_step(population)
        ranges = bounds(population, listing)
        for register, result in listing.kept.items():
            held = trace.registers.get(f"{population.name}.{register}")
            if register not in listing.registers and held is not None and held.size:
                low, high = ranges.of[result]
                assert min(low, 0) <= held.min() and held.max() <= max(high, 0), register


def relays(weight: int, *, loop: int = 0) -> Program:
    """An input of 3 bits, through a relay of 20 bits, to a second one that also hears itself."""
    first, second = (Population(name, "relay", 1, settings={"message_bits": 20}) for name in ("a", "b"))
    joints = (
        Projection("in->a", "in", "a", Dense(np.array([[weight]]))),
        Projection("a->b", "a", "b", Dense(np.array([[1]])), exponent=1),
        Projection("b->b", "b", "b", Dense(np.array([[loop]])), exponent=-2),
    )
    return Program("relays", (Input("in", 1, 3),), (first, second), joints, (Output("o", "b"),))


def test_a_relay_sends_no_more_than_reaches_it() -> None:
    found = sent(relays(5))
    assert (found["a"].low.tolist(), found["a"].high.tolist()) == ([-20], [15])
    assert (found["b"].low.tolist(), found["b"].high.tolist()) == ([-40], [30])


def test_a_loop_is_bounded_by_its_width_where_nothing_else_bounds_it() -> None:
    found = sent(relays(5, loop=4))
    assert found["b"].high.tolist() == [2**19 - 1]
    arriving = at_ports(relays(5, loop=4), relays(5).population("b"), found)["input"]
    assert arriving.high.tolist() == [2**19 - 1 + 30]


def test_ternary_messages_have_two_bits_and_three_values() -> None:
    neurons = Population("t", "ternary", 1, coefficients={"threshold": np.array([3])})
    joint = Projection("in->t", "in", "t", Dense(np.array([[1]])))
    found = sent(Program("ternary", (Input("in", 1, 8),), (neurons,), (joint,), (Output("o", "t"),)))
    assert (found["t"].low.tolist(), found["t"].high.tolist()) == ([-1], [1])
