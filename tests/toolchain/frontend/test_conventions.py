"""Conventions: presets by name, hints that are checked, marks of a producer that are said and never acted on."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.toolchain.frontend.files import CASES
from tests.toolchain.frontend.test_write import chain, sample_node
from toolchain.errors import InputError, UnsupportedError
from toolchain.frontend import (
    PRESETS,
    Conventions,
    Graph,
    Node,
    conventions_for,
    discretize,
    hint_for,
    read_nir,
    write_nir,
)


def neuron(kind: str = "LIF", **params: float) -> Node:
    node = sample_node(kind)
    values = {name: np.full(node.input_shape, value) for name, value in params.items()}
    return replace(node, params={**node.params, **values})


def hinted(**hint: Any) -> Graph:
    return chain(neuron(), metadata={"seamount": json.dumps(hint)})


def said(conventions: Conventions) -> list[str]:
    return [str(finding) for finding in conventions.findings]


def test_the_presets_are_these() -> None:
    names = "nir snntorch snntorch-subtract snntorch-delayed norse norse-1.1-export spyx seamount"
    assert list(PRESETS) == names.split()
    assert [name for name, preset in PRESETS.items() if preset.compare == ">="] == ["seamount"]


def test_a_foreign_file_is_plain_nir_unless_a_preset_is_asked_for() -> None:
    graph = chain(neuron())
    assert conventions_for(graph) == PRESETS["nir"]
    assert conventions_for(graph, "spyx") == PRESETS["spyx"]
    assert conventions_for(graph, "norse", dt=2e-4) == replace(PRESETS["norse"], dt=2e-4)
    with pytest.raises(InputError) as caught:
        conventions_for(graph, "brian")
    assert str(caught.value) == (
        "conventions: no preset is named 'brian'; use one of nir, snntorch, snntorch-subtract, snntorch-delayed, "
        "norse, norse-1.1-export, spyx, seamount"
    )


def test_our_own_file_names_its_conventions(tmp_path: Path) -> None:
    ours = replace(PRESETS["seamount"], dt=5e-4)
    graph = chain(neuron(tau=1e-3, r=2.0), metadata={"seamount": hint_for(ours)})
    write_nir(graph, tmp_path / "net.nir")
    found = conventions_for(read_nir(tmp_path / "net.nir"))
    assert replace(found, findings=()) == ours
    assert said(found) == ["metadata.seamount: the file names its conventions; took dt 0.0005 s"]


def test_a_hint_does_not_overrule_a_preset() -> None:
    found = conventions_for(hinted(dt=1e-3, compare=">="), "nir")
    assert replace(found, findings=()) == PRESETS["nir"]
    assert said(found) == [
        "metadata.seamount: the file says dt 0.001; kept dt 0.0001 as asked",
        "metadata.seamount: the file says compare >=; kept compare > as asked",
    ]


@pytest.mark.parametrize(
    ("stored", "message"),
    [
        ("{", "metadata.seamount: is not JSON (Expecting property name"),
        ("[1]", "metadata.seamount: holds a list, not an object; export the network again"),
        ('{"format": 9}', "metadata.seamount: format 9 is not known here (known: 1); use the version of Seamount"),
        ('{"dt": "x"}', "metadata.seamount.dt: 'x' is not a number; export the network again"),
        ('{"dt": -1}', "conventions.dt: -1.0 s is not a positive time; give seconds"),
        ('{"compare": "<"}', "conventions.compare: '<' is not a known rule; use one of >, >="),
    ],
)
def test_damaged_hints_are_refused(stored: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        conventions_for(chain(neuron(), metadata={"seamount": stored}))
    assert str(caught.value).startswith(message)


def test_time_constants_below_dt_look_like_norse() -> None:
    graph = chain(neuron(tau=1e-5))
    assert said(conventions_for(graph)) == [
        "n.tau: 6 of 6 values are below dt 0.0001 s (smallest 1e-05); this looks like an export by norse <= 1.1; "
        "left as it is; the preset norse-1.1-export divides dt out"
    ]
    mended = conventions_for(graph, "norse-1.1-export")
    assert said(mended) == [
        "conventions: norse-1.1-export: the file holds tau times dt; took every tau as tau / 0.001 s"
    ]
    assert np.allclose(discretize(graph.nodes["n"], mended).voltage_decay, 1 - 1e-3 / 1e-2)


def test_norses_own_export_is_recognised() -> None:
    path = CASES / "reference" / "norse_lifbox_dt1e-3.nir"
    if not path.exists():
        pytest.skip(f"no folder of real files beside the repository ({CASES})")
    assert "looks like an export by norse <= 1.1" in said(conventions_for(read_nir(path), "norse"))[0]


def test_a_gain_that_a_producer_does_not_write_is_said() -> None:
    graph = chain(neuron(tau=1e-3, r=5.0))
    assert said(conventions_for(graph, "snntorch")) == [
        "n: r dt/tau is 0.5 to 0.5 where snntorch writes 1; kept: the input is scaled by it"
    ]
    assert said(conventions_for(graph, "nir")) == []


def refusal(node: Node, conventions: Conventions) -> str:
    with pytest.raises(InputError) as caught:
        discretize(node, conventions)
    return str(caught.value)


def test_a_step_longer_than_a_time_constant_is_refused() -> None:
    assert refusal(neuron(tau=1e-5), PRESETS["nir"]) == (
        "n.tau: dt 0.0001 s is longer than tau in 6 of 6 neurons (smallest tau 1e-05 s); "
        "give a shorter dt, or the preset norse-1.1-export if norse <= 1.1 wrote the file"
    )
    assert refusal(neuron("LI", tau=4e-5), PRESETS["nir"]).startswith(
        "n.tau: dt 0.0001 s is longer than 2 tau in 6 of 6"
    )
    negative = discretize(neuron("LI", tau=1e-4 / 1.5), PRESETS["nir"])  # a mode beyond 90 degrees
    assert np.allclose(negative.voltage_decay, -0.5)


def test_a_reset_that_would_be_ignored_is_refused() -> None:
    assert refusal(neuron(tau=1e-3, v_reset=0.2), PRESETS["snntorch-delayed"]) == (
        "n.v_reset: v_reset is 0.2 to 0.2, which a reset by subtraction would ignore; "
        'use conventions with reset "to_v_reset"'
    )


def test_the_soma_of_a_state_space_is_exact() -> None:
    dt = PRESETS["seamount"].dt
    found = discretize(neuron(tau=dt * 8 / 7, r=8 / 7, v_leak=0, v_reset=0), PRESETS["seamount"])
    assert np.allclose(found.voltage_decay, 1 / 8, rtol=0, atol=2**-52)
    assert np.allclose(found.current_gain, 1, rtol=0, atol=2**-52)
    assert (found.current_decay == 0).all() and (found.input_gain == 1).all() and (found.leak == 0).all()


def test_only_stateful_nodes_are_discretized() -> None:
    with pytest.raises(UnsupportedError) as caught:
        discretize(sample_node("Scale"), PRESETS["nir"])
    assert str(caught.value) == "n: Scale has no state to step; stateful: I, LI, CubaLI, IF, LIF, CubaLIF"
