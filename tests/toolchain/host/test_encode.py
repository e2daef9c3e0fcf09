"""Inputs as payloads: head-room, saturation that is counted; outputs read at every step."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from simulators.reference import simulate
from toolchain.errors import InputError
from toolchain.frontend.conventions import conventions_for
from toolchain.frontend.execute import run
from toolchain.frontend.graph import Graph
from toolchain.frontend.sketch import Sketch
from toolchain.host.decode import (
    at_last_step,
    bits_of_labels,
    decide,
    float_step_outputs,
    output_probe,
    step_numbers,
    step_outputs,
)
from toolchain.host.encode import encode, encode_counted
from toolchain.ir.program import Input, Program
from toolchain.lower.pipeline import Compiled, compile_graph
from toolchain.quantize.settings import Settings

SOURCE = Input("input", 1, bits=4, exponent=1)
VALUES = np.array([-4.25, -4.0, -3.6, 0.0, 3.3, 3.5, 3.8, 9.0]).reshape(1, 8, 1)


def test_what_lies_beyond_takes_the_end_and_is_counted() -> None:
    encoded = encode_counted(dataclasses.replace(SOURCE, overflow="saturate"), VALUES)
    # -4.25 rounds to -8 (ties to even), 3.8 to 8, which 4 bits do not hold.
    assert encoded.payload.ravel().tolist() == [-8, -8, -7, 0, 7, 7, 7, 7]
    assert (encoded.beyond, encoded.reach) == (2, 9.0)
    assert encoded.error == pytest.approx(0.25)


def test_nothing_saturates_where_it_is_refused() -> None:
    with pytest.raises(InputError, match=r"input: 9 is beyond the payload's range -4 \.\. 3\.5; calibrate"):
        encode(SOURCE, VALUES)
    payload, error = encode(SOURCE, VALUES[:, 1:4])
    assert payload.ravel().tolist() == [-8, -7, 0]
    assert error == pytest.approx(0.1)


def graph_of(kind: str) -> Graph:
    """Two inputs into three outputs that are summed over time, fire, or leave at every step."""
    sketch = Sketch(1e-4)
    sketch.add("input", "Input", 2, {})
    last = sketch.matrix(
        "readout", np.array([[1.0, -0.5], [0.25, 1.0], [-1.0, 0.5]]), "input", np.array([0.5, 0, -0.25])
    )
    if kind == "register":
        last = sketch.integrator("sum", 3, last)
    if kind == "spikes":
        last = sketch.lif("fire", np.full(3, 0.5), np.ones(3), last)
    sketch.add("output", "Output", 3, {}, last)
    return sketch.graph({})


def readout(kind: str, data: np.ndarray, settings: Settings | None = None) -> Compiled:
    graph = graph_of(kind)
    return compile_graph(graph, conventions_for(graph), data, settings=settings)


@pytest.mark.parametrize(("peak", "headroom"), [(1.3, 1.5), (1.9, 1.5), (1.3, 1.0), (3.3, 4.0), (1e-3, 1.5)])
def test_inexact_inputs_keep_head_room(peak: float, headroom: float) -> None:
    data = np.random.default_rng(0).uniform(-peak, peak, (2, 5, 2))
    data[0, 0, 0] = peak
    source = readout("register", data, Settings(input_headroom=headroom)).lowered.program.inputs[0]
    reach = 2.0 ** (source.bits - 1 - source.exponent)
    assert source.bits == 12
    assert reach > peak * headroom
    assert reach / 2 <= peak * headroom, "no bit is wasted"


def test_exact_inputs_are_held_exactly() -> None:
    data = np.random.default_rng(0).integers(0, 17, (2, 5, 2)) / 16
    source = readout("register", data).lowered.program.inputs[0]
    assert encode(source, data)[1] == 0
    assert source.exponent == 4


@pytest.mark.parametrize("kind", ["register", "spikes", "graded"])
def test_outputs_are_those_of_the_float_network_at_every_step(kind: str) -> None:
    data = np.random.default_rng(3).integers(-4, 5, (3, 9, 2)) / 4
    compiled = readout(kind, data)
    program, graph = compiled.lowered.program, graph_of(kind)
    trace = simulate(program, {"input": encode(program.inputs[0], data)[0]}, probes=program.all_probes())
    found = step_numbers(program, trace)
    expected = float_step_outputs(program.output(), run(graph, data, conventions_for(graph))[0])
    assert found.shape == expected.shape == (3, 9, 3)
    assert np.allclose(found, expected, atol=2e-2)
    lengths = np.array([2, 9, 5])
    assert np.array_equal(at_last_step(found, lengths), found[[0, 1, 2], lengths - 1])
    assert np.array_equal(at_last_step(found, None), found[:, -1])
    if kind != "graded":
        assert np.array_equal(at_last_step(found, None).argmax(1), decide(program, trace))


def test_a_padded_sequence_is_read_as_if_it_ended() -> None:
    data = np.random.default_rng(4).integers(-4, 5, (1, 9, 2)) / 4
    program = readout("register", data).lowered.program
    whole, short = (values_of(program, data[:, :steps]) for steps in (9, 4))
    assert np.array_equal(at_last_step(whole, np.array([4])), short[:, -1])


def values_of(program: Program, data: np.ndarray) -> np.ndarray:
    probe = output_probe(program)
    assert probe is not None
    trace = simulate(program, {"input": encode(program.inputs[0], data)[0]}, probes=(probe,), record_messages=False)
    return step_outputs(program, trace)


def test_bits_are_those_of_a_softmax() -> None:
    logits = np.log(np.array([[[0.5, 0.25, 0.25], [0.125, 0.75, 0.125]]])) + 700.0
    assert np.allclose(bits_of_labels(logits, np.array([[0, 2]])), [[1.0, 3.0]])
    assert math.isclose(float(bits_of_labels(np.array([[0.0, -5000.0]]), np.array([1]))[0]), 5000 / math.log(2))


def outlier(exact: bool, hot: float) -> tuple[Graph, np.ndarray, np.ndarray]:
    """A layer of LIF neurons, events, and the same with one hot value in the first sample."""
    rng = np.random.default_rng(29)
    weights = rng.integers(-4, 8, (12, 6)) / 8 if exact else rng.normal(0.2, 0.5, (12, 6))
    sketch = Sketch(1e-4)
    sketch.add("input", "Input", 6, {})
    last = sketch.lif("fire", np.full(12, 0.5), np.ones(12), sketch.matrix("fc", weights, "input", np.zeros(12)))
    sketch.add("output", "Output", 12, {}, last)
    events = rng.poisson(0.3, (8, 60, 6)).astype(float) * (1 if exact else 0.83)
    spoilt = events.copy()
    spoilt[0, 3, 1] = hot
    return sketch.graph({}), events, spoilt


def moved(graph: Graph, calibrate: np.ndarray, events: np.ndarray) -> tuple[int, Compiled]:
    """Spikes of all samples but the first that are elsewhere as integers, scales chosen on other data."""
    conventions = conventions_for(graph)
    made = compile_graph(graph, conventions, calibrate)
    program = made.lowered.program
    encoded = encode_counted(program.inputs[0], calibrate)
    assert encoded.vanished == 0
    assert bool(encoded.beyond) == any("clipped" in text for text in made.lowered.findings)
    trace = simulate(program, {"input": encoded.payload}, strict=False)
    floats, _ = run(graph, events[1:], conventions)
    late = trace.messages["fire"][1:, program.latency_steps :]
    return int(np.count_nonzero((late != 0) != (floats != 0))), made


@pytest.mark.parametrize("hot", [3000.0, -3000.0, 2.0**27])
def test_one_hot_value_leaves_whole_numbers_exact(hot: float) -> None:
    """Held exactly where the weights allow it, else clipped and said: other samples spike as without it."""
    graph, events, spoilt = outlier(True, hot)
    assert moved(graph, spoilt, events)[0] == 0


@pytest.mark.parametrize("hot", [3000.0, -3000.0, 2.0**27])
def test_one_hot_value_leaves_measured_ones_nearly_as_they_are(hot: float) -> None:
    graph, events, spoilt = outlier(False, hot)
    plain, spared = moved(graph, events, events), moved(graph, spoilt, events)
    assert spared[0] <= plain[0] + 5
    assert "clipped at" in spared[1].lowered.findings[0]


def test_values_that_become_nothing_are_counted() -> None:
    assert encode_counted(SOURCE, np.array([0.0, 0.2, -0.1, 0.3]).reshape(1, 4, 1)).vanished == 2
