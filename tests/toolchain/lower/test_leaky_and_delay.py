"""Leaky integrators and sums anywhere in a network, and delays of any length: as the float network has them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from simulators.reference import simulate
from toolchain.frontend.conventions import conventions_for
from toolchain.frontend.execute import run
from toolchain.frontend.graph import Graph
from toolchain.frontend.sketch import Sketch
from toolchain.host.decode import step_numbers
from toolchain.host.encode import encode_counted
from toolchain.ir.program import MAX_DELAY_STEPS
from toolchain.ir.trace import Trace
from toolchain.lower.pipeline import Compiled, compile_graph

DT, STEPS = 1e-4, 90


def each_step(made: Compiled, trace: Trace) -> np.ndarray:
    """The messages of each step in real units, as they are: sums of spikes would be added up over time."""
    program = made.lowered.program
    return step_numbers(program, trace, replace(program.output(), reading="step"))


def leaky(kept: np.ndarray, gain: np.ndarray, leak: float = 0.0) -> dict[str, np.ndarray]:
    """LI by forward Euler: v <- kept v + gain x + (1 - kept) leak."""
    ratio = 1 / (1 - kept)
    return {"tau": DT * ratio, "r": gain * ratio, "v_leak": np.full(len(kept), leak)}


def cuba(current: np.ndarray, kept: np.ndarray) -> dict[str, np.ndarray]:
    synaptic, ratio = 1 / (1 - current), 1 / (1 - kept)
    return {
        "tau_syn": DT * synaptic,
        "tau_mem": DT * ratio,
        "r": ratio,
        "v_leak": np.zeros(len(kept)),
        "w_in": synaptic,
    }


KINDS = {
    "LI": ("LI", leaky(np.array([0.5, 0.9375, 0.75, 0.0]), np.array([1.0, -2.0, 0.5, 1.0]))),
    "LI with a leak": ("LI", leaky(np.array([0.5, 0.9375, 0.75, 0.25]), np.ones(4), 0.5)),
    "slow LI": ("LI", leaky(np.array([0.999, 0.9999, 0.99, 0.9]), np.ones(4))),
    "CubaLI": ("CubaLI", cuba(np.array([0.5, 0.8, 0.75, 0.0]), np.array([0.9, 0.8, 0.7501, 0.5]))),
    "I": ("I", {"r": np.array([1.0, 0.5, -1.0, 0.25]) / DT}),
}


def network(kind: str, place: str) -> Graph:
    """A spiking layer, then leaky neurons: read, before a further layer, or compared with a threshold."""
    rng = np.random.default_rng(8)
    name, params = KINDS[kind]
    sketch = Sketch(DT)
    sketch.add("input", "Input", 5, {})
    last = sketch.matrix("fc", rng.integers(-6, 9, (8, 5)) / 8, "input")
    last = sketch.lif("spikes", np.full(8, 0.5), np.ones(8), last)
    last = sketch.add("leaky", name, 4, params, sketch.matrix("fc2", rng.integers(-8, 9, (4, 8)) / 16, last))
    if place == "hidden":
        last = sketch.lif(
            "out", np.full(3, 0.75), np.ones(3), sketch.matrix("fc3", rng.integers(-5, 9, (3, 4)) / 8, last)
        )
    if place == "threshold":
        last = sketch.threshold("out", np.array([0.4, 0.3, 0.2, 0.5]), last)
    sketch.add("output", "Output", sketch.nodes[last].output_shape[0], {}, last)
    return sketch.graph({})


def events(seed: int = 2) -> np.ndarray:
    return np.random.default_rng(seed).binomial(1, 0.3, (4, STEPS, 5)).astype(float)


def deployed(graph: Graph, x: np.ndarray, start: str = "zero") -> tuple[Compiled, Trace]:
    made = compile_graph(graph, conventions_for(graph, switches={"start": start}), x)
    program = made.lowered.program
    payload = encode_counted(program.inputs[0], x).payload
    return made, simulate(program, {"input": payload}, strict=False)


@pytest.mark.parametrize("kind", sorted(KINDS.keys() - {"I"}))
def test_what_is_read_is_the_float_membrane(kind: str) -> None:
    graph, x = network(kind, "read"), events()
    made, trace = deployed(graph, x)
    floats, _ = run(graph, x, conventions_for(graph))
    assert np.abs(each_step(made, trace) - floats).max() <= 2e-3 * np.abs(floats).max()


@pytest.mark.parametrize("start", ["zero", "v_leak"])
@pytest.mark.parametrize("place", ["hidden", "threshold"])
@pytest.mark.parametrize("kind", KINDS)
def test_what_follows_spikes_as_in_the_float_network(kind: str, place: str, start: str) -> None:
    graph, x = network(kind, place), events()
    made, trace = deployed(graph, x, start)
    floats, _ = run(graph, x, conventions_for(graph, switches={"start": start}))
    integers = trace.messages["out"][:, made.lowered.program.latency_steps :]
    assert 0.02 < floats.mean() < 0.98
    assert np.mean(integers != floats) <= 0.01


def test_a_sum_without_leak_says_what_it_loses() -> None:
    made, _ = deployed(network("I", "hidden"), events())
    assert any("1000 steps lose" in text for text in made.lowered.findings)


def delayed(steps: list[int], then: str = "layer") -> Graph:
    rng = np.random.default_rng(18)
    sketch = Sketch(DT)
    sketch.add("input", "Input", 5, {})
    last = sketch.matrix("fc", rng.integers(-6, 9, (6, 5)) / 8, "input")
    first = sketch.lif("spikes", np.full(6, 0.5), np.ones(6), last)
    last = sketch.add("delay", "Delay", 6, {"delay": DT * np.array(steps, float)}, first)
    if then == "layer":
        last = sketch.matrix("fc2", rng.integers(-6, 9, (3, 6)) / 8, last)
        sketch.edges.append((sketch.matrix("skip", rng.integers(-6, 9, (3, 6)) / 8, first), "out"))
        last = sketch.lif("out", np.full(3, 0.5), np.ones(3), last)
    sketch.add("output", "Output", sketch.nodes[last].output_shape[0], {}, last)
    return sketch.graph({})


@pytest.mark.parametrize("steps", [[0] * 6, [3] * 6, [0, 1, 5, 7, 30, 61], [62] * 6, [63, 64, 80, 62, 1, 0]])
def test_delays_are_exact(steps: list[int]) -> None:
    graph, x = delayed(steps), events()
    made, trace = deployed(graph, x)
    floats, _ = run(graph, x, conventions_for(graph))
    assert floats.any()
    assert np.array_equal(trace.messages["out"][:, made.lowered.program.latency_steps :], floats)
    assert max(p.delay_steps for p in made.lowered.program.projections) <= MAX_DELAY_STEPS


def test_a_delay_before_the_output() -> None:
    graph, x = delayed([2, 0, 9, 1, 2, 70], "output"), events()
    made, trace = deployed(graph, x)
    floats, _ = run(graph, x, conventions_for(graph))
    assert np.array_equal(each_step(made, trace), floats)


def recurrent(delay: int) -> Graph:
    rng = np.random.default_rng(4)
    sketch = Sketch(DT)
    sketch.add("input", "Input", 5, {})
    sketch.lif("spikes", np.full(6, 0.5), np.ones(6), sketch.matrix("fc", rng.integers(-6, 9, (6, 5)) / 8, "input"))
    sketch.add("delay", "Delay", 6, {"delay": np.full(6, DT * delay)}, "spikes")
    sketch.edges.append((sketch.matrix("again", rng.integers(-6, 7, (6, 6)) / 8, "delay"), "spikes"))
    sketch.add("output", "Output", 6, {}, "spikes")
    return sketch.graph({})


@pytest.mark.parametrize("steps", [1, 4])
def test_a_delay_closes_a_loop(steps: int) -> None:
    graph, x = recurrent(steps), events()
    made, trace = deployed(graph, x)
    floats, _ = run(graph, x, conventions_for(graph))
    assert np.array_equal(trace.messages["spikes"][:, made.lowered.program.latency_steps :], floats)
