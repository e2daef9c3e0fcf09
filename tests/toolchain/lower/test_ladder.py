"""One rounded tensor at a time: the ladder names what costs, and its top and foot are what they say."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from simulators.reference import simulate
from tests.toolchain.quantize.networks import Case, state_space_case, units_of
from tests.toolchain.quantize.test_floating import recurrent_graph
from toolchain.frontend.conventions import PRESETS
from toolchain.frontend.execute import run
from toolchain.host.decode import output_values
from toolchain.host.encode import encode
from toolchain.lower.activity import activity_rows, aligned_messages
from toolchain.lower.floating import float_network, run_units
from toolchain.lower.ladder import ALL, Ladder, climb, with_tensors
from toolchain.lower.pipeline import Compiled, compile_graph
from toolchain.quantize.settings import Settings


def compiled(case: Case, **choices: Any) -> Compiled:
    return compile_graph(case.graph, case.conventions, case.x, settings=Settings(**choices))


def ladder_of(case: Case) -> Ladder:
    return Ladder(float_network(case.network), case.x, case.y)


def test_the_coarsest_tensor_is_named() -> None:
    """2-bit weights beside 16-bit C: nothing else can be to blame; and the other way round."""
    case = state_space_case(2)
    ladder = ladder_of(case)
    for choices, part in (
        ({"weight_bits": 2, "c_bits": 16}, ".weights"),
        ({"c_bits": 3, "c_rounding": "nearest"}, ".c, d"),
    ):
        rungs = climb(ladder, compiled(case, **choices).lowered)
        worst = max(rungs[1:-1], key=lambda rung: rung.output_error)
        assert worst.name.endswith(part), [(rung.name, rung.output_error) for rung in rungs]
        assert rungs[0].output_error == 0 and rungs[0].agreement == 1
        assert rungs[-1].name == ALL


def test_correct_decisions_are_counted_against_the_labels() -> None:
    case = state_space_case(4)
    outputs, _ = run(case.graph, case.x, case.conventions)
    right = int(np.count_nonzero(outputs[:, -1].argmax(axis=1) == case.y))
    assert ladder_of(case).top().correct == right


def test_all_tensors_rounded_is_nearly_the_program() -> None:
    """What is left between them is the arithmetic's own rounding, small beside the tensors' at 6 bits."""
    case = state_space_case(6)
    found = compiled(case, c_bits=6, weight_bits=6)
    ladder, program = ladder_of(case), found.lowered.program
    payload, _ = encode(program.inputs[0], case.x)
    trace = simulate(program, {"input": payload}, strict=False)
    integers = aligned_messages(program, case.network, trace, case.x.shape[1])
    floats = run_units(with_tensors(ladder.floats, found.lowered.tensors), case.x)
    for name in ("block0", "block1"):
        to_rounded = np.mean(integers[name] == floats[name])
        assert to_rounded > 0.99
        assert to_rounded > np.mean(integers[name] == ladder.messages[name])
    exponent = found.scheme.units["sum"].drive_exponent
    outputs = output_values(program, trace)["output"] / 2.0**exponent
    assert ladder.measured("integer", outputs, integers).output_error < 0.5


@pytest.mark.parametrize("kind", ["LIF", "CubaLIF"])
@pytest.mark.parametrize("preset", ["nir", "snntorch-subtract"])
def test_rounded_recurrent_neurons(kind: str, preset: str) -> None:
    """Every tensor of a LIF in each of its forms finds its place in the float network."""
    graph, conventions = recurrent_graph(kind), PRESETS[preset]
    x = np.random.default_rng(1).integers(0, 2, (16, 60, 4)).astype(float)
    found = compile_graph(graph, conventions, x)
    network = units_of(graph, conventions)
    ladder = Ladder(float_network(network), x, None)
    rungs = climb(ladder, found.lowered)
    assert all(rung.correct is None for rung in rungs)
    program = found.lowered.program
    payload, _ = encode(program.inputs[0], x)
    trace = simulate(program, {"input": payload}, strict=False)
    integers = aligned_messages(program, network, trace, x.shape[1])
    rounded = run_units(with_tensors(ladder.floats, found.lowered.tensors), x)
    to_rounded = np.mean(integers["hidden"] == rounded["hidden"])
    assert to_rounded > 0.99
    assert to_rounded > rungs[-1].spike_overlap["hidden"]


def test_units_before_a_tensor_are_not_run_again() -> None:
    case = state_space_case(1)
    found, ladder = compiled(case), ladder_of(case)
    changed = [t for t in found.lowered.tensors if t.name.startswith("block1.c_")]
    whole = run_units(with_tensors(ladder.floats, changed), case.x)
    quick = ladder.alone("block1.c", changed)
    assert quick.output_error == ladder.measured("x", ladder.read(whole), whole).output_error
    assert quick.spike_overlap["block0"] == 1.0


def test_activity_by_hand() -> None:
    case = state_space_case(0)
    size = case.network.unit("block0").size
    before = np.zeros((2, 5, size))
    after = before.copy()
    before[:, :, 0] = after[:, :, 0] = 1
    before[:, 2, 1] = 1
    after[0, 3, 2] = 1
    messages = {"block0": before, "block1": before}, {"block0": after, "block1": before}
    row, same = activity_rows(case.network, *messages, {"block0.voltage": 7, "block0.drive": 1, "sum.total": 2})
    assert (row.float_silent, row.integer_silent) == (size - 2, size - 2)
    assert (row.float_always, row.integer_always, row.saturated) == (1, 1, 8)
    # Neuron 0 fires ten times in both; neuron 1 twice in the floats alone, neuron 2 once in the integers alone.
    assert (row.float_spikes, row.integer_spikes, row.both) == (12, 11, 10)
    assert (row.precision, row.recall, row.overlap) == (10 / 11, 10 / 12, 10 / 13)
    assert (same.overlap, same.saturated) == (1.0, 0)
