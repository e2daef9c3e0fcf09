"""The main job on real data, from the command line to the report."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seamount import simulators as choice
from seamount.network import zoo_folder
from tests.cli.conftest import Run
from tests.cli.digits_build import digits_build
from tests.toolchain.report.keys import REPORT_KEYS
from toolchain.ir.storage import load_program
from toolchain.ir.text import read_program, write_program
from toolchain.ir.trace import load_trace

KEYS = REPORT_KEYS | {"versions": {"seamount", "python", "numpy"}}
PIECES = {"model.nir", "program.txt", "program.npz", "placement.json", "report.json", "report.html", "MANIFEST.json"}


@pytest.fixture
def build() -> Path:
    """The digits network, deployed once."""
    return digits_build()


@pytest.fixture
def report(build: Path) -> dict[str, Any]:
    told: dict[str, Any] = json.loads((build / "report.json").read_text())
    return told


def test_everything_is_there(build: Path) -> None:
    assert PIECES | {"lava", "traces"} <= {path.name for path in build.iterdir()}
    program = load_program(build / "program.npz")
    assert write_program(read_program((build / "program.txt").read_text())) == write_program(program)


def test_the_report_has_its_keys(report: dict[str, Any]) -> None:
    assert {"model", "task"} <= report.keys()
    assert {name for name, keys in KEYS.items() if not keys <= report[name].keys()} == set()


def test_integers_cost_less_than_a_point(report: dict[str, Any]) -> None:
    accuracy = report["accuracy"]
    assert accuracy["samples"]["integer"] == 360
    assert accuracy["float"] >= 0.95
    assert accuracy["integer"] >= accuracy["float"] - 0.01
    assert report["activity"]["spike_rate"] < 0.25


def test_all_simulators_agree(report: dict[str, Any]) -> None:
    equivalence = report["equivalence"]
    expected = [name for name in ("lava", "onnx") if choice.missing(name) is None]
    if not expected:
        pytest.skip("neither lava-nc nor onnxruntime is installed")
    assert len(equivalence["comparisons"]) >= len(expected)
    assert equivalence["mismatches"] == 0
    assert equivalence["samples"] >= 16
    for comparison in equivalence["comparisons"]:
        assert min(comparison["values_compared"].values()) > 0


def test_the_bands_hold_their_nominal_values(report: dict[str, Any]) -> None:
    energy = report["energy"]
    assert energy["low_j"] <= energy["nominal_j"] <= energy["high_j"]
    assert energy["nominal_j"] == pytest.approx(energy["dynamic_j"] + energy["static_j"])
    assert energy["per_inference_j"] * 360 == pytest.approx(energy["nominal_j"])
    assert report["latency"]["per_inference_s"] == pytest.approx(67 * report["latency"]["per_step_s"])


def test_verify_says_yes(build: Path, seamount: Run) -> None:
    ran = seamount("verify", build)
    assert ran.code == 0
    assert "failed" not in ran.out


def test_simulate_repeats_the_decisions(build: Path, seamount: Run, tmp_path: Path) -> None:
    from models.tasks import load_task

    test = load_task("digits").test
    np.savez(tmp_path / "x.npz", x=test.inputs[:12], y=test.labels[:12])
    traces = []
    for simulator in ("reference", "lava"):
        if reason := choice.missing(simulator):
            pytest.skip(reason)
        out = tmp_path / f"{simulator}.npz"
        ran = seamount("simulate", build, "--input", tmp_path / "x.npz", "--simulator", simulator, "--trace", out)
        assert (ran.code, ran.out) == (0, f"{out}\n")
        assert "of 12 right" in ran.err
        traces.append(load_trace(out))
    assert np.array_equal(traces[0].messages["block1"], traces[1].messages["block1"])
    assert traces[0].messages["block1"].any()


def test_the_report_can_be_rebuilt(build: Path, seamount: Run) -> None:
    before = {name: (build / name).read_bytes() for name in ("report.json", "report.html", "MANIFEST.json")}
    (build / "report.json").unlink()
    ran = seamount("report", build)
    assert ran.code == 0
    assert {name: (build / name).read_bytes() for name in before} == before


def test_a_file_of_ones_own_needs_no_torch_and_no_lava(
    seamount: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The shipped NIR file by path, with calibration data, where every optional part is absent."""
    from models.tasks import load_task

    task = load_task("digits")
    np.savez(tmp_path / "calibrate.npz", x=task.train.inputs[:64], y=task.train.labels[:64])
    np.savez(tmp_path / "test.npz", x=task.test.inputs[:60], y=task.test.labels[:60])
    for name in ("fast", "lava", "onnx", "js", "c"):
        monkeypatch.setitem(choice._MISSING, name, lambda: "not installed; get it")
    nir = zoo_folder() / "digits" / "model.nir"
    options = ("--calibrate", tmp_path / "calibrate.npz", "--test", tmp_path / "test.npz", "--out", tmp_path / "out")
    ran = seamount("deploy", nir, *options)
    assert ran.code == 0
    found = json.loads((tmp_path / "out" / "report.json").read_text())
    assert found["accuracy"]["float_source"] == "NIR interpreted in float64"
    assert found["accuracy"]["float"] == found["accuracy"]["nir"]
    assert found["accuracy"]["integer"] > 0.9
    assert found["equivalence"]["values_compared"] == 0
    assert (tmp_path / "out" / "quantized.nir").is_file()


def test_two_runs_give_the_same_bytes(seamount: Run, tmp_path: Path, network: Path, data: Path) -> None:
    found = []
    for name in ("first", "second"):
        assert seamount("deploy", network, "--calibrate", data, "--out", tmp_path / name).code == 0
        files = sorted(path for path in (tmp_path / name).rglob("*") if path.is_file())
        found.append({path.relative_to(tmp_path / name): path.read_bytes() for path in files})
    assert found[0] == found[1]
    assert len(found[0]) > 15


def test_doctor_lists_every_part(seamount: Run) -> None:
    ran = seamount("doctor")
    assert ran.code == 0
    for name in ("python", "numpy", "torch", "lava-nc", "onnxruntime"):
        assert name in ran.out


def test_doctor_says_how_to_get_what_is_missing(seamount: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("toolchain.doctor.installed", lambda name: None if name == "torch" else "1.0")
    ran = seamount("doctor")
    assert ran.code == 0
    assert "pip install -c constraints.txt '.[train]'" in ran.out
