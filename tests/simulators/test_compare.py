"""Comparing traces: planted differences are found where they are; nothing is called equal without being seen."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from simulators.compare import Comparison, Divergence, compare
from simulators.reference import simulate
from tests.strategies import runs
from tests.toolchain.ir.samples import digits_in_small
from toolchain.errors import ConformanceError
from toolchain.ir.integer import IntArray
from toolchain.ir.program import Input, Population, Probe, Program
from toolchain.ir.trace import Trace

PROGRAM = digits_in_small()
INPUT = {"pixels": np.random.default_rng(5).integers(-32, 32, (2, 9, 1))}
WAITS = [Probe(population.name, "wait") for population in PROGRAM.populations]
TRACE = simulate(PROGRAM, INPUT, probes=[*PROGRAM.all_probes(), *WAITS])
STEPS = 12


def planted(trace: Trace, group: str, key: str, index: tuple[int, ...], by: int = 1) -> Trace:
    """The trace with one value changed."""
    arrays = dict(getattr(trace, group))
    arrays[key] = arrays[key].copy()
    arrays[key][index] += by
    changed: dict[str, Any] = {group: arrays, "simulator": "other"}
    return dataclasses.replace(trace, **changed)


def test_a_trace_equals_itself() -> None:
    result = compare(PROGRAM, TRACE, dataclasses.replace(TRACE, simulator="other"))
    # 2 samples x 12 steps: two blocks of 2 spikes (the readout never emits: nothing to count); in each block drive,
    # readout, voltage and wait of 2 neurons and two words of 2 x 2 modes; total and wait of 3 neurons.
    counts = {"spikes": 24 * 4, "registers": 24 * (2 * (4 * 2 + 8) + 6)}
    assert result == Comparison(("reference", "other"), 2, STEPS, counts, 0, None)
    assert result.equal
    assert result.total_compared == 24 * (4 + 38)


@pytest.mark.parametrize(
    ("group", "key", "index", "mode", "register"),
    [
        ("messages", "block0", (1, 3, 1), None, "message"),
        ("messages", "readout", (0, 11, 2), None, "message"),
        ("registers", "block1.drive", (0, 0, 0), None, "drive"),
        ("registers", "block1.state_im", (1, 11, 1, 0), 0, "state_im"),
        ("registers", "block1.state_re", (1, 0, 0, 1), 1, "state_re"),
        ("registers", "readout.total", (1, 7, 2), None, "total"),
        ("registers", "readout.wait", (1, 7, 2), None, "wait"),
    ],
)
def test_one_difference_is_found_where_it_is(
    group: str, key: str, index: tuple[int, ...], mode: int | None, register: str
) -> None:
    value = int(getattr(TRACE, group)[key][index])
    result = compare(PROGRAM, TRACE, planted(TRACE, group, key, index, 5))
    population = key.partition(".")[0]
    assert result.first == Divergence(
        step=index[1], sample=index[0], population=population, neuron=index[2], mode=mode, register=register,
        left=value, right=value + 5, origin=PROGRAM.population(population).origin,
    )  # fmt: skip
    assert result.mismatches == 1
    assert not result.equal


def test_a_divergence_in_words() -> None:
    result = compare(PROGRAM, TRACE, planted(TRACE, "registers", "block1.state_im", (1, 0, 1, 0), 5))
    assert str(result.first) == "step 0, sample 1, block1[1, mode 0].state_im (NIR node block1.soma): 0 against 5"
    assert str(dataclasses.replace(result.first, mode=None, origin="")) == (  # type: ignore[type-var]
        "step 0, sample 1, block1[1].state_im: 0 against 5"
    )


ORDERED = [
    ("registers", "block0.drive", (1, 4, 1)),
    ("registers", "block0.state_re", (0, 4, 0, 1)),
    ("registers", "block0.voltage", (1, 4, 0)),
    ("messages", "block0", (0, 4, 0)),
    ("messages", "block0", (0, 4, 1)),
    ("messages", "block0", (1, 4, 0)),
    ("registers", "block1.drive", (0, 4, 0)),
    ("registers", "block0.drive", (0, 5, 0)),
]


@pytest.mark.parametrize("at", range(len(ORDERED) - 1))
def test_the_first_is_the_earliest_step_then_the_earliest_equation(at: int) -> None:
    """By step; in a step by population and register in the order of writing; then by sample and neuron."""
    group, key, index = ORDERED[at]
    other = planted(planted(TRACE, *ORDERED[at + 1]), group, key, index)
    first = compare(PROGRAM, TRACE, other).first
    assert first is not None
    expected = (index[1], index[0], key.partition(".")[0], index[2], key.partition(".")[2] or "message")
    assert (first.step, first.sample, first.population, first.neuron, first.register) == expected


@given(runs(), st.data())
@settings(max_examples=30)
def test_any_difference_is_found(drawn: tuple[Program, dict[str, IntArray]], data: st.DataObject) -> None:
    program, inputs = drawn
    trace = simulate(program, inputs, probes=program.all_probes(), strict=False)
    group = data.draw(st.sampled_from(["messages", "registers"]))
    names = sorted(set(getattr(trace, group)) - {source.name for source in program.inputs})
    key = data.draw(st.sampled_from(names))
    shape = getattr(trace, group)[key].shape
    assume(all(shape))
    index = tuple(data.draw(st.integers(0, extent - 1)) for extent in shape)
    result = compare(program, trace, planted(trace, group, key, index, -3))
    assert result.mismatches == 1
    assert result.first is not None
    found = result.first
    where = (found.sample, found.step, found.neuron, *(() if found.mode is None else (found.mode,)))
    assert (where, found.left - found.right) == (index, 3)
    assert found.population == key.partition(".")[0]


def test_all_differences_are_counted() -> None:
    other = TRACE
    for at in ORDERED:
        other = planted(other, *at)
    assert compare(PROGRAM, TRACE, other).mismatches == len(ORDERED)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"program": "0" * 64},
            "compare: the traces are of different programs; run one program on both simulators",
        ),
        ({"samples": 3}, "compare: 2 samples x 12 steps against 3 x 12; give both simulators the same input"),
        ({"steps": 11}, "compare: 2 samples x 12 steps against 2 x 11; give both simulators the same input"),
        (
            {"messages": {}, "registers": {}},
            "compare: the traces have no recorded quantity in common; record the same probes",
        ),
        (
            {"messages": {"pixels": TRACE.messages["pixels"]}, "registers": {}},
            "compare: the traces have no recorded quantity in common; record the same probes",
        ),
        (
            {"messages": {**TRACE.messages, "pixels": TRACE.messages["pixels"] + 1}},
            "compare: the runs had different input 'pixels'; give both the same input",
        ),
        (
            {"registers": {**TRACE.registers, "block0.drive": TRACE.registers["block0.drive"][:, :, :1]}},
            "block0.drive: recorded in shapes (2, 12, 2) and (2, 12, 1); simulate again",
        ),
        (
            {"messages": {**TRACE.messages, "block0": TRACE.messages["block0"][..., None]}},
            "block0.message: recorded in shapes (2, 12, 2) and (2, 12, 2, 1); simulate again",
        ),
    ],
)
def test_what_cannot_be_compared_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConformanceError) as caught:
        compare(PROGRAM, TRACE, dataclasses.replace(TRACE, **changes))
    assert str(caught.value) == message


def test_traces_of_another_program_are_refused() -> None:
    with pytest.raises(ConformanceError) as caught:
        compare(dataclasses.replace(PROGRAM, name="other"), TRACE, TRACE)
    assert str(caught.value) == "compare: the traces are not of program 'other'; give the program they ran"


def test_runs_of_no_step_prove_nothing() -> None:
    empty = simulate(PROGRAM, INPUT, steps=0, probes=PROGRAM.all_probes())
    with pytest.raises(ConformanceError, match="no recorded quantity in common"):
        compare(PROGRAM, empty, empty)


def test_what_one_alone_recorded_is_not_counted() -> None:
    fewer = dataclasses.replace(TRACE, registers={"block0.drive": TRACE.registers["block0.drive"]})
    assert compare(PROGRAM, fewer, TRACE).values_compared == {"registers": 48, "spikes": 96}
    silent = dataclasses.replace(TRACE, messages={})
    assert compare(PROGRAM, TRACE, silent).values_compared == {"registers": 24 * 38}


def test_graded_messages_are_payloads() -> None:
    relay = Program("p", (Input("a", 2, 8),), (Population("r", "relay", 2),), (), ())
    trace = simulate(relay, {"a": np.zeros((1, 3, 2), dtype=np.int64)})
    assert compare(relay, trace, trace).values_compared == {"payloads": 6}
