"""Weights fitted to what arrives: integers stay, errors cancel, spikes stay where they were."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from simulators.reference import simulate
from tests.toolchain.frontend.networks import DT, graph_of, linear
from toolchain.frontend import PRESETS, Node
from toolchain.host.encode import encode_all, payloads_of
from toolchain.lower.activity import activity_rows, aligned_messages
from toolchain.lower.floating import float_network, run_units
from toolchain.lower.pipeline import compile_graph
from toolchain.quantize.fitted import fitted_integers, trace_moments
from toolchain.quantize.settings import Settings

SOURCES, TARGETS, STEPS = 40, 12, 60


def spikes(seed: int) -> np.ndarray:
    """Sources that fire together, (sample, step, source)."""
    rng = np.random.default_rng(seed)
    rate = np.clip(rng.normal(0.2, 0.2, (8, STEPS, 4)) @ rng.random((4, SOURCES)), 0, 1)
    return (rng.random(rate.shape) < rate).astype(float)


def test_traces_are_leaky_sums_of_what_arrives() -> None:
    messages = np.array([[[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]])
    traces = np.array([[0.0, 0.0], [1.0, 0.0], [0.5, 1.0]])
    assert np.allclose(trace_moments(messages, 0.5, 1), traces.T @ traces / 3)


def test_integers_stay_and_ends_hold() -> None:
    moments = trace_moments(spikes(1), 0.9, 0)
    whole = np.random.default_rng(2).integers(-127, 128, (TARGETS, SOURCES)).astype(float)
    assert np.array_equal(fitted_integers(whole, moments, 127), whole)
    assert np.abs(fitted_integers(whole * 1.01, moments, 127)).max() == 127
    # Nothing is known of sources that never send.
    assert np.array_equal(fitted_integers(whole + 0.3, np.zeros((SOURCES, SOURCES)), 200), whole)


@pytest.mark.parametrize("seed", range(3))
def test_errors_cancel_in_what_arrives(seed: int) -> None:
    real = np.random.default_rng(seed).normal(0, 20, (TARGETS, SOURCES))
    seen, later = (trace_moments(spikes(20 + seed + more), 0.9, 0) for more in (0, 50))
    wrong = {"fitted": fitted_integers(real, seen, 127) - real, "nearest": np.rint(real) - real}
    for moments, share in ((seen, 0.55), (later, 0.7)):
        squares = {name: np.einsum("hi,ij,hj->", error, moments, error) for name, error in wrong.items()}
        assert squares["fitted"] < share * squares["nearest"]


def test_a_layer_keeps_more_of_its_spikes() -> None:
    values = {"tau": 8 * DT, "r": 8.0, "v_leak": 0.0, "v_threshold": 3.0, "v_reset": 0.0}
    neuron = Node("n", "LIF", {name: np.full(TARGETS, value) for name, value in values.items()}, (TARGETS,), (TARGETS,))
    weights = np.random.default_rng(3).normal(0.03, 0.4, (TARGETS, SOURCES))
    graph = graph_of([linear("fc", weights), neuron], list(pairwise(["input", "fc", "n", "output"])), SOURCES, TARGETS)
    test, lost = spikes(9), {}
    for rule in ("fitted", "nearest"):
        made = compile_graph(
            graph, PRESETS["seamount"], spikes(8), settings=Settings(weight_rounding=rule, weight_bits=5)
        )
        program = made.lowered.program
        trace = simulate(program, payloads_of(encode_all(program, test)))
        floats = run_units(float_network(made.network), test)
        (row,) = activity_rows(made.network, floats, aligned_messages(program, made.network, trace, STEPS), {})
        lost[rule] = row.float_spikes + row.integer_spikes - 2 * row.both
    assert row.float_spikes > 500 and lost["fitted"] < 0.7 * lost["nearest"]
