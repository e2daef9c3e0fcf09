"""The page of measured points: what it says is what the tool says, and no miss goes without a reason."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.measured_points import CHECKS, PAIR, Point
from benchmarks.validation import mapping_rows, measured_points, networks, pair_points
from benchmarks.validation_page import MappingRow, layer_table, page, point_table, summary
from toolchain.report.energy import Banded


@pytest.fixture(scope="module")
def points() -> list[Point]:
    return measured_points()


def test_the_page_has_every_point_as_the_tool_tells_it(points: list[Point], repository: Path) -> None:
    written = (repository / "docs" / "validation.md").read_text(encoding="utf-8")
    assert point_table(points) in written, "run make validation"
    program, rows, target = networks()["PilotNet"]
    for line in layer_table(mapping_rows("PilotNet", program, rows, target)).splitlines():
        assert line in written, "run make validation"


def test_a_point_outside_its_band_says_why(points: list[Point]) -> None:
    assert [point.what for point in points if not point.inside and not point.why] == []


def test_two_neurons_lie_in_bands_that_say_something(points: list[Point]) -> None:
    """Time within 10 %, dynamic and static energy in bands of less than a factor of ten, nominal within 1.5."""
    for case in PAIR:
        time, dynamic, static = pair_points(case)
        assert time.factor == pytest.approx(1, abs=0.1)
        for point in (time, dynamic, static):
            assert point.told is not None and point.factor is not None
            assert point.inside and point.told.high < 10 * point.told.low
            assert 1 / 1.5 <= point.factor <= 1.5


def test_a_miss_is_counted_and_shown() -> None:
    """Shown with points of which one is missed and one is silent: neither hides."""
    hit = Point("hit", "t", "W", 1.0, Banded(1.2, 0.9, 2.0))
    missed = replace(hit, what="miss", measured=3.0, why="a reason")
    silent = replace(hit, what="silent", told=None)
    row = MappingRow("net", "8", 2, 4, 100.0, 130)
    text = page([hit, missed, silent], [row], {"net": 4})
    assert "| miss | t | 3 W | 1.2 | 0.9 to 2 | **no** | 0.40 | checks |" in text and "- miss: a reason." in text
    assert "- 2 points that check: 1 inside the band, 1 with a nominal value within a factor of 1.5." in text
    assert "- 1 points of which the tool says nothing" in text
    assert "- 1 layers of compiler tables: 0 with cores equal or off by one, 0 within 2 % of the words." in text
    assert CHECKS in summary([hit], [row]) or "check" in summary([hit], [row])
