"""LIF neurons at the ends of what they can be: currents that stay or go slowly, integrators that never fire."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from simulators.reference import simulate
from tests.toolchain.frontend.networks import DT, graph_of, linear
from toolchain.frontend import PRESETS, Node, run
from toolchain.frontend.graph import FloatArray
from toolchain.host.encode import encode_all, payloads_of
from toolchain.lower.activity import aligned_messages
from toolchain.lower.pipeline import Compiled, compile_graph

SIZE, INPUTS = 8, 5
WEIGHTS = np.random.default_rng(3).integers(-4, 9, (SIZE, INPUTS)) / 8


def differing(node: Node, steps: int, rate: float, preset: str = "nir") -> tuple[int, int, Compiled]:
    """Spikes that differ between program and NIR, spikes of NIR, and the program."""
    graph = graph_of([linear("fc", WEIGHTS), node], list(pairwise(["input", "fc", "n", "output"])), INPUTS, SIZE)
    x = (np.random.default_rng(1).random((2, steps, INPUTS)) < rate).astype(float)
    right, _ = run(graph, x, PRESETS[preset])
    made = compile_graph(graph, PRESETS[preset], x)
    program = made.lowered.program
    trace = simulate(program, payloads_of(encode_all(program, x)), strict=False)
    return int(np.sum(aligned_messages(program, made.network, trace, steps)["n"] != right)), int(right.sum()), made


def current(kept: float | FloatArray, threshold: float) -> Node:
    """A CubaLIF of unit gains whose voltage keeps 7/8."""
    lost = 1 - np.broadcast_to(np.asarray(kept), SIZE)
    values = {"tau_mem": 8 * DT, "r": 8.0, "v_leak": 0.0, "v_threshold": threshold, "v_reset": 0.0}
    params = {name: np.full(SIZE, value) for name, value in values.items()}
    params |= {"tau_syn": DT / lost, "w_in": 1 / lost}
    return Node("n", "CubaLIF", params, (SIZE,), (SIZE,))


def test_a_current_that_stays_is_no_lava_neuron() -> None:
    """Lava's LIF loses a 4096th of its current at least; a learned alpha beyond 1 is clamped to 1."""
    wrong, spikes, made = differing(current(np.resize([1.25, 0.5], SIZE), 4.0), 40, 0.2, "snntorch-zero")
    assert made.lowered.program.populations[0].neuron == "current_lif" and (wrong, spikes > 100) == (0, True)


def test_a_slow_current_keeps_its_spikes() -> None:
    """What the floor of its leak takes off is made up for, and its exponent is chosen by it: else 15 % moved."""
    wrong, spikes, _ = differing(current(0.999, 150.0), 1500, 0.15)
    assert spikes > 1000 and wrong <= 0.06 * spikes


def test_an_integrator_that_never_fires_coarsens_no_other() -> None:
    thresholds = np.where(np.arange(SIZE) == 2, 1e6, 1.0)
    params = {"r": np.full(SIZE, 1 / DT), "v_threshold": thresholds, "v_reset": np.zeros(SIZE)}
    wrong, spikes, _ = differing(Node("n", "IF", params, (SIZE,), (SIZE,)), 50, 0.3)
    assert (wrong, spikes > 100) == (0, True)
