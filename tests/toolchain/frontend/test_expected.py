"""What a framework gave against the float network: agreement by layer, the preset that fits, a wrong one refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.toolchain.frontend.test_framework_traces import CASES, GOLDEN, SAME, recorded
from toolchain.errors import ConformanceError, InputError
from toolchain.frontend import PRESETS, Graph, conventions_for, read_nir, run
from toolchain.frontend.expected import Expected, agreement, checked, expected_of, fits, read_expected

LEAKY = "snntorch/snntorch_leaky"


def given(case: str) -> tuple[Graph, Any, Expected, str]:
    """The graph, the input, what the tool spiked, and the preset that its neuron is read by."""
    record, x, layers = recorded(case)
    graph = read_nir(GOLDEN / f"{case}.nir")
    return graph, x, expected_of({f"spikes/{name}": values for name, values in layers.items()}, graph), record["preset"]


@pytest.mark.parametrize("case", CASES)
def test_the_preset_that_fits_is_named_first(case: str) -> None:
    graph, x, expected, preset = given(case)
    best = fits(graph, x, expected)[0]
    assert best.agrees
    assert best.conventions.name == preset or best.conventions.name in SAME[preset]


@pytest.mark.parametrize("case", ["snntorch/snntorch_leaky", "norse/norse_lif", "sinabs/sinabs_lif", "spyx/spyx_lif"])
def test_a_wrong_preset_is_refused_and_the_right_one_named(case: str) -> None:
    graph, x, expected, preset = given(case)
    wrong = conventions_for(graph, "spikingjelly-soft", dt=1.0)
    with pytest.raises(ConformanceError) as caught:
        checked(graph, wrong, x, expected)
    assert any(f"give --convention {name}, under which 0 differ" in str(caught.value) for name in (preset, "spyx"))


def test_presets_are_tried_at_the_time_step_that_was_given() -> None:
    graph, dt = read_nir(GOLDEN / "snntorch" / "snntorch_leaky.nir"), 5e-5
    _, x, _ = recorded("snntorch/snntorch_leaky")
    spikes, _ = run(graph, x, conventions_for(graph, "nir", dt=dt))
    expected = expected_of({"spikes": spikes}, graph)
    wrong = conventions_for(graph, "snntorch-leaky", dt=dt)
    with pytest.raises(ConformanceError, match="give --convention snntorch-zero --dt 5e-05, under which 0 differ"):
        checked(graph, wrong, x, expected, dt=dt, asked="snntorch-leaky")
    with pytest.raises(ConformanceError, match="without --dt, under which 0 differ"):
        own = expected_of({"spikes": run(graph, x, conventions_for(graph, "snntorch-leaky"))[0]}, graph)
        checked(graph, wrong, x, own, dt=dt, asked="snntorch-leaky")


def test_what_was_checked_is_no_longer_assumed() -> None:
    graph, x, expected, preset = given(LEAKY)
    before = conventions_for(graph, preset)
    after = checked(graph, before, x, expected)
    assert replace(after, findings=()) == replace(before, findings=())
    said = " ".join(map(str, after.findings))
    assert "checked against the framework on 6 samples: 1, 3 equal" in said
    assert "assumed" not in said


def test_a_layer_says_how_far_it_is_off_and_where_first() -> None:
    graph, x, expected, preset = given(LEAKY)
    spikes = expected.spikes["3"].copy()
    spikes[4, 17, 2] = 1 - spikes[4, 17, 2]
    spikes[2, 30, 0] = 1 - spikes[2, 30, 0]
    found = agreement(graph, conventions_for(graph, preset), x, Expected({"1": expected.spikes["1"], "3": spikes}))
    first, last = found.layers
    assert (first.differing, first.first, first.theirs, first.ours, first.both) == (0, None, 971, 971, 971)
    assert (last.differing, last.values, last.first) == (2, spikes.size, (4, 17, 2))
    assert not found.agrees


def test_voltages_logits_and_classes_are_compared() -> None:
    graph, x, _expected, preset = given(LEAKY)
    conventions = conventions_for(graph, preset)
    out, kept = run(graph, x, conventions, record=["3:v"])
    classes = out.sum(axis=1).argmax(axis=1)
    arrays = {"voltage/3": kept["3:v"], "spikes": out, "logits": out.sum(axis=1), "classes": classes}
    assert agreement(graph, conventions, x, expected_of(arrays, graph)).agrees
    shifted = {"voltage/3": kept["3:v"] + 0.1}
    assert agreement(graph, conventions, x, expected_of(shifted, graph)).layers[0].differing == kept["3:v"].size
    wrong = agreement(graph, conventions, x, expected_of({"classes": (classes + 1) % 5}, graph)).layers[0]
    assert (wrong.what, wrong.differing, wrong.values) == ("classes", len(x), len(x))


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({}, "expect: holds no array; store spikes, spikes/NODE, voltage/NODE, logits or classes"),
        ({"mem": np.zeros((6, 40, 5))}, "expect: mem: is not an array that can be compared; name it spikes, "),
        ({"spikes/9": np.zeros((6, 40, 5))}, "expect: 9: is not a node of the network; nodes with state are: 1, 3"),
        ({"spikes/3": np.zeros((40, 5))}, "expect: spikes/3: has shape (40, 5); store (sample, step, neuron)"),
        ({"spikes/3": np.full((6, 40, 5), np.nan)}, "expect: spikes/3: holds float64 that is not all finite numbers"),
        ({"spikes/3": np.zeros((6, 40, 5)), "classes": np.zeros(5)}, "expect: its arrays differ in samples or steps"),
    ],
)
def test_bad_arrays_are_refused(arrays: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as caught:
        expected_of(arrays, read_nir(GOLDEN / f"{LEAKY}.nir"))
    assert str(caught.value).startswith(message)


def test_other_samples_or_neurons_are_refused(tmp_path: Path) -> None:
    graph, x, expected, preset = given(LEAKY)
    conventions = conventions_for(graph, preset)
    with pytest.raises(InputError, match="6 samples of 40 steps are expected where the input has 5 of 40"):
        agreement(graph, conventions, x[:5], expected)
    with pytest.raises(InputError, match="expect: 3: 4 neurons are expected where the network has 5"):
        agreement(graph, conventions, x, Expected({"3": expected.spikes["3"][..., :4]}))
    (tmp_path / "e.npz").write_bytes(b"no npz")
    with pytest.raises(InputError, match=r"e\.npz: cannot be read"):
        read_expected(tmp_path / "e.npz", graph)


def test_conventions_that_refuse_the_file_do_not_fit() -> None:
    graph, x, expected, _ = given("spikingjelly/spikingjelly_lif_below")
    found = agreement(graph, PRESETS["snntorch-leaky"], x, expected)
    assert not found.agrees
    assert "v_reset is -0.3" in found.refusal
