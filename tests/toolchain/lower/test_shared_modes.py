"""State spaces whose modes all channels share: the units are the same function, and integers keep nearly all spikes."""

from __future__ import annotations

import numpy as np
import pytest

from simulators.reference import simulate
from toolchain.errors import UnsupportedError
from toolchain.frontend.conventions import conventions_for
from toolchain.frontend.execute import run
from toolchain.frontend.graph import Graph
from toolchain.frontend.sketch import Sketch
from toolchain.host.encode import encode_counted
from toolchain.lower.floating import float_network, run_units
from toolchain.lower.pipeline import compile_graph
from toolchain.units.collapse import find_network

DT, CHANNELS = 1e-4, 4


def shared(seed: int, complex_modes: int, real_modes: int, spread: float = 1.0) -> Graph:
    """Dense B and C around modes that turn and modes that only decay, a direct path, then spikes and a readout."""
    rng = np.random.default_rng(seed)
    turning = 0.95 * np.exp(1j * rng.uniform(0, spread, complex_modes))
    still = rng.uniform(-0.5, 0.97, real_modes)
    poles = np.r_[turning.real, turning.real, still]
    states, half = len(poles), complex_modes
    loop = np.zeros((states, states))
    own = np.arange(half)
    loop[own, half + own], loop[half + own, own] = -turning.imag, turning.imag
    ratio = 1 / (1 - poles)
    sketch = Sketch(DT)
    sketch.add("input", "Input", CHANNELS, {})
    enter = sketch.matrix("s.B", rng.normal(0, 0.2, (states, CHANNELS)), "input")
    state = sketch.add("s.x", "LI", states, {"tau": DT * ratio, "r": ratio, "v_leak": np.zeros(states)}, enter)
    sketch.edges.append((sketch.matrix("s.A", loop, state), state))
    leave = sketch.matrix("s.C", rng.normal(0, 0.3, (CHANNELS, states)), state)
    direct = sketch.add("s.D", "Scale", CHANNELS, {"scale": rng.normal(size=CHANNELS)}, "input")
    last = sketch.lif("out", np.full(CHANNELS, 0.5), np.ones(CHANNELS), sketch.total("s.y", CHANNELS, [leave, direct]))
    sketch.add("output", "Output", CHANNELS, {}, last)
    return sketch.graph({})


def events() -> np.ndarray:
    return np.random.default_rng(9).binomial(1, 0.3, (3, 200, CHANNELS)).astype(float)


@pytest.mark.parametrize(("complex_modes", "real_modes"), [(6, 0), (0, 5), (3, 2), (1, 0)])
def test_units_are_the_same_function_and_integers_nearly(complex_modes: int, real_modes: int) -> None:
    graph, x = shared(11, complex_modes, real_modes), events()
    conventions = conventions_for(graph)
    floats, _ = run(graph, x, conventions)
    assert 0.02 < floats.mean() < 0.98
    made = compile_graph(graph, conventions, x)
    assert np.array_equal(run_units(float_network(made.network), x)["out"], floats)
    payload = encode_counted(made.lowered.program.inputs[0], x).payload
    trace = simulate(made.lowered.program, {"input": payload}, strict=False)
    late = trace.messages["out"][:, made.lowered.program.latency_steps :]
    assert np.mean(late != floats) <= 0.01


def test_what_is_no_mode_is_refused_with_its_states() -> None:
    graph = shared(3, 3, 0)
    graph.nodes["s.A"].params["weight"][0, 1] = 0.1
    with pytest.raises(UnsupportedError, match=r"s\.x: 2 of 6 states couple to several others: state 0 to 1, 3"):
        find_network(graph, conventions_for(graph))
