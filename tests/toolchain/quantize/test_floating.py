"""The float units against the interpreter of NIR: the same spikes, and calibration of what they did."""

from __future__ import annotations

import numpy as np
import pytest

from tests.toolchain.quantize.networks import Case, digits, state_space_case, units_of
from toolchain.errors import InputError
from toolchain.frontend.conventions import PRESETS, Conventions
from toolchain.frontend.execute import run
from toolchain.frontend.graph import Graph, Node
from toolchain.frontend.sketch import Sketch
from toolchain.lower import calibrate as calibration
from toolchain.lower.calibrate import calibrate
from toolchain.lower.floating import float_network, run_units
from toolchain.quantize import scan as scan_module
from toolchain.quantize.scan import scan


def recurrent_graph(kind: str) -> Graph:
    """Four inputs, five recurrent neurons of one kind, three LIF."""
    rng = np.random.default_rng(11)
    sketch = Sketch(1e-4)
    sketch.add("input", "Input", 4, {})
    first = sketch.matrix("w1", rng.normal(0.4, 0.6, (5, 4)), "input", rng.normal(0, 0.1, 5))
    still, tau = np.zeros(5), 1e-4 * rng.uniform(2, 9, 5)
    params = {
        "tau": tau,
        "r": tau / 1e-4,
        "v_leak": rng.normal(0, 0.05, 5),
        "v_threshold": np.ones(5),
        "v_reset": still,
    }
    if kind == "CubaLIF":
        params = {"tau_syn": tau[::-1].copy(), "tau_mem": tau, "w_in": rng.uniform(1, 3, 5)} | params
        del params["tau"]
    sketch.nodes["hidden"] = Node("hidden", kind, params, (5,), (5,))
    sketch.edges.append((first, "hidden"))
    sketch.edges.append((sketch.matrix("loop", rng.normal(0, 0.5, (5, 5)), "hidden"), "hidden"))
    out = sketch.lif("out", np.full(3, 0.5), np.ones(3), sketch.matrix("w2", rng.normal(0.5, 0.6, (3, 5)), "hidden"))
    sketch.add("output", "Output", 3, {}, out)
    return sketch.graph({})


def same_as_nir(case: Case, graph: Graph, conventions: Conventions, x: np.ndarray) -> None:
    network = units_of(graph, conventions)
    _, expected = run(graph, x, conventions, record=tuple(unit.exit for unit in network.units))
    found = run_units(float_network(network), x)
    for unit in network.units:
        wanted = expected[unit.exit].reshape(found[unit.name].shape)
        if unit.spikes:
            assert wanted.any()
            assert np.mean(wanted != found[unit.name]) < 1e-4  # sums in another order: a tie may fall the other way
        else:
            assert np.allclose(wanted, found[unit.name], rtol=1e-6, atol=1e-6)


def test_digits() -> None:
    case = digits()
    same_as_nir(case, case.graph, case.conventions, case.x[:64])


def test_random_state_spaces() -> None:
    case = state_space_case(3)
    same_as_nir(case, case.graph, case.conventions, case.x)


@pytest.mark.parametrize("kind", ["LIF", "CubaLIF"])
@pytest.mark.parametrize("preset", ["nir", "seamount", "snntorch-subtract", "snntorch-delayed"])
def test_recurrent_neurons(kind: str, preset: str) -> None:
    x = np.random.default_rng(1).integers(0, 2, (16, 60, 4)).astype(float)
    same_as_nir(state_space_case(), recurrent_graph(kind), PRESETS[preset], x)


@pytest.mark.parametrize("row_words", [1, 500, 1 << 21])
def test_scan_against_the_definition(monkeypatch: pytest.MonkeyPatch, row_words: int) -> None:
    monkeypatch.setattr(scan_module, "ROW_WORDS", row_words)
    rng = np.random.default_rng(0)
    poles = 0.9 * np.exp(1j * rng.uniform(0, 3, (3, 2)))
    c, d = rng.normal(size=(3, 2)) + 1j * rng.normal(size=(3, 2)), rng.normal(size=3)
    drive = rng.normal(size=(5, 30, 3))
    state, moments = np.zeros((5, 3, 2), dtype=complex), np.zeros((3, 5, 5))
    wanted, peak = np.empty_like(drive), 0.0
    for t in range(30):
        state = poles * state + drive[:, t, :, None]
        wanted[:, t] = (c * state).real.sum(axis=2) + d * drive[:, t]
        peak = np.maximum(peak, np.maximum(np.abs(state.real), np.abs(state.imag)).max(axis=(0, 2)))
        parts = np.stack([state.real, state.imag], axis=-1).reshape(5, 3, 4)
        seen = np.concatenate([parts, drive[:, t, :, None]], axis=2)
        moments += np.einsum("shf,shg->hfg", seen, seen)
    found = scan(poles, c, d, drive, moment_rows=5 * 30)
    assert np.allclose(found.readout, wanted)
    assert np.allclose(found.peak, peak)
    assert np.allclose(found.moments, moments)


def test_parts_of_the_data_add_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ranges do not hang on how many samples are run together."""
    case = state_space_case(5)
    whole = calibrate(case.network, case.x)
    monkeypatch.setattr(calibration, "MEMORY_WORDS", 1)
    parts = calibrate(case.network, case.x)
    for name, seen in whole.units.items():
        for field in ("drive", "state", "readout", "voltage", "rate"):
            assert np.allclose(getattr(parts.units[name], field), getattr(seen, field))


def test_long_data_are_thinned_and_said_so(monkeypatch: pytest.MonkeyPatch) -> None:
    case = state_space_case(5)
    monkeypatch.setattr(calibration, "MODE_STEPS", 80 * 110 * 6)
    found = calibrate(case.network, case.x)
    assert 1 < found.samples < len(case.x)


def test_ranges_are_the_greatest_seen() -> None:
    case = state_space_case(7)
    found = calibrate(case.network, case.x)
    _, recorded = run(case.graph, case.x, case.conventions, record=("block1.in", "block1.y", "sum"))
    for field, node, unit in (
        ("drive", "block1.in", "block1"),
        ("readout", "block1.y", "block1"),
        ("voltage", "sum", "sum"),
    ):
        assert np.allclose(getattr(found.units[unit], field), np.abs(recorded[node]).max(axis=(0, 1)), rtol=1e-6)


def test_bad_data_are_refused() -> None:
    case = state_space_case()
    for x in (case.x[:, :, :1], case.x[:0], np.where(case.x > 0.9, np.nan, case.x)):
        with pytest.raises(InputError):
            calibrate(case.network, x)
