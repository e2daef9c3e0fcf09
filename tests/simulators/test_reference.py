"""The reference simulator against a plain second run, and the order of events in a step."""

from __future__ import annotations

import dataclasses
from random import Random
from typing import TypeVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulators.reference import simulate
from tests.simulators.plain import run_plain
from tests.strategies import runs
from tests.toolchain.ir.samples import column, digits_in_small, plain
from toolchain.errors import VerificationError
from toolchain.ir.connections import Dense, Sparse
from toolchain.ir.integer import IntArray
from toolchain.ir.program import Input, Output, Population, Probe, Program, Projection
from toolchain.ir.text import program_hash
from toolchain.ir.trace import Trace

Run = tuple[Program, dict[str, IntArray]]
Part = TypeVar("Part")
INPUT = np.random.default_rng(3).integers(-32, 32, (3, 20, 1))


def run(program: Program, inputs: dict[str, IntArray], steps: int | None = None) -> Trace:
    return simulate(program, inputs, steps=steps, probes=program.all_probes(), strict=False)


@given(runs(), st.sampled_from([0, 4, 9, 9, 15, 66]))
@settings(max_examples=60)
def test_a_run_is_the_plain_run(drawn: Run, steps: int) -> None:
    program, inputs = drawn
    waits = [Probe(p.name, "wait") for p in program.populations if p.start_step]
    trace = simulate(program, inputs, steps=steps, probes=[*program.all_probes(), *waits], strict=False)
    overflows: dict[str, int] = {}
    for sample in range(trace.samples):
        expected = run_plain(program, inputs, sample, steps)
        for name, values in trace.messages.items():
            assert values[sample].tolist() == expected.messages[name]
        for name, values in trace.registers.items():
            assert values[sample].tolist() == expected.registers[name]
        overflows = {
            key: overflows.get(key, 0) + expected.overflows.get(key, 0) for key in overflows | expected.overflows
        }
    assert trace.overflows == overflows


@given(runs())
@settings(max_examples=30)
def test_what_a_trace_says_fits_together(drawn: Run) -> None:
    program, inputs = drawn
    trace = run(program, inputs)
    length = next(iter(inputs.values())).shape[1]
    assert (trace.program, trace.simulator) == (program_hash(program), "reference")
    assert (trace.samples, trace.steps) == (next(iter(inputs.values())).shape[0], length + program.latency_steps)
    for name, size in program.sizes().items():
        assert trace.messages[name].shape == (trace.samples, trace.steps, size)
        assert trace.messages[name].dtype == trace.sent[name].dtype == np.int64
        assert np.array_equal(trace.sent[name], np.count_nonzero(trace.messages[name], axis=1))
    stored = {f"{p.name}.{r.name}" for p in program.populations for r in p.type.stored}
    assert trace.final.keys() == stored | {f"{p.name}.wait" for p in program.populations if p.start_step}
    assert all(np.array_equal(trace.final[key], trace.registers[key][:, -1]) for key in stored)


@given(runs(), st.randoms(use_true_random=False))
@settings(max_examples=30)
def test_the_order_of_parts_means_nothing(drawn: Run, random: Random) -> None:
    program, inputs = drawn

    def shuffled(parts: tuple[Part, ...]) -> tuple[Part, ...]:
        return tuple(random.sample(parts, len(parts)))

    other = dataclasses.replace(
        program, populations=shuffled(program.populations), projections=shuffled(program.projections),
        inputs=shuffled(program.inputs),
    )  # fmt: skip
    assert same_run(run(program, inputs), run(other, dict(reversed(inputs.items()))))


def same_run(one: Trace, other: Trace) -> bool:
    return bool(plain(dataclasses.replace(one, program="")) == plain(dataclasses.replace(other, program="")))


@given(runs())
@settings(max_examples=20)
def test_samples_do_not_meet(drawn: Run) -> None:
    program, inputs = drawn
    together = run(program, inputs)
    for sample in range(together.samples):
        alone = run(program, {name: values[sample : sample + 1] for name, values in inputs.items()})
        for group in ("messages", "registers", "sent", "final"):
            whole, part = getattr(together, group), getattr(alone, group)
            assert all(np.array_equal(whole[name][sample : sample + 1], part[name]) for name in whole)


def into_relay(*projections: Projection, size: int = 1, start_step: int = 0, inputs: int = 1) -> Program:
    relay = Population("b", "relay", size, start_step=start_step)
    return Program("p", (Input("a", inputs, 10),), (relay,), projections, ())


@pytest.mark.parametrize("delay", range(1, 63))
def test_a_delay_is_kept_exactly(delay: int) -> None:
    program = into_relay(Projection("a->b", "a", "b", Dense(np.array([[3]])), delay_steps=delay))
    sent = column(5, 0, -7).reshape(1, 3, 1)
    arrived = run(program, {"a": sent}, steps=70).messages["b"][0, :, 0]
    assert {t: int(value) for t, value in enumerate(arrived) if value} == {delay: 15, delay + 2: -21}


