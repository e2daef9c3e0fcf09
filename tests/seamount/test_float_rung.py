"""The float network's decisions by its units: only where they give what the interpreter of the graph gives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from seamount.build import float_rung as module
from seamount.build.compile import compile_source
from seamount.build.float_rung import NirNetwork, float_rung
from seamount.build.job import Placed
from seamount.network import find_source
from seamount.options import Options
from toolchain.lower.floating import run_units


@pytest.fixture(scope="module")
def placed() -> Placed:
    """The digits network with 40 of its test samples."""
    return compile_source(find_source("zoo:digits").restricted(40), Options(), lambda event: None)


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "HELD_UPDATES", 1)


def test_all_samples_run_where_units_and_interpreter_agree(placed: Placed) -> None:
    test = placed.source.test
    found = float_rung(placed, test, len(test), None)
    assert found.score == NirNetwork.of(placed).score(test)
    assert (found.note, found.parted) == ("by units equal to the NIR interpreter on 1", "")
    some = float_rung(placed, test, 360, None)
    assert some.note == "40 of 360 test samples, by units equal to the NIR interpreter on 1"


def test_as_many_run_as_time_is_for(placed: Placed, monkeypatch: pytest.MonkeyPatch) -> None:
    test = placed.source.test
    updates = test.steps * sum(unit.updates for unit in placed.compiled.network.units)
    monkeypatch.setattr(module, "UNIT_UPDATES", 7 * updates)
    assert float_rung(placed, test, 360, None).score.counted == 7


def test_units_that_part_run_nothing_more(placed: Placed, monkeypatch: pytest.MonkeyPatch) -> None:
    def off(run: Callable[..., Any]) -> Callable[..., Any]:
        return lambda floats, data: {name: 1.001 * values for name, values in run(floats, data).items()}

    monkeypatch.setattr(module, "run_units", off(run_units))
    found = float_rung(placed, placed.source.test, 360, None)
    assert found.score.counted == 1 and found.note == "1 of 360 test samples"
    assert found.parted == "units differ from the NIR interpreter by 0.001 of the outputs, on 1 samples"


def test_what_is_asked_for_is_interpreted(placed: Placed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "run_units", None)
    found = float_rung(placed, placed.source.test, 360, 3)
    assert found.score.counted == 3 and found.note == "3 of 360 test samples"
