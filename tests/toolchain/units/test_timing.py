"""Biases that begin a step late and neurons that emit a step late: in a network of units neither is a convention."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from simulators.reference import simulate
from tests.toolchain.frontend.test_framework_traces import GOLDEN, recorded
from toolchain import compile_graph, conventions_for, encode, read_nir
from toolchain.errors import UnsupportedError
from toolchain.frontend import PRESETS, Conventions, Graph, Node, run
from toolchain.frontend.sketch import Sketch
from toolchain.lower.floating import float_network, run_units
from toolchain.units.collapse import find_network

LATE = replace(PRESETS["nir"], recurrent_bias_at_start=False)
DT = LATE.dt
SIZE = 8


def recurrent(kind: str, *, joined: bool = False) -> Graph:
    """input -> fc -> neuron, with an Affine back whose bias would fire neurons by itself."""
    rng = np.random.default_rng(3)
    sketch = Sketch(DT)
    sketch.add("input", "Input", 3, {})
    sketch.matrix("fc", rng.integers(-6, 9, (SIZE, 3)) / 8, "input", rng.integers(-2, 3, SIZE) / 16)
    still, one = np.zeros(SIZE), np.ones(SIZE)
    params = {"r": 2 * one, "tau": 2 * DT * one, "v_leak": still, "v_threshold": one, "v_reset": still}
    if kind == "IF":
        params = {"r": one / DT, "v_threshold": one, "v_reset": still}
    if kind == "CubaLIF":
        params |= {"tau_mem": params.pop("tau"), "tau_syn": 4 * DT * one, "w_in": 4 * one}
    sketch.add("lif", kind, SIZE, params)
    if joined:
        sketch.total("sum", SIZE, ["fc"])
        sketch.edges.append(("sum", "lif"))
    else:
        sketch.edges.append(("fc", "lif"))
    end = sketch.matrix("rec", rng.integers(-4, 5, (SIZE, SIZE)) / 8, "lif", rng.integers(4, 9, SIZE) / 16)
    sketch.edges.append((end, "sum" if joined else "lif"))
    sketch.add("output", "Output", SIZE, {}, "lif")
    return sketch.graph({})


def spikes(seed: int = 0) -> NDArray[np.float64]:
    return (np.random.default_rng(seed).random((4, 30, 3)) < 0.4).astype(np.float64)


@pytest.mark.parametrize("kind", ["LIF", "IF", "CubaLIF"])
def test_a_late_recurrent_bias_in_floats(kind: str) -> None:
    graph, x = recurrent(kind), spikes()
    right, _ = run(graph, x, LATE)
    at_once, _ = run(graph, x, replace(LATE, recurrent_bias_at_start=True))
    assert np.sum(right != at_once) > 0
    network = find_network(graph, LATE)
    assert np.array_equal(run_units(float_network(network), x)["lif"], right)


def test_a_bias_that_joins_outer_signals_acts_at_once() -> None:
    graph, x = recurrent("LIF", joined=True), spikes()
    right, _ = run(graph, x, LATE)
    assert np.array_equal(run_units(float_network(find_network(graph, LATE)), x)["lif"], right)


@pytest.mark.parametrize("kind", ["LIF", "IF", "CubaLIF"])
def test_a_late_recurrent_bias_in_integers(kind: str) -> None:
    graph, x = recurrent(kind), spikes()
    right, _ = run(graph, x, LATE)
    assert np.array_equal(sent(graph, LATE, x, "lif"), right)


def test_a_bias_under_a_subtracting_reset_is_refused() -> None:
    with pytest.raises(UnsupportedError, match=r"lif: a recurrent bias up to .* that begins at the second step, under"):
        find_network(recurrent("LIF"), replace(LATE, reset="subtract"))


def sent(graph: Graph, conventions: Conventions, x: NDArray[np.float64], population: str) -> NDArray[np.int64]:
    """What the program's population sends for each step of the input."""
    program = compile_graph(graph, conventions, x).lowered.program
    payload, _ = encode(program.inputs[0], x)
    messages = simulate(program, {program.inputs[0].name: payload}).messages[population]
    return messages[:, program.latency_steps :][:, : x.shape[1]]


@pytest.mark.parametrize("case", ["spyx/spyx_if_ties", "spyx/spyx_lif_and_cubalif", "spyx/spyx_cubalif"])
def test_a_chain_of_late_neurons_is_latency(case: str) -> None:
    """spyx' own spikes come two steps later than the program's, one a layer; rounding moves a few at most."""
    record, x, layers = recorded(case)
    graph = read_nir(GOLDEN / f"{case}.nir")
    got = sent(graph, conventions_for(graph, record["preset"]), x, "layer_3")
    theirs = layers["layer_3"]
    assert np.mean(got[:, :-2] != theirs[:, 2:]) < (1e-12 if "ties" in case else 0.02)


def test_biases_run_ahead_of_late_neurons() -> None:
    graph = read_nir(GOLDEN / "spyx" / "spyx_if_ties.nir")
    _, x, _ = recorded("spyx/spyx_if_ties")
    node = graph.nodes["layer_2"]
    affine = Node("layer_2", "Affine", {**node.params, "bias": np.full(5, 0.25)}, node.input_shape, node.output_shape)
    biased = replace(graph, nodes={**graph.nodes, "layer_2": affine})
    conventions = conventions_for(biased, "spyx")
    right, _ = run(biased, x, conventions)
    assert np.array_equal(sent(biased, conventions, x, "layer_3")[:, :-2], right[:, 2:])


def test_paths_that_are_late_by_different_steps_keep_the_difference() -> None:
    graph = read_nir(GOLDEN / "spyx" / "spyx_if_ties.nir")
    _, x, _ = recorded("spyx/spyx_if_ties")
    weight = np.random.default_rng(4).integers(-3, 4, (5, 8)) / 8
    skip = Node("skip", "Linear", {"weight": weight}, (8,), (5,))
    edges = (*graph.edges, ("input", "skip"), ("skip", "layer_3"))
    skipping = replace(graph, nodes={**graph.nodes, "skip": skip}, edges=edges)
    conventions = conventions_for(skipping, "spyx")
    right, _ = run(skipping, x, conventions)
    assert np.array_equal(sent(skipping, conventions, x, "layer_3")[:, :-1], right[:, 1:])
