"""Dead, deaf and busy layers are findings of grade "loss", with their cause; healthy ones are none."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from simulators.reference import simulate
from toolchain.frontend.conventions import conventions_for
from toolchain.frontend.graph import Finding, Graph
from toolchain.frontend.sketch import Sketch
from toolchain.host.encode import encode_counted
from toolchain.lower.activity import activity_rows, aligned_messages
from toolchain.lower.floating import float_network, run_units
from toolchain.lower.health import health_findings
from toolchain.lower.pipeline import compile_graph
from toolchain.quantize.settings import Settings

TIME_STEP = 1e-4


def two_layers(first: float, second: float, offset: float = 0.0) -> Graph:
    """Two layers of LIF neurons with given thresholds; a bias drives the first by itself."""
    rng = np.random.default_rng(5)
    sketch = Sketch(TIME_STEP)
    sketch.add("input", "Input", 6, {})
    last = sketch.matrix("fc1", rng.normal(0.3, 0.5, (20, 6)), "input", np.full(20, offset))
    last = sketch.lif("hidden", np.full(20, 0.8), np.full(20, first), last)
    last = sketch.matrix("fc2", rng.normal(0.2, 0.4, (4, 20)), last)
    last = sketch.lif("out", np.full(4, 0.8), np.full(4, second), last)
    sketch.add("output", "Output", 4, {}, last)
    return sketch.graph({})


def events(scale: float = 1.0) -> np.ndarray:
    return scale * np.random.default_rng(3).binomial(1, 0.4, (5, 40, 6)).astype(float)


def findings(graph: Graph, calibrate: np.ndarray, test: np.ndarray, **settings: Any) -> tuple[Finding, ...]:
    conventions = conventions_for(graph)
    made = compile_graph(graph, conventions, calibrate, settings=Settings(**settings))
    program = made.lowered.program
    payload = encode_counted(program.inputs[0], test).payload
    trace = simulate(program, {program.inputs[0].name: payload}, strict=False)
    integers = aligned_messages(program, made.network, trace, test.shape[1])
    rows = activity_rows(made.network, run_units(float_network(made.network), test), integers, trace.overflows)
    return health_findings(made.network, made.calibration, rows, conventions.dt)


def test_a_healthy_network_has_none() -> None:
    assert findings(two_layers(1.0, 1.0), events(), events()) == ()


def test_a_layer_that_nothing_reaches_is_named_with_its_distance() -> None:
    hidden, out = findings(two_layers(50.0, 1.0), events(), events())
    assert (hidden.where, out.where, hidden.severity) == ("hidden", "out", "loss")
    assert "silent" in hidden.what
    assert "where the threshold is 50" in hidden.what
    assert "--dt" in hidden.action


def test_a_layer_that_always_fires_is_named() -> None:
    first, *_ = findings(two_layers(0.1, 1.0, offset=9.0), events(), events())
    assert (first.where, first.severity) == ("hidden", "loss")
    assert "all 20 neurons fire at every step, in the float network too" in first.what


def test_calibration_on_zeros_and_the_silence_after_it_are_told() -> None:
    """Inputs of 0.45 round to nothing where scales were chosen on silence: the floats spike, the integers don't."""
    told = findings(two_layers(1.0, 1.0), 0 * events(), events(0.45))
    assert "the calibration data are all zero" in told[0].what
    assert any("silent as integers" in finding.what for finding in told[1:])


@pytest.mark.parametrize(("bits", "lost"), [(8, False), (2, True)])
def test_spikes_that_rounding_moves_are_told(bits: int, lost: bool) -> None:
    told = findings(two_layers(1.0, 1.0), events(), events(), weight_bits=bits)
    assert any("rounding moves its spikes" in finding.what for finding in told) == lost
