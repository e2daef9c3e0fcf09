"""Parameters that are wrong, missing, scalar or of an odd type."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.toolchain.frontend.files import (
    INPUT,
    OUTPUT,
    graph,
    lif,
    line,
    linear,
    port,
    read,
    refusal,
    said,
    sound,
    without,
)
from toolchain.errors import InputError, UnsupportedError
from toolchain.frontend import PRESETS, conventions_for, discretize


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (
            {"tau": np.array([np.nan, 1e-3])},
            "lif.tau: 1 of 2 values are NaN; repair the network before exporting it",
        ),
        ({"r": np.array([np.inf, -np.inf])}, "lif.r: 2 of 2 values are infinite; store finite values"),
        (
            {"tau": np.array([0.0, -2e-3])},
            "lif.tau: 2 of 2 values are not positive (smallest -0.002); "
            "store seconds; check the exporter's units and signs",
        ),
        ({"r": np.array([True, False])}, "lif.r: is the boolean [True, False], not numbers; store an array of numbers"),
        ({"r": "much"}, "lif.r: dtype <U4 is not a real number; store an array of floats"),
        ({"r": np.ones(2) + 1j}, "lif.r: dtype complex128 is not a real number; store an array of floats"),
        ({"r": np.ones((0,))}, "lif.r: is empty (shape (0,)); store one value per neuron"),
        (
            {"r": np.ones(3)},
            "lif: its parameters differ in shape: tau (2,), r (3,), v_leak (2,), v_threshold (2,), v_reset (2,); "
            "store every parameter at the neurons' shape",
        ),
    ],
)
def test_bad_parameters_are_refused_by_field_and_count(tmp_path: Path, fields: dict[str, Any], message: str) -> None:
    assert refusal(tmp_path, line(**sound() | {"lif": lif(2) | fields})) == message


def test_all_faults_are_named_at_once(tmp_path: Path) -> None:
    nodes = sound() | {"lif": lif(2, tau=-np.ones(2), r=np.array([1.0, 3.0])), "fc": linear(2, 3, bias=np.bool_(False))}
    assert refusal(tmp_path, line(**nodes)) == (
        "fc.bias: is the boolean False, not numbers (and 1 more: "
        "lif.tau: 2 of 2 values are not positive (smallest -1)); store an array of numbers"
    )


def test_a_missing_field_is_refused_and_an_optional_one_is_taken(tmp_path: Path) -> None:
    assert refusal(tmp_path, line(**sound() | {"lif": without(lif(2), "r")})) == (
        "lif: LIF lacks r; its fields are: tau, r, v_leak, v_threshold, v_reset"
    )
    result = read(tmp_path, line(**sound() | {"lif": without(lif(2), "v_reset")}))
    assert said(result, "note") == ["lif.v_reset: is missing; took 0"]
    assert np.array_equal(result.nodes["lif"].params["v_reset"], np.zeros(2))
    no_bias = without(linear(2, 3, bias=np.zeros(2)), "bias")
    assert said(read(tmp_path, line(**sound() | {"fc": no_bias}))) == ["fc.bias: is missing; took 0"]


def test_odd_dtypes_are_read_as_float64(tmp_path: Path) -> None:
    fields = {"r": np.array([1, 2], np.int8), "tau": np.full(2, 0.5, np.float16), "v_leak": np.zeros(2, ">f8")}
    result = read(tmp_path, line(**sound() | {"lif": lif(2) | fields}))
    assert result.nodes["lif"].params["r"].tolist() == [1.0, 2.0]
    assert {array.dtype for array in result.nodes["lif"].params.values()} == {np.dtype(np.float64)}
    assert said(result, "note") == [
        "lif: tau stored as float16; read as float64",
        "lif: r stored as int8; read as float64",
    ]


@pytest.mark.parametrize("scalar", [np.float32(0.5), np.array([0.5]), np.array([[0.5]])])
def test_scalars_take_the_predecessors_width(tmp_path: Path, scalar: Any) -> None:
    fields = dict.fromkeys(("tau", "r", "v_leak", "v_threshold", "v_reset"), scalar)
    result = read(tmp_path, line(**sound() | {"lif": lif(2) | fields}))
    assert said(result) == ["lif: scalar tau, r, v_leak, v_threshold, v_reset; broadcast to (2,)"]
    assert result.nodes["lif"].params["r"].tolist() == [0.5, 0.5]


def test_a_scalar_beside_full_parameters_takes_their_shape(tmp_path: Path) -> None:
    result = read(tmp_path, line(**sound() | {"lif": lif(2, v_threshold=np.float64(0.7))}))
    assert said(result) == ["lif: scalar v_threshold; broadcast to (2,)"]


def test_scalars_at_the_head_of_a_loop_take_the_successors_width(tmp_path: Path) -> None:
    nodes = {"input": INPUT, "fc": linear(2, 3), "output": OUTPUT, "free": lif(), "w": linear(2, 5)}
    edges = [["input", "fc"], ["fc", "output"], ["free", "w"], ["w", "output"]]
    result = read(tmp_path, graph(nodes, edges))
    assert result.nodes["free"].output_shape == (5,)


def test_unknown_fields_are_noted_and_left_out(tmp_path: Path) -> None:
    result = read(tmp_path, line(**sound() | {"lif": lif(2, refractory=np.ones(2))}))
    assert said(result, "note") == ["lif: unknown field refractory; left out"]
    assert "refractory" not in result.nodes["lif"].params


def test_unknown_types_are_refused_with_the_list(tmp_path: Path) -> None:
    message = refusal(tmp_path, line(**sound() | {"lif": {"type": "ALIF"}}), UnsupportedError)
    assert message.startswith("lif: type ALIF is not a NIR primitive; supported types: Input, Output, Linear, Affine")


def test_a_type_in_other_case_is_read(tmp_path: Path) -> None:
    result = read(tmp_path, line(**sound() | {"input": port("input", 3), "output": port("output", 2)}))
    assert said(result) == [
        "input: its type is spelled input; read as Input",
        "output: its type is spelled output; read as Output",
    ]


def test_decays_above_one_are_kept_where_the_gain_tells_who_wrote_them(tmp_path: Path) -> None:
    """snnTorch and spyx write beta > 1 as a negative time constant, and clamp beta whenever they run."""
    beta = np.array([0.5, 1.25])
    writers = {"snntorch-zero": (1e-4 / (1 - beta), 1 / (1 - beta)), "spyx": (1 / (1 - beta), beta)}
    for preset, (tau, r) in writers.items():
        result = read(tmp_path, line(**sound() | {"lif": lif(2, tau=tau, r=r)}))
        assert any(
            "1 of 2 values are not positive" in text and "decays above 1" in text for text in said(result, "note")
        )
        found = discretize(result.nodes["lif"], conventions_for(result, preset))
        assert found.voltage_decay.tolist() == [0.5, 1.0], preset
        assert found.current_gain.tolist() == [1.0, 1.0], preset
        with pytest.raises(
            InputError, match=r"lif\.tau: 1 of 2 values are negative .*: decays above 1; use a preset of"
        ):
            discretize(result.nodes["lif"], PRESETS["nir"])


def test_a_decay_of_one_is_an_integrator(tmp_path: Path) -> None:
    """snnTorch writes beta = 1 as an infinite tau and r."""
    fields = {"tau": np.array([2e-4, np.inf]), "r": np.array([2.0, np.inf])}
    result = read(tmp_path, line(**sound() | {"lif": lif(2, **fields)}))
    assert said(result) == ["lif.tau: 1 of 2 values are infinite: these neurons forget nothing; took 1.15e+18 s"]
    found = discretize(result.nodes["lif"], conventions_for(result, "snntorch-leaky"))
    assert (found.voltage_decay.tolist(), found.current_gain.tolist()) == ([0.5, 1.0], [1.0, 1.0])
    assert "lif.r: 1 of 2 values are infinite" in refusal(tmp_path, line(**sound() | {"lif": lif(2, r=fields["r"])}))
