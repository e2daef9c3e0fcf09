"""A deployment tells what became of the network, not only that simulators agree; --strict makes losses errors."""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import nir
import numpy as np
import pytest

import seamount as sm
from tests.cli.conftest import Run
from toolchain.errors import InputError


def test_spikes_and_decisions_stand_beside_the_float_networks(examples: Mapping[str, Any]) -> None:
    build = sm.deploy("net.nir", "build", calibrate=examples["x"], compared=8)
    found = build.report.fidelity
    assert found is not None
    assert (found.samples, found.changed) == (8, 0)
    assert [layer.population for layer in found.layers] == ["hidden", "out"]
    for layer in found.layers:
        assert layer.both <= min(layer.float_spikes, layer.integer_spikes)
        assert layer.precision == layer.both / layer.integer_spikes > 0.9
        assert layer.recall == layer.both / layer.float_spikes > 0.9
    assert "Fidelity: the program beside the float network" in (build.folder / "report.html").read_text("utf-8")
    told = [event.stage for event in build.events]
    assert told.count("spikes") == 2 and told.count("decisions") == 1 and "warning" not in told
    assert build.losses == ()


def test_silence_is_never_success(examples: Mapping[str, Any]) -> None:
    """Simulators agree on a network that never fires; each dead layer is a warning and a finding of grade loss."""
    build = sm.deploy("net.nir", "build", calibrate=0.01 * examples["x"], labels=examples["y"], compared=4)
    assert build.equal
    warned = [event for event in build.events if event.stage == "warning"]
    assert [event.numbers["where"] for event in warned] == ["hidden", "out"]
    assert {loss.where for loss in build.losses} >= {"hidden", "out"}
    assert all("silent" in event.text and "--dt" in event.text for event in warned)


def test_what_rounds_to_nothing_is_counted(examples: Mapping[str, Any]) -> None:
    calibrate = examples["x"]
    test = np.where(np.random.default_rng(1).random(calibrate.shape) < 0.25, 0.3, calibrate)
    build = sm.deploy("net.nir", "build", calibrate=calibrate, test={"x": test}, compared=2)
    lost = [loss for loss in build.losses if loss.stage == "encode"]
    assert f"{np.count_nonzero(test == 0.3)} of {test.size} input values are not 0 and become 0" in lost[0].what


@pytest.mark.parametrize("wrong", [3, -1])
def test_labels_that_no_output_stands_for_are_refused(examples: Mapping[str, Any], wrong: int) -> None:
    labels = np.where(np.arange(8) == 5, wrong, examples["y"])
    with pytest.raises(InputError, match=rf"1 of 8 labels are none of the 3 classes 0 \.\. 2: {wrong} to {wrong}"):
        sm.deploy("net.nir", "build", calibrate=examples["x"], labels=labels)
    assert not Path("build").exists()


@pytest.mark.parametrize(("scale", "strict", "code"), [(1.0, True, 0), (0.01, False, 0), (0.01, True, 1)])
def test_strict(seamount: Run, examples: Mapping[str, Any], scale: float, strict: bool, code: int) -> None:
    np.savez("data.npz", x=scale * examples["x"])
    words = ["--strict"] if strict else []
    ran = seamount("deploy", "net.nir", "--calibrate", "data.npz", "--out", "build", "--compared", "2", *words)
    assert ran.code == code
    assert ('findings of grade "loss"' in ran.err) == bool(code)
    # The build is there either way, and says how it was made.
    assert ("--strict" in json.loads(Path("build/report.json").read_text("utf-8"))["command"]) == strict


def test_a_layer_that_a_pass_moved_behind_the_outputs_is_compared_as_far_as_it_ran(tmp_path: Path) -> None:
    """Delays are taken out of all paths, so that the layer before the Delay sends its last messages after the run."""
    rng, one = np.random.default_rng(3), np.ones(3)
    neuron = {"tau": 2e-4 * one, "r": 2 * one, "v_leak": 0 * one, "v_threshold": one, "v_reset": 0 * one}
    nodes = {
        "input": nir.Input({"input": np.array([3])}), "fc": nir.Linear(rng.integers(1, 9, (3, 3)) / 8),
        "first": nir.LIF(**neuron), "delay": nir.Delay(3e-4 * one), "out": nir.LIF(**neuron),
        "output": nir.Output({"output": np.array([3])}),
    }  # fmt: skip
    graph = nir.NIRGraph(nodes, list(pairwise(nodes)), type_check=False)
    x = (rng.random((4, 12, 3)) < 0.5).astype(float)
    build = sm.deploy(graph, tmp_path / "build", calibrate=x, compared=2)
    found = build.report.fidelity
    assert found is not None and found.changed == 0 and [row.recall for row in found.layers] == [1, 1]
    with np.load(build.folder / "traces" / "recorded.npz", allow_pickle=False) as stored:
        assert stored["messages/first"].shape == (2, 12, 3)
