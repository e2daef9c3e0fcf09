"""Resonate-and-fire and sigma-delta neurons: written to a file, read, run, lowered, and equal to the float network."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from simulators.reference import simulate
from toolchain.errors import UnsupportedError
from toolchain.frontend.conventions import PRESETS, conventions_for, hint_for
from toolchain.frontend.execute import run
from toolchain.frontend.graph import FloatArray, Graph
from toolchain.frontend.read import read_nir
from toolchain.frontend.sketch import Sketch
from toolchain.frontend.write import write_nir
from toolchain.host.encode import encode
from toolchain.lower.activity import aligned_messages
from toolchain.lower.pipeline import Compiled, compile_graph

SIZE, INPUTS, STEPS = 10, 3, 200


def oscillators(scales: FloatArray | None = None) -> Graph:
    rng, sketch = np.random.default_rng(2), Sketch(1e-4)
    factor = np.ones(SIZE) if scales is None else scales
    sketch.add("input", "Input", INPUTS, {})
    both = sketch.matrix("w", rng.normal(size=(2 * SIZE, INPUTS)) * np.tile(factor, 2)[:, None], "input")
    fire = sketch.resonate_fire("ring", rng.uniform(0.9, 0.995, SIZE), rng.uniform(0.1, 2.5, SIZE), 1.5 * factor, both)
    sketch.add("output", "Output", SIZE, {}, fire)
    return sketch.graph({"seamount": hint_for(PRESETS["seamount"])})


def deltas() -> Graph:
    """Changes in eighths, thresholds that some reach."""
    rng, sketch = np.random.default_rng(3), Sketch(1e-4)
    sketch.add("input", "Input", INPUTS, {})
    first = sketch.matrix("w", rng.integers(-8, 9, (SIZE, INPUTS)) / 8, "input")
    sent = sketch.sigma_delta("sums", rng.integers(-8, 9, SIZE) / 8, rng.integers(1, 20, SIZE) / 8, first)
    last = sketch.matrix("out", rng.integers(-8, 9, (4, SIZE)) / 8, sent)
    sketch.add("output", "Output", 4, {}, sketch.integrator("total", 4, last))
    return sketch.graph({"seamount": hint_for(PRESETS["seamount"])})


def data() -> FloatArray:
    return np.random.default_rng(4).integers(-1, 2, (5, STEPS, INPUTS)).astype(float)


def integers(graph: Graph, x: FloatArray, name: str) -> tuple[FloatArray, Compiled]:
    made = compile_graph(graph, conventions_for(graph), x)
    program = made.lowered.program
    trace = simulate(program, {"input": encode(program.inputs[0], x)[0]}, strict=False)
    return aligned_messages(program, made.network, trace, STEPS)[name], made


@pytest.mark.parametrize("make", [oscillators, deltas])
def test_files_hold_them(make: Callable[[], Graph], tmp_path: Path) -> None:
    graph, x = make(), data()
    write_nir(graph, tmp_path / "net.nir")
    again = read_nir(tmp_path / "net.nir")
    conventions = conventions_for(graph)
    assert np.array_equal(run(again, x, conventions)[0], run(graph, x, conventions)[0])


def test_oscillators_spike_as_their_equation() -> None:
    graph, x = oscillators(), data()
    node, w = graph.nodes["ring"].params, graph.nodes["w"].params["weight"]
    turn, z = node["decay"] * np.exp(1j * node["phase"]), np.zeros((5, SIZE), dtype=complex)
    expected = []
    for now in np.moveaxis(x @ w.T, 1, 0):
        before, z = z, turn * z + now[:, :SIZE] + 1j * now[:, SIZE:]
        expected.append((z.real >= node["threshold"]) & (z.imag >= 0) & (before.imag < 0))
    wanted = np.stack(expected, axis=1).astype(float)
    assert np.array_equal(run(graph, x, conventions_for(graph))[0], wanted)
    found, made = integers(graph, x, "ring")
    assert wanted.sum() > 200 and np.sum(found != wanted) <= 0.02 * wanted.sum()
    assert made.lowered.program.population("ring").neuron == "resonate_fire"


def test_oscillators_have_a_scale_of_their_own() -> None:
    x, scales = data(), np.ldexp(1.0, np.random.default_rng(1).integers(-10, 11, SIZE))
    assert np.array_equal(integers(oscillators(), x, "ring")[0], integers(oscillators(scales), x, "ring")[0])


def test_deltas_are_sent_as_by_the_float_network() -> None:
    """Sums of eighths are exact: nothing differs, neither a message nor what the receivers add up."""
    graph, x = deltas(), data()
    total, messages = run(graph, x, conventions_for(graph), record=("sums",))
    found, made = integers(graph, x, "sums")
    sent = messages["sums"]
    assert np.array_equal(found / 2.0 ** made.scheme.units["sums"].message_exponent, sent)
    assert 0.05 < np.mean(sent != 0) < 0.9 and total.any()
    # Changes that were sent add up to the activation, but for what is still below the threshold.
    w, node = graph.nodes["w"].params["weight"], graph.nodes["sums"].params
    activation = np.maximum(np.cumsum(x @ w.T, axis=1) + node["bias"], 0)
    assert np.all(np.abs(activation - np.cumsum(sent, axis=1)) < node["threshold"])


@pytest.mark.parametrize("make", [oscillators, deltas])
def test_a_bias_at_every_step_is_refused(make: Callable[[], Graph]) -> None:
    graph = make()
    weight = graph.nodes["w"].params["weight"]
    sketch = Sketch(1e-4)
    sketch.nodes, sketch.edges = dict(graph.nodes), list(graph.edges)
    del sketch.nodes["w"]
    sketch.edges.remove(("input", "w"))
    sketch.matrix("w", weight, "input", np.full(len(weight), 0.25))
    with pytest.raises(UnsupportedError, match=r"0\.25 enters it"):
        compile_graph(sketch.graph(graph.metadata), conventions_for(graph), data())
