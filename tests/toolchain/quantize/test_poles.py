"""Rounded poles: inside the circle, as near as the width allows, and what they leave behind."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.toolchain.quantize.networks import state_space_case
from toolchain.lower.pipeline import compile_graph
from toolchain.lower.rest import measure_rest, pole_rows, rest_bound
from toolchain.quantize.poles import ComplexArray, least_bits, pole_errors, pole_findings, round_at, round_poles
from toolchain.quantize.settings import Settings
from toolchain.report.pole_figure import pole_figure


def poles(seed: int, slowest: float, count: int = 300) -> np.ndarray:
    """Time constants from 3 steps to 10^slowest, any phase; some real."""
    rng = np.random.default_rng(seed)
    distance = 10 ** -rng.uniform(0.5, slowest, (1, count))
    phase = rng.uniform(-np.pi, np.pi, (1, count)) * rng.choice([0, 1, 1], (1, count))
    found: ComplexArray = (1 - distance) * np.exp(1j * phase)
    return found


@given(
    st.integers(4, 24),
    st.floats(0, 1 - 2**-50),
    st.floats(-np.pi, np.pi) | st.sampled_from([0.0, np.pi / 2, np.pi, np.pi / 4]),
    st.floats(1e-6, 1),
)
def test_a_rounded_pole_lies_inside(bits: int, magnitude: float, phase: float, tolerance: float) -> None:
    pole = np.array([[magnitude * np.exp(1j * phase)]])
    found = round_at(pole, bits, tolerance)
    one = 1 << (bits - 1)
    re, im = int(found.a_re[0, 0]), int(found.a_im[0, 0])
    assert re * re + im * im < one * one
    assert abs(complex(re, im) / one - pole[0, 0]) < 3 / one


def test_joint_rounding_is_never_worse_than_nearest() -> None:
    found = poles(0, 4.5)
    nearest, joint = round_at(found, 16, 1e9), round_at(found, 16, 0.01)
    assert joint.joint.any()
    assert np.all(joint.worst <= np.maximum(nearest.worst, 0) + 1e-12)
    assert np.median(joint.worst[joint.joint] / nearest.worst[joint.joint]) < 0.95


def test_within_the_tolerance_each_part_is_the_nearest() -> None:
    found = poles(1, 2.5)
    rounded = round_at(found, 16, 0.05)
    assert not rounded.joint.any()
    assert np.array_equal(rounded.a_re, np.rint(found.real * 2**15))
    assert np.array_equal(rounded.a_im, np.rint(found.imag * 2**15))


def test_slow_poles_say_how_many_bits_they_need() -> None:
    """dt_min of 1e-4: time constants of 20 000 steps, beyond 16 bits."""
    slow = np.asarray((1 - 0.5e-4) * np.exp(1j * np.array([[0.0003, 0.5, 1.0, 3.0]])), np.complex128)
    enough = least_bits(slow, 16, 0.05)
    assert enough is not None and 17 <= enough <= 24
    (finding,) = pole_findings("block0", slow, Settings())
    assert f"a_bits = {enough}" in finding
    assert not pole_findings("block0", slow, Settings(a_bits=enough))
    assert round_poles(slow, Settings(widen_poles=True)).bits == enough
    assert round_poles(slow, Settings()).bits == 16


def test_what_24_bits_cannot_hold_is_said() -> None:
    (finding,) = pole_findings("block0", np.array([[1 - 1e-9]]), Settings())
    assert "24 bits do not hold them either" in finding


@pytest.mark.parametrize("a_re", [20000, 32000, 32700])
def test_the_dead_zone_of_a_real_pole_is_known(a_re: int) -> None:
    """floor(a x) = x for -1/(1-a) < x <= 0: from below the state comes to rest at the far end of that."""
    left, period = measure_rest(np.array([[a_re]]), np.array([[0]]), 16, 24)
    distance = 1 - a_re / 2**15
    assert 0.9 / distance - 1 <= left[0, 0] <= 1 / distance + 1
    assert left[0, 0] <= rest_bound(np.array([[a_re / 2**15 + 0j]]))[0, 0]
    assert period[0, 0] == 1


def test_no_rest_exceeds_its_bound() -> None:
    found = round_at(poles(2, 3.0, 120), 16, 0.05)
    rounded = np.asarray((found.a_re + 1j * found.a_im) / 2**15, np.complex128)
    left, period = measure_rest(found.a_re, found.a_im, 16, 24)
    assert np.all(left <= rest_bound(rounded))
    assert left.max() > 50
    assert np.mean(period > 0) > 0.9


def test_rows_and_figure_of_a_program() -> None:
    case = state_space_case()
    compiled = compile_graph(case.graph, case.conventions, case.x)
    rows = pole_rows(compiled.lowered.program, case.network)
    assert len(rows) == sum(p.size * p.modes for p in compiled.lowered.program.populations)
    for row in rows:
        assert row.magnitude < 1
        assert row.rest_units <= row.rest_bound_units
        assert (row.rest == "zero") == (row.rest_units == 0)
    figure = pole_figure(rows)
    assert figure.count("<circle") == 2 * sum(row.time_constant_steps > 1 for row in rows)
    assert figure == pole_figure(rows)


def test_errors_of_a_pole_by_hand() -> None:
    time_error, phase_drift = pole_errors(np.array([0.99 + 0j]), np.array([0.98 + 0j]))
    assert time_error[0] == pytest.approx(1 - np.log(0.99) / np.log(0.98))
    assert phase_drift[0] == 0
    _, phase_drift = pole_errors(np.array([0.99 + 0j]), np.array([0.99 * np.exp(0.001j)]))
    assert phase_drift[0] == pytest.approx(0.001 * -1 / np.log(0.99))


def test_some_poles_of_a_population_are_whole_neurons_of_it() -> None:
    case = state_space_case()
    program = compile_graph(case.graph, case.conventions, case.x).lowered.program
    every, some = pole_rows(program, case.network), pole_rows(program, case.network, most=16)
    assert len(every) == 2 * 12 * 4 and len(some) == 2 * 4 * 4
    known = {(row.population, row.neuron, row.mode): (row.a_re, row.a_im, row.time_error) for row in every}
    assert all(known[row.population, row.neuron, row.mode] == (row.a_re, row.a_im, row.time_error) for row in some)
