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
from toolchain.frontend.conventions import imported_findings, standing
from toolchain.frontend.presets import LISTED, PRESET_OF


def neuron(kind: str = "LIF", **params: float) -> Node:
    node = sample_node(kind)
    values = {name: np.full(node.input_shape, value) for name, value in params.items()}
    return replace(node, params={**node.params, **values})


def hinted(**hint: Any) -> Graph:
    return chain(neuron(), metadata={"seamount": json.dumps(hint)})


ASSUMED = "reset rule, start and time step assumed"


def said(conventions: Conventions) -> list[str]:
    """Findings but for what was assumed, which `test_what_is_assumed_is_said` looks at."""
    return [str(finding) for finding in conventions.findings if ASSUMED not in finding.what]


def bare(conventions: Conventions) -> Conventions:
    return replace(conventions, findings=())


def test_presets_are_named_for_a_tool_and_checked_against_a_version() -> None:
    names = "snntorch snntorch-subtract snntorch-delayed norse norse-1.1-export spyx nir seamount"
    assert set(names.split()) < set(PRESETS)
    for name, preset in PRESET_OF.items():
        assert name.startswith(preset.tool) and bool(preset.tool) == bool(preset.version), name
    assert [name for name, preset in PRESETS.items() if preset.precision == "double"] == ["nir", "lava-dl", "seamount"]


def test_a_foreign_file_is_plain_nir_unless_a_preset_is_asked_for() -> None:
    graph = chain(neuron())
    assert bare(conventions_for(graph)) == PRESETS["nir"]
    assert bare(conventions_for(graph, "spyx")) == PRESETS["spyx"]
    assert bare(conventions_for(graph, "norse", dt=2e-4)) == replace(PRESETS["norse"], dt=2e-4)
    with pytest.raises(InputError) as caught:
        conventions_for(graph, "brian")
    assert str(caught.value) == (f"conventions: no preset is named 'brian'; use one of {', '.join(LISTED)}")


def test_switches_take_the_place_of_a_presets() -> None:
    graph = chain(neuron())
    switches = {"reset": "subtract", "compare": ">=", "start": "v_leak", "decay": None}
    found = conventions_for(graph, "snntorch-zero", switches=switches)
    name = "snntorch-zero,reset=subtract,compare=>=,start=v_leak"
    assert bare(found) == replace(PRESETS["snntorch-zero"], name=name, reset="subtract", compare=">=", start="v_leak")
    assert conventions_for(graph, name) == found
    assert conventions_for(graph, "dt=0.001, clamp_decay=true").clamp_decay
    with pytest.raises(InputError, match=r"conventions: nir and spyx are two presets; give one, then switches"):
        conventions_for(graph, "nir,spyx")
    with pytest.raises(InputError, match=r"conventions\.output_delay_steps: 'x' is not a number"):
        conventions_for(graph, "output_delay_steps=x")
    with pytest.raises(InputError, match=r"conventions\.rest: is not a switch; use one of reset, compare, input, "):
        conventions_for(graph, switches={"rest": "subtract"})
    with pytest.raises(InputError, match=r"conventions\.reset: 'softly' is not a known rule; use one of to_v_reset, "):
        conventions_for(graph, switches={"reset": "softly"})


def test_what_is_assumed_is_said() -> None:
    found = conventions_for(chain(neuron()), "norse").findings
    assert str(found[-1]) == (
        "conventions: reset rule, start and time step assumed: reset to_v_reset, start at v_leak, dt 0.0001 s "
        "(preset norse); not checked against the framework"
    )
    ours = chain(neuron(), metadata={"seamount": hint_for(PRESETS["seamount"])})
    assert not any(ASSUMED in finding.what for finding in conventions_for(ours).findings)


def test_our_own_file_names_its_conventions(tmp_path: Path) -> None:
    ours = replace(PRESETS["seamount"], dt=5e-4)
    graph = chain(neuron(tau=1e-3, r=2.0), metadata={"seamount": hint_for(ours)})
    write_nir(graph, tmp_path / "net.nir")
    found = conventions_for(read_nir(tmp_path / "net.nir"))
    assert replace(found, findings=()) == ours
    assert said(found) == ["metadata.seamount: the file names its conventions; took dt 0.0005 s"]


def test_a_hint_does_not_overrule_a_preset() -> None:
    found = conventions_for(hinted(dt=1e-3, compare=">="), "nir")
    assert bare(found) == PRESETS["nir"]
    assert said(found)[:2] == [
        "metadata.seamount: the file says dt 0.001; kept dt 0.0001 as asked",
        "metadata.seamount: the file says compare >=; kept compare > as asked",
    ]


CHECKED = {"tool": "snntorch", "version": "1.0.0", "outcome": "9 spikes: 0 of 90 values differ"}


@pytest.mark.parametrize(
    ("asked", "then", "now", "remedy"),
    [
        ({"dt": 1e-3}, "dt 0.0001 s", "dt 0.001 s", "leave --dt out"),
        ({"preset": "seamount,reset=none"}, "reset subtract", "reset none", "leave --convention out"),
        ({"switches": {"reset": "none"}}, "reset subtract", "reset none", "leave --convention out"),
    ],
)
def test_other_conventions_withdraw_that_a_network_was_checked(
    asked: dict[str, Any], then: str, now: str, remedy: str
) -> None:
    hint = hint_for(replace(PRESETS["seamount"], dt=1e-4, reset="subtract"), checked=CHECKED)
    graph = chain(neuron(), metadata={"seamount": json.dumps(hint)})
    graph = replace(graph, findings=imported_findings(hint))
    assert standing(graph, conventions_for(graph)) == graph
    found = conventions_for(graph, **asked)
    assert not standing(graph, found).findings and "0 of 90" not in " ".join(said(found))
    assert [str(finding) for finding in found.findings if finding.severity == "loss"] == [
        f"network: was checked against snntorch 1.0.0 with {then}; it is read with {now}: another network; {remedy}"
    ]


