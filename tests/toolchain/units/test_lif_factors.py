"""A neuron's incoming weights, bias, leak, threshold and reset share a factor that no spike tells."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from simulators.reference import simulate
from tests.toolchain.lower.kernel_graphs import DT, chain, conv, eighths, pool, spikes
from toolchain.frontend.conventions import PRESETS, Conventions
from toolchain.frontend.execute import run
from toolchain.frontend.graph import FloatArray, Graph, Node
from toolchain.frontend.sketch import Sketch
from toolchain.host.encode import encode
from toolchain.ir.text import write_program
from toolchain.lower.activity import aligned_messages
from toolchain.lower.floating import float_network, run_units
from toolchain.lower.ladder import with_tensors
from toolchain.lower.pipeline import Compiled, compile_graph

SIZE, INPUTS, STEPS = 12, 6, 50
KINDS = ("LIF", "CubaLIF", "IF", "Threshold")
OWN = ("v_threshold", "v_leak", "v_reset", "threshold")
"""Parameters of a neuron in the units of its voltage."""


def neuron(rng: np.random.Generator, kind: str, size: int = SIZE) -> dict[str, FloatArray]:
    tau, still = DT * rng.uniform(1.5, 12, size), np.zeros(size)
    if kind == "Threshold":
        return {"threshold": rng.uniform(0.5, 2, size)}
    own = {"r": np.ones(size) / DT, "v_threshold": rng.uniform(0.5, 2, size), "v_reset": still}
    if kind == "LIF":
        return own | {"tau": tau, "r": tau / DT, "v_leak": rng.normal(0, 0.2, size)}
    if kind == "CubaLIF":
        gains = {"tau_syn": tau[::-1].copy(), "tau_mem": tau, "w_in": rng.uniform(1, 3, size)}
        return own | gains | {"r": tau / DT, "v_leak": rng.normal(0, 0.2, size)}
    return own


def layered(seed: int, kind: str, recurrent: bool) -> Graph:
    """Two layers; the first recurrent if so asked."""
    rng, sketch = np.random.default_rng(seed), Sketch(DT)
    sketch.add("input", "Input", INPUTS, {})
    first = sketch.matrix("w1", rng.normal(0.3, 0.5, (SIZE, INPUTS)), "input", rng.normal(0, 0.1, SIZE))
    sketch.add("hidden", kind, SIZE, neuron(rng, kind), first)
    if recurrent:
        sketch.edges.append((sketch.matrix("loop", rng.normal(0, 0.3, (SIZE, SIZE)), "hidden"), "hidden"))
    second = sketch.matrix("w2", rng.normal(0.1, 0.5, (SIZE, SIZE)), "hidden", rng.normal(0, 0.1, SIZE))
    sketch.add("output", "Output", SIZE, {}, sketch.add("last", kind, SIZE, neuron(rng, kind), second))
    return sketch.graph({})


def convolved(seed: int, kind: str) -> Graph:
    """Convolution, neurons, average over windows of 3, neurons."""
    rng = np.random.default_rng(seed)
    shape = (4, 6, 6)
    params = {name: np.repeat(values[:4], 36).reshape(shape) for name, values in neuron(rng, kind).items()}
    filters = ("Conv2d", {**conv(4, 2, 3, 3, padding=(1, 1))[1], "weight": rng.normal(0.1, 0.4, (4, 2, 3, 3))})
    last = ("IF", {"r": 1.0 / DT, "v_threshold": 0.7, "v_reset": 0.0})
    graph = chain((2, 6, 6), filters, (kind, {}), pool("Avg", 3, 3), last)
    return Graph(dict(graph.nodes) | {"n1": replace(graph.nodes["n1"], params=params)}, graph.edges)


def rescaled(graph: Graph, factors: FloatArray, layers: tuple[tuple[tuple[str, ...], str], ...]) -> Graph:
    """Each neuron's (or channel's) weights, biases and voltages times its factor; layers of (matrices, neuron)."""
    nodes = dict(graph.nodes)
    for (matrices, name), own in zip(layers, factors, strict=True):
        for matrix in matrices:
            nodes[matrix] = _times(nodes[matrix], own, ("weight", "bias"))
        nodes[name] = _times(nodes[name], own, OWN)
    return Graph(nodes, graph.edges)


def _times(node: Node, own: FloatArray, fields: tuple[str, ...]) -> Node:
    moved = {f: node.params[f] * own.reshape(-1, *(1,) * (node.params[f].ndim - 1)) for f in fields if f in node.params}
    return replace(node, params={**node.params, **moved})


def conventions() -> Conventions:
    return replace(PRESETS["nir"], dt=DT)


def compiled(graph: Graph, data: FloatArray) -> Compiled:
    return compile_graph(graph, conventions(), data)


def integer_spikes(made: Compiled, data: FloatArray) -> dict[str, FloatArray]:
    program = made.lowered.program
    trace = simulate(program, {"input": encode(program.inputs[0], data)[0]}, strict=False)
    return aligned_messages(program, made.network, trace, data.shape[1])


def case(seed: int, kind: str, form: str) -> tuple[Graph, FloatArray, tuple[Any, ...], int]:
    """A graph, data, the layers to rescale and how many factors a layer has."""
    rng = np.random.default_rng(100 + seed)
    if form == "conv":
        return convolved(seed, kind), spikes((2, 6, 6)), ((("n0",), "n1"),), 4
    data = rng.integers(0, 2, (6, STEPS, INPUTS)).astype(float)
    matrices = ("w1", "loop") if form == "recurrent" else ("w1",)
    return layered(seed, kind, form == "recurrent"), data, ((matrices, "hidden"), (("w2",), "last")), SIZE


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("form", ["dense", "recurrent", "conv"])
def test_powers_of_two_change_nothing_at_all(form: str, kind: str, seed: int) -> None:
    graph, data, layers, count = case(seed, kind, form)
    powers = np.ldexp(1.0, np.random.default_rng(seed).integers(-10, 11, (len(layers), count)))
    before, after = compiled(graph, data), compiled(rescaled(graph, powers, layers), data)
    assert write_program(before.lowered.program) == write_program(after.lowered.program)
    assert sum(sent.sum() for sent in integer_spikes(before, data).values()) > 50


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("form", ["dense", "recurrent", "conv"])
def test_other_factors_move_few_spikes(form: str, kind: str) -> None:
    """Between a thousandth and a thousand: spikes move by the rounding of weights to 8 bits and by nothing else.

    A recurrent layer goes another way after the first spike that moves; it is held to its rounded weights alone.
    """
    graph, data, layers, count = case(3, kind, form)
    factors = 10 ** np.random.default_rng(5).uniform(-3, 3, (len(layers), count))
    name = layers[0][1]
    for scaled in (graph, rescaled(graph, factors, layers)):
        made = compiled(scaled, data)
        found, floats = integer_spikes(made, data)[name], float_network(made.network)
        rounded = run_units(with_tensors(floats, made.lowered.tensors), data)[name]
        assert np.sum(found != rounded) <= 0.002 * rounded.sum()
        if form != "recurrent":
            wanted = run_units(floats, data)[name]
            assert np.sum(found != wanted) <= 0.02 * wanted.sum()


def test_a_threshold_that_nothing_reaches_coarsens_no_other() -> None:
    graph, data, _, _ = case(4, "LIF", "dense")
    plain = integer_spikes(compiled(graph, data), data)["hidden"]
    high = graph.nodes["hidden"].params["v_threshold"].copy()
    high[3] = 1e9
    nodes = dict(graph.nodes) | {
        "hidden": replace(graph.nodes["hidden"], params={**graph.nodes["hidden"].params, "v_threshold": high})
    }
    made = compiled(Graph(nodes, graph.edges), data)
    found = integer_spikes(made, data)["hidden"]
    assert np.array_equal(np.delete(found, 3, axis=2), np.delete(plain, 3, axis=2)) and not found[..., 3].any()
    assert any("1 of 12 thresholds are beyond" in finding for finding in made.lowered.findings)


@pytest.mark.parametrize("window", [2, 3, 5])
@pytest.mark.parametrize("kind", ["Sum", "Avg"])
def test_equal_windows_are_whole_sums(kind: str, window: int) -> None:
    """A threshold at exactly some spikes of a window: a tie, which v > threshold does not fire at."""
    share = 1.0 if kind == "Sum" else 1 / window**2
    fire = ("IF", {"r": 1.0 / DT, "v_threshold": 2 * share, "v_reset": 0.0})
    first = ("IF", {"r": 1.0 / DT, "v_threshold": 0.5, "v_reset": 0.0})
    graph = chain((3, 10, 10), first, pool(kind, window, window), fire)
    data = spikes((3, 10, 10), rate=0.05)
    made = compiled(graph, data)
    _, floats = run(graph, data.reshape(*data.shape[:2], 3, 10, 10), conventions(), ("n2",))
    # Threes of ninths are no exact floats, so that the float rung itself may miss a tie; the count is right.
    counted = _counted(data.reshape(-1, data.shape[1], 3, 10, 10), window)
    assert np.array_equal(integer_spikes(made, data)["n2"].reshape(counted.shape), counted)
    assert made.lowered.program.projections[1].connection.values.tolist() == [1]
    assert floats["n2"].sum() > 10


def _counted(data: FloatArray, window: int) -> FloatArray:
    """Sums of spikes in whole numbers: one at every step with more than two since the last."""
    samples, steps, channels, height, width = data.shape
    places = height // window, width // window
    total, sent = np.zeros((samples, channels, *places)), []
    for t in range(steps):
        cut = data[:, t, :, : places[0] * window, : places[1] * window]
        total += cut.reshape(samples, channels, places[0], window, places[1], window).sum(axis=(3, 5))
        fired = total > 2
        total = np.where(fired, 0.0, total)
        sent.append(fired)
    return np.stack(sent, axis=1).astype(float)


def test_a_weight_grid_of_thirds_is_exact() -> None:
    """Rows of thirds and of sevenths of a grid: whole numbers at factors that are no powers of two."""
    rng, sketch = np.random.default_rng(0), Sketch(DT)
    whole = rng.integers(-9, 30, (8, INPUTS)).astype(float)
    unit = np.array([1 / 3, 1 / 7, 0.1, 300.0, 1e-3, 2 / 9, 1.0, 12.5])
    sketch.add("input", "Input", INPUTS, {})
    first = sketch.matrix("w1", whole * unit[:, None], "input")
    params = {"r": np.ones(8) / DT, "v_threshold": 40 * unit, "v_reset": np.zeros(8)}
    sketch.add("output", "Output", 8, {}, sketch.add("fire", "IF", 8, params, first))
    data = rng.integers(0, 2, (4, 60, INPUTS)).astype(float)
    found = integer_spikes(compiled(sketch.graph({}), data), data)["fire"]
    total, sent = np.zeros((4, 8)), []
    for now in np.moveaxis(data @ whole.T, 1, 0):
        total = total + now
        sent.append(total > 40)
        total = np.where(total > 40, 0, total)
    assert np.array_equal(found, np.stack(sent, axis=1)) and found.sum() > 50


def test_eighths_stay_dyadic() -> None:
    """Where a power of two is exact it is taken, so that dyadic biases and thresholds are exact too."""
    graph = chain((2, 6, 6), conv(4, 2, 3, 3), ("IF", {"r": 1.0 / DT, "v_threshold": 1.0, "v_reset": 0.0}))
    data = spikes((2, 6, 6))
    made = compiled(graph, data)
    assert np.array_equal(np.log2(made.scheme.units["n1"].free) % 1, np.zeros(64))
    assert all(tensor.sqnr_db is None for tensor in made.lowered.tensors)
    assert np.abs(eighths(1)).max() > 0