def test_two_delays_of_one_source_add_up() -> None:
    weights = Dense(np.array([[1]]))
    program = into_relay(
        Projection("near", "a", "b", weights, delay_steps=2), Projection("far", "a", "b", weights, delay_steps=5)
    )
    arrived = run(program, {"a": column(1, 10, 100, 200).reshape(1, 4, 1)}, steps=10).messages["b"][0, :, 0]
    assert arrived.tolist() == [0, 0, 1, 10, 100, 201, 10, 100, 200, 0]


@pytest.mark.parametrize("kind", [Dense, Sparse.from_dense])
@pytest.mark.parametrize(("exponent", "arrives"), [(0, 6), (1, 12), (-1, 3), (-2, 1), (-3, 0), (3, 48)])
def test_the_sum_is_shifted_once(kind: type, exponent: int, arrives: int) -> None:
    """3 + 3 = 6 is shifted after the sum: each 3 by itself would give 2 where this gives 3."""
    program = into_relay(Projection("a->b", "a", "b", kind(np.array([[1, -1]])), exponent=exponent), inputs=2)
    for sign, expected in ((1, arrives), (-1, -arrives if arrives * 2**-exponent == 6 else -arrives - 1)):
        sent = np.array([[[3 * sign, -3 * sign]]])
        assert run(program, {"a": sent}, steps=2).messages["b"][0, :, 0].tolist() == [0, expected]


def test_projections_are_shifted_one_by_one_and_then_added() -> None:
    half = [Projection(name, "a", "b", Dense(np.array([[1]])), exponent=-1) for name in ("one", "two")]
    sent = column(3, -3).reshape(1, 2, 1)
    assert run(into_relay(*half), {"a": sent}, steps=3).messages["b"][0, :, 0].tolist() == [0, 2, -4]


@pytest.mark.parametrize("start_step", [0, 1, 2, 5, 127])
def test_a_population_rests_until_its_first_step(start_step: int) -> None:
    """Nothing of what arrives before is kept, not even a bias."""
    summing = Population("s", "integrator", 2, coefficients={"bias": column(1, -2)}, start_step=start_step)
    one = Projection("a->s", "a", "s", Dense(np.array([[1], [0]])))
    program = Program("p", (Input("a", 1, 8),), (summing,), (one,), (Output("o", "s", "total"),))
    trace = run(program, {"a": np.full((1, 130, 1), 10)}, steps=130)
    active = np.maximum(np.arange(130) - start_step + 1, 0)
    received = active - (start_step == 0)  # at step 0 nothing has arrived yet
    expected = np.stack([active + 10 * np.maximum(received, 0), -2 * active], axis=-1)
    assert np.array_equal(trace.registers["s.total"][0], expected)


def test_a_resting_relay_is_silent() -> None:
    bias = Population("b", "relay", 1, coefficients={"bias": column(4)}, start_step=2)
    program = Program("p", (Input("a", 1),), (bias,), (), ())
    assert run(program, {"a": np.zeros((1, 4, 1), int)}).messages["b"][0, :, 0].tolist() == [0, 0, 4, 4]


def test_a_spike_comes_back_through_a_loop() -> None:
    """What leaves at t arrives at t + 1 even at the neuron that sent it."""
    neuron = Population("n", "cuba_lif", 1, coefficients={"vth": column(0), "du": column(4095), "dv": column(0)})
    loop = Projection("n->n", "n", "n", Dense(np.array([[1]])), delay_steps=2)
    start = Projection("a->n", "a", "n", Dense(np.array([[1]])))
    program = Program("p", (Input("a", 1, 2),), (neuron,), (loop, start), ())
    spikes = run(program, {"a": column(1).reshape(1, 1, 1)}, steps=8).messages["n"][0, :, 0]
    assert spikes.tolist() == [0, 1, 0, 1, 0, 1, 0, 1]


def test_the_run_lasts_for_the_input_and_the_latency() -> None:
    program = digits_in_small()
    assert run(program, {"pixels": INPUT}).steps == 23
    longer, shorter = run(program, {"pixels": INPUT}, steps=40), run(program, {"pixels": INPUT}, steps=7)
    assert (longer.steps, shorter.steps) == (40, 7)
    for name, values in longer.messages.items():
        assert np.array_equal(values[:, :7], shorter.messages[name])
    assert not longer.messages["pixels"][:, 20:].any()
    assert run(program, {"pixels": INPUT}, steps=0).messages["block0"].shape == (3, 0, 2)


def test_what_is_not_asked_for_is_not_recorded() -> None:
    program = digits_in_small()
    trace = simulate(program, {"pixels": INPUT}, record_messages=False, probes=[Probe("block1", "state_im")])
    assert trace.messages == {}
    assert list(trace.registers) == ["block1.state_im"]
    assert trace.registers["block1.state_im"].shape == (3, 23, 2, 2)
    full = run(program, {"pixels": INPUT})
    assert plain(trace.sent) == plain(full.sent)
    assert plain(trace.final) == plain(full.final)
    assert trace.sent["block0"].any(), "a run in which nothing happens shows nothing"


def test_a_program_is_verified_first() -> None:
    with pytest.raises(VerificationError, match="deploy again"):
        simulate(dataclasses.replace(digits_in_small(), semantics_version=0), {"pixels": INPUT})