def test_conventions_asked_for_that_are_the_files_own_leave_it_checked() -> None:
    graph = hinted(**hint_for(PRESETS["seamount"], checked=CHECKED))
    found = conventions_for(graph, "seamount", dt=PRESETS["seamount"].dt).findings
    assert [str(finding) for finding in found if finding.where != "n"] == [
        "network: checked against snntorch 1.0.0 when it was imported; 9 spikes: 0 of 90 values differ"
    ]


def test_a_time_step_in_place_of_the_files_is_said() -> None:
    found = said(conventions_for(hinted(dt=1e-4), dt=1e-3))
    assert found[0] == "metadata.seamount: the file says dt 0.0001; kept dt 0.001 as asked"
    assert not any("took dt" in line for line in found)


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
    graph = chain(neuron(tau=1e-5, r=1.0))
    assert said(conventions_for(graph)) == [
        "n.tau: 6 of 6 values are below dt 0.0001 s (smallest 1e-05); left as it is",
        "conventions: time constants down to 1e-05 s with r = 1 (norse <= 1.1 writes tau times dt): looks like norse; "
        "not applied: read under --convention norse-lifbox if it is",
    ]
    mended = conventions_for(graph, "norse-lifbox")
    assert said(mended) == ["conventions: norse-lifbox: the file holds tau times dt; took every tau as tau / 0.001 s"]
    assert np.allclose(discretize(graph.nodes["n"], mended).voltage_decay, 1 - 1e-3 / 1e-2)


def test_norses_own_export_is_recognised() -> None:
    path = CASES / "reference" / "norse_lifbox_dt1e-3.nir"
    if not path.exists():
        pytest.skip(f"no folder of real files beside the repository ({CASES})")
    assert any("looks like norse" in line for line in said(conventions_for(read_nir(path))))


def test_a_gain_that_a_producer_does_not_write_is_said() -> None:
    graph = chain(neuron(tau=1e-3, r=5.0))
    assert said(conventions_for(graph, "snntorch-zero")) == [
        "n: r dt/tau is 0.5 to 0.5 where snntorch-zero writes 1; kept: the input is scaled by it"
    ]
    assert said(conventions_for(graph, "nir")) == []


def test_the_old_name_of_snntorch_says_which_reset_it_is() -> None:
    assert bare(conventions_for(chain(neuron()), "snntorch")) == replace(PRESETS["snntorch-zero"], name="snntorch")
    assert "snntorch-leaky for the default" in " ".join(said(conventions_for(chain(neuron()), "snntorch")))


def refusal(node: Node, conventions: Conventions) -> str:
    with pytest.raises(InputError) as caught:
        discretize(node, conventions)
    return str(caught.value)


def test_a_step_longer_than_a_time_constant_is_refused() -> None:
    assert refusal(neuron(tau=1e-5), PRESETS["nir"]) == (
        "n.tau: dt 0.0001 s is longer than tau in 6 of 6 neurons (smallest tau 1e-05 s); "
        "give a shorter dt, or the preset norse-lifbox (norse-lif for LIFCell) if norse <= 1.1 wrote the file"
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


@pytest.mark.parametrize(
    ("kind", "threshold", "rest", "preset", "start"),
    [
        ("LIF", -50.0, -65.0, None, "v_leak"),
        ("LIF", -50.0, -65.0, "nir", "v_leak"),
        ("LIF", 0.0, -15.0, "nir,compare=>=", "v_leak"),
        ("IF", -50.0, -65.0, "nir", "v_leak"),
        ("LIF", -50.0, -65.0, "nir,start=zero", "zero"),
        ("LIF", -50.0, -65.0, "snntorch-zero", "zero"),
        ("LIF", 1.0, 0.25, "nir", "zero"),
        ("LIF", -1.0, 0.0, "nir", "zero"),
    ],
)
def test_plain_nir_starts_at_rest_where_voltages_are_absolute(
    kind: str, threshold: float, rest: float, preset: str | None, start: str
) -> None:
    values = {"v_threshold": threshold, "v_reset": rest, "r": 1.0} | (
        {"v_leak": rest, "tau": 1.0} if kind == "LIF" else {}
    )
    node = Node("n", kind, {name: np.array([value]) for name, value in values.items()}, (1,), (1,))
    found = conventions_for(chain(node), preset)
    assert found.start == start
    said = [str(finding) for finding in found.findings if finding.where == "conventions.start"]
    if threshold <= 0 and rest < threshold:
        assert said == [
            "conventions.start: 1 of 1 neurons would begin above their threshold at 0, and rest below it; "
            + ("start at rest (v_leak; an IF at v_reset); --start zero says otherwise" if start == "v_leak" else "")
            + ("kept start at 0; --start v_leak is rest" if start == "zero" else "")
        ]
    else:
        assert not said
