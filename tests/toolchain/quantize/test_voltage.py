"""Neurons that never come near their threshold do not coarsen the voltages of those that do."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.reference import simulate
from tests.toolchain.quantize.networks import Case, state_space_graph, units_of
from toolchain.errors import QuantizationError
from toolchain.frontend.conventions import PRESETS
from toolchain.frontend.execute import run
from toolchain.frontend.graph import FloatArray
from toolchain.host.encode import encode
from toolchain.lower.activity import aligned_messages
from toolchain.lower.pipeline import Compiled, compile_graph
from toolchain.quantize import voltage
from toolchain.quantize.settings import Settings
from toolchain.quantize.voltage import FINE_BITS, LEFT_FOR_ROUNDING, Layer, choose_voltage

SILENT = np.arange(12) % 3 == 0


def one_block(shrink: float) -> Case:
    """A block of 12 channels of which four are silent: their C and D are as much smaller."""
    graph, conventions = state_space_graph(5, blocks=1), PRESETS["seamount"]
    nodes = dict(graph.nodes)
    for name, node in nodes.items():
        if name.endswith(".C"):
            rows = np.where(SILENT, shrink, 1.0)[:, None]
            nodes[name] = replace(node, params={**node.params, "weight": node.params["weight"] * rows})
        elif name.endswith(".D"):
            scale = np.ravel(node.params["scale"]) * np.where(SILENT, shrink, 1.0)
            nodes[name] = replace(node, params={**node.params, "scale": scale})
    graph = replace(graph, nodes=nodes)
    rng = np.random.default_rng(5)
    x = rng.integers(-16, 17, (24, 80, 2)) / 16
    return Case(graph, units_of(graph, conventions), conventions, x, rng.integers(0, 3, 24))


def compiled(case: Case, **choices: Any) -> Compiled:
    return compile_graph(case.graph, case.conventions, case.x, settings=Settings(**choices))


def differing_spikes(case: Case, found: Compiled) -> float:
    """Spikes that differ from the float network's, as a share of its spikes."""
    program = found.lowered.program
    payload, _ = encode(program.inputs[0], case.x)
    trace = simulate(program, {"input": payload}, strict=False)
    spikes = aligned_messages(program, found.network, trace, case.x.shape[1])["block0"]
    wanted: FloatArray = run(case.graph, case.x, case.conventions, ["block0.soma"])[1]["block0.soma"]
    return float((spikes != wanted).sum() / wanted.sum())


def test_a_layer_with_channels_that_are_switched_off_compiles_and_spikes_as_without_them() -> None:
    without = differing_spikes(one_block(0.0), compiled(one_block(0.0)))
    for shrink in (2.0**-18, 2.0**-40):
        found = compiled(one_block(shrink))
        assert differing_spikes(one_block(shrink), found) <= without + 0.005
        told = [finding for finding in found.lowered.findings if finding.startswith("block0.c: ")]
        assert len(told) == 1


def test_what_it_would_cost_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    spared = differing_spikes(one_block(2.0**-18), compiled(one_block(2.0**-18)))
    monkeypatch.setattr(voltage, "FINE_BITS", -100)
    case = one_block(2.0**-18)
    assert differing_spikes(case, compiled(case)) > 3 * spared + 0.01
    with pytest.raises(QuantizationError, match="the readout needs a shift of"):
        compiled(one_block(2.0**-40))


def test_one_gain_for_a_layer_spares_nobody() -> None:
    found = compiled(one_block(2.0**-18), c_scale="layer")
    scale = found.scheme.units["block0"]
    assert np.all(scale.coarser == 1) and scale.readout is not None and np.ptp(scale.readout.c_gain) == 0


@st.composite
def layers(draw: st.DrawFn) -> Layer:
    size = draw(st.integers(1, 6))

    def powers(least: int = -30) -> FloatArray:
        drawn: FloatArray = np.array(draw(st.lists(st.floats(least, 30), min_size=size, max_size=size)))
        return np.exp2(drawn)

    threshold, reached = powers() * (draw(st.integers(0, 3)) > 0), powers()
    skip = powers() if draw(st.booleans()) else np.full(size, np.inf)
    readout = reached * np.exp2(-np.array(draw(st.lists(st.floats(0, 10), min_size=size, max_size=size))))
    unit, headroom = 2.0 ** draw(st.integers(0, 24)), draw(st.integers(0, 3))
    return Layer(powers(), skip, unit, threshold, reached, powers(), readout, draw(st.integers(1, 33)), headroom)


@given(layers())
def test_everything_fits_and_no_other_shift_errs_less(layer: Layer) -> None:
    found = choose_voltage(layer)
    held = np.maximum(layer.reached, layer.threshold) * found.most * layer.unit * 2.0**-found.shift
    assert np.all(held * 2.0**layer.headroom * LEFT_FOR_ROUNDING <= 2.0**23 * (1 + 1e-9))
    assert np.all(found.most <= layer.most) and np.all(found.most <= layer.most_skip * 2.0**found.shift)
    whole = choose_voltage(replace(layer, shared=True))
    assert np.all(whole.coarser == 1) and found.shift <= whole.shift
    if found.shift < whole.shift:
        # Only where a threshold would have been coarse.
        limits = layer.threshold * layer.most * layer.unit * 2.0**-whole.shift
        assert limits[layer.threshold > 0].min() < 2.0**FINE_BITS
        errors = [layer.error(shift) for shift in range(whole.shift + 1)]
        assert layer.error(found.shift) == min(errors)


def test_the_error_of_a_layer_is_the_one_of_its_equation() -> None:
    """Two neurons by hand: one holds its C whole and is floored, the other is capped by its threshold."""
    most, threshold, state = np.array([100.0, 2.0**20]), np.array([1.0, 64.0]), np.array([3.0, 0.5])
    layer = Layer(most, np.full(2, np.inf), 2.0**10, threshold, np.ones(2), state, np.array([2.0, 0.1]), 9, 1)
    capped = 2.0 ** (22 + 4) / (1.02 * 64 * 2**10)
    errors = []
    for own, gain, scale in ((3.0, 100.0, 2.0), (0.5, capped, 64.0)):
        errors.append((own**2 / gain**2 / 12 + (4.5 * 2**4 / (gain * 2**10)) ** 2) / scale**2)
    np.testing.assert_allclose(layer.error(4), sum(errors), rtol=1e-12)
    np.testing.assert_allclose(layer.gain(4), [100.0, capped], rtol=1e-12)
