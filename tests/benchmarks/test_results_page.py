"""The page of results: which figure stands in which column."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchmarks import results
from benchmarks.results import before_fine_tuning
from benchmarks.results_page import page

ROW: dict[str, Any] = {
    "network": "a",
    "task": "t",
    "shape": {"mix": "glu", "soma": "lif"},
    "settings": {"weight_bits": 8, "a_bits": 16, "c_bits": 8, "state_bits": 24},
    "accuracy": {"float": 0.95, "nir": 0.5, "integer": 0.94, "lava": 1.0},
    "bits_per_symbol": {},
    "before_fine_tuning": {},
    "samples": {"float": 200, "nir": 20, "integer": 200, "lava": 1},
    "notes": {},
    "spike_rate": 0.125,
    "parameters": 1234,
    "cores": 2,
    "synops_per_inference": 5000.0,
    "energy_per_inference_j": 1e-6,
    "energy_per_inference_band_j": [5e-7, 2e-6],
    "latency_per_inference_s": None,
    "values_compared": 77,
    "mismatches": 0,
}


def _cells(row: dict[str, Any]) -> list[str]:
    (line,) = (line for line in page([row]).splitlines() if line.startswith("| t |"))
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_a_network_quantized_after_training() -> None:
    assert _cells(ROW)[2:] == [
        "glu, lif",
        "8/16/8/24",
        "95.00",
        "50.00 (20)",
        "94.00",
        "-",
        "+1.00",
        "100.00 (1)",
        "0.125",
    ]


def test_a_fine_tuned_network_stands_beside_what_it_began_as() -> None:
    row = ROW | {"before_fine_tuning": {"float": 0.96, "ptq": 0.9}}
    assert _cells(row)[4:9] == ["96.00", "50.00 (20)", "90.00", "94.00", "+2.00"]


def test_a_language_model_is_told_in_bits_of_all_its_characters() -> None:
    bits = {"float": 1.75, "integer": 1.7526}
    row = ROW | {"accuracy": {}, "bits_per_symbol": bits, "samples": {"float": 4, "integer": 400}}
    assert _cells(row)[4:9] == ["1.750 (4)", "-", "1.753", "-", "+0.003"]


def test_a_network_without_spikes_has_no_rate() -> None:
    assert _cells(ROW | {"spike_rate": 0.0})[-1] == "-"


def test_a_loss_needs_the_same_samples() -> None:
    assert _cells(ROW | {"samples": {**ROW["samples"], "float": 100}})[8] == "-"


def test_what_a_network_began_as_is_read_off_its_figures() -> None:
    part = {"test": {"accuracy": 0.5}}
    figures = {"start": {"figures": {"test": {"accuracy": 0.75}}}, "integers": {"before": part, "after": part}, **part}
    assert before_fine_tuning(figures) == {"float": 0.75, "ptq": 0.5}
    assert before_fine_tuning(part) == {}


def test_networks_that_are_not_shipped_stand_in_tables_of_their_own() -> None:
    text = page([ROW], (), [ROW | {"network": "b", "spike_rate": 0.25}])
    first, second = text.split("## Not shipped")
    assert "| t | `a` |" in first and "| t | `b` |" not in first and "| t | `b` |" in second
    assert "## Not shipped" not in page([ROW])


def test_rows_of_the_zoo_and_of_runs_are_kept_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results, "RESULTS", tmp_path / "results.json")
    monkeypatch.setattr(results, "PAGE", tmp_path / "results.md")
    assert results.kept() == ({}, {})
    rows = {name: ROW | {"network": name} for name in ("digits", "gone", "mine")}
    results.write({name: rows[name] for name in ("digits", "gone")}, {name: rows[name] for name in ("mine", "digits")})
    # A network that left the zoo has no row any more, and a shipped one has one among the shipped alone.
    shipped, unshipped = results.kept()
    assert set(shipped) == {"digits"} and set(unshipped) == {"mine"}
    assert "Shipped, without a run yet: `digits-glu`" in (tmp_path / "results.md").read_text(encoding="utf-8")
