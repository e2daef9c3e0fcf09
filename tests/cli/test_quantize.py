"""`seamount quantize`: what it says, what it writes, what it refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Run


@pytest.fixture(scope="module")
def explained(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The digits network, explained once."""
    from seamount.build.quantize import quantize

    found = quantize("zoo:digits", explain=True)
    told: dict[str, Any] = json.loads(json.dumps(found.as_dict()))
    return told


def test_the_whole_test_set_loses_at_most_three_tenths_of_a_point(explained: dict[str, Any]) -> None:
    """8-bit weights and C, 16-bit A-bar, 24-bit state; scales chosen on training data alone."""
    settings = explained["settings"]
    assert [settings[name] for name in ("weight_bits", "a_bits", "c_bits", "state_bits")] == [8, 16, 8, 24]
    assert explained["test_samples"] == 360
    accuracy = explained["accuracy"]
    assert accuracy["integer"] >= accuracy["nir"] - 0.003 * 360
    assert accuracy["integer"] < 360


def test_every_rung_is_there(explained: dict[str, Any]) -> None:
    names = [rung["name"] for rung in explained["ladder"]]
    assert names[0] == "float" and names[-2:] == ["all tensors", "integer program"]
    assert {"block0.c, d", "block0.a", "block0->block1.weights"} <= set(names)
    assert explained["ladder"][0]["output_error"] == 0
    assert 0 < explained["ladder"][-1]["output_error"] < 0.2


def test_ranges_and_poles_are_there(explained: dict[str, Any]) -> None:
    verdicts = {(row["population"], row["register"]): row["verdict"] for row in explained["ranges"]}
    assert verdicts["block0", "input"] == verdicts["block1", "drive"] == "proven"
    assert set(verdicts.values()) <= {"proven", "observed only", "can overflow"}
    assert len(explained["poles"]) == 2 * 64 * 8
    assert all(row["magnitude"] < 1 for row in explained["poles"])


def test_a_file_with_data(seamount: Run, tmp_path: Path, network: Path, data: Path) -> None:
    plot = tmp_path / "poles.svg"
    ran = seamount("quantize", network, "--calibrate", data, "--explain", "--json", "--plot", plot)
    assert ran.code == 0
    assert "hidden" in ran.err and "proven to fit" in ran.err
    found = json.loads(ran.out)
    assert [row["population"] for row in found["activity"]] == ["hidden", "out"]
    assert plot.read_text().startswith("<svg")
    assert seamount("quantize", network, "--calibrate", data, "--explain", "--json").out == ran.out
    assert seamount("quantize", network, "--calibrate", data, "--plot", plot).out == f"{plot}\n"


def test_the_figures_can_go_to_a_file(seamount: Run, tmp_path: Path, network: Path, data: Path) -> None:
    rows, other = tmp_path / "rows.json", tmp_path / "other.json"
    ran = seamount("quantize", network, "--calibrate", data, "--json", rows)
    assert ran.code == 0 and json.loads(rows.read_text())["command"] == "quantize"
    assert ran.out == f"{rows}\n"
    refused = seamount("quantize", network, "--calibrate", data, other)
    assert refused.code == 1 and "other.json: is one argument too many" in refused.err and not other.exists()


def test_without_explain_only_the_ends_are_run(seamount: Run, network: Path, data: Path) -> None:
    ran = seamount("quantize", network, "--calibrate", data)
    assert ran.code == 0
    assert ran.err.count("ladder") == 2


@pytest.mark.parametrize("settings", ['{"weight_bits": 99}', '{"colour": 1}', "[1]", "{"])
def test_bad_settings_leave_nothing(seamount: Run, tmp_path: Path, network: Path, data: Path, settings: str) -> None:
    (tmp_path / "s.json").write_text(settings)
    ran = seamount("quantize", network, "--calibrate", data, "--settings", tmp_path / "s.json", "--json")
    assert ran.code != 0
    assert len(ran.err.strip().splitlines()) == 1
    assert ran.out == ""
