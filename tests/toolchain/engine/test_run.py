"""Running units: results, order, failures, what is kept; the same on every engine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

import pytest

from tests import engine_work
from toolchain.engine import ENGINES, JSON, WorkUnit, run_units
from toolchain.engine.keep import versions
from toolchain.errors import InputError, QuantizationError, WorkError

LOCAL = ("serial", "processes")


def squares(count: int, **more: JSON) -> list[WorkUnit]:
    return [WorkUnit(f"square_{x}", {"x": x, **more}) for x in range(count)]


@pytest.mark.parametrize("engine", LOCAL)
def test_results_have_the_order_of_the_units_and_are_what_json_makes_of_them(engine: str) -> None:
    done: list[str] = []
    results = run_units(
        engine_work.square, squares(5), engine=engine, workers=2, on_done=lambda unit, result: done.append(unit.name)
    )
    assert results == [{"square": x * x, "tuple": [1, 2]} for x in range(5)]
    assert sorted(done) == [unit.name for unit in squares(5)]


def test_processes_are_others_and_at_most_so_many(tmp_path: Path) -> None:
    processes = run_units(engine_work.process, squares(6), engine="processes", workers=2)
    assert 1 <= len({result["process"] for result in processes}) <= 2
    assert run_units(engine_work.process, squares(1))[0] not in processes


@pytest.mark.parametrize("engine", LOCAL)
def test_a_failure_names_its_unit_and_keeps_its_kind(engine: str, tmp_path: Path) -> None:
    """The first in order is raised, though the second is through sooner; what was done is kept."""
    units = [
        WorkUnit("fine", {"raises": "", "x": 1}),
        WorkUnit("first", {"raises": "ours", "seconds": 1.0}),
        WorkUnit("second", {"raises": "other"}),
        WorkUnit("never", {"raises": "", "x": 2}),
    ]
    with pytest.raises(QuantizationError) as raised:
        run_units(engine_work.wrong, units, engine=engine, workers=2, folder=tmp_path)
    assert str(raised.value) == "unit first: soma.theta: 300 needs 10 bits; allow 10"
    assert "in wrong" in raised.value.__notes__[0]
    assert [path.name for path in tmp_path.iterdir()] == ["fine.json"]


def test_any_other_exception_is_told_with_its_unit() -> None:
    with pytest.raises(WorkError) as raised:
        run_units(engine_work.wrong, [WorkUnit("a", {"raises": "other"})])
    assert str(raised.value) == "unit a: KeyError: 'x'"


@pytest.mark.parametrize("x", [0, 1])
def test_what_is_not_json_is_refused(x: int) -> None:
    with pytest.raises(InputError, match="unit a: result: is not plain JSON"):
        run_units(engine_work.not_json, [WorkUnit("a", {"x": x})])


@pytest.mark.parametrize(
    ("units", "options", "told"),
    [
        ([WorkUnit("a", {}), WorkUnit("a", {})], {}, "2 units have this name"),
        ([WorkUnit("../a", {})], {}, "cannot name a file"),
        ([WorkUnit("a", {"x": cast(JSON, Path())})], {}, "unit a: arguments: is not plain JSON"),
        ([], {"engine": "threads"}, "'threads' is unknown; use one of serial, processes, ray"),
        ([], {"workers": 0}, "0 is less than one"),
    ],
)
def test_bad_requests(units: list[WorkUnit], options: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError, match=told):
        run_units(engine_work.square, units, **options)


def test_work_that_no_worker_can_import_is_refused() -> None:
    def inner(arguments: engine_work.Result) -> engine_work.Result:
        return arguments

    for work in (inner, lambda arguments: arguments):
        with pytest.raises(InputError, match="cannot be imported; give a function at the top of a module"):
            run_units(work, [])


def test_there_are_three_engines() -> None:
    assert ENGINES == ("serial", "processes", "ray")


# ------------------------------------------------------------------------------------------------------------- kept


def ran(log: Path) -> list[str]:
    found = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
    log.unlink(missing_ok=True)
    return sorted(found)


class Again:
    """Runs three units with a folder and says which were done; what was told is in its list `told`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.told: list[str] = []

    def __call__(self, **changed: JSON) -> list[str]:
        self.told.clear()
        units = [WorkUnit(f"u{x}", {"x": x, "log": str(self.folder / "log"), **changed}) for x in range(3)]
        results = run_units(engine_work.square, units, folder=self.folder / "kept", tell=self.told.append)
        assert results == [{"square": x * x, "tuple": [1, 2]} for x in range(3)]
        return ran(self.folder / "log")


@pytest.fixture
def run(tmp_path: Path) -> Again:
    return Again(tmp_path)


def test_finished_units_are_taken_from_the_folder(run: Again, tmp_path: Path) -> None:
    assert run() == ["0", "1", "2"]
    before = {path: path.read_bytes() for path in (tmp_path / "kept").iterdir()}
    assert run() == []
    assert {path: path.read_bytes() for path in (tmp_path / "kept").iterdir()} == before
    assert run.told == []
    (tmp_path / "kept" / "u1.json").unlink()
    assert run() == ["1"]


def test_changed_arguments_are_done_again(run: Again) -> None:
    run()
    assert run(more=1) == ["0", "1", "2"]
    assert all("is of other arguments; done again" in line for line in run.told)
    assert len(run.told) == 3


def test_another_version_is_done_again(run: Again, monkeypatch: pytest.MonkeyPatch) -> None:
    run()
    monkeypatch.setitem(versions(), "numpy", "0.0")
    assert run() == ["0", "1", "2"]
    assert "is of other versions" in run.told[0]


def test_other_work_is_done_again(run: Again, tmp_path: Path) -> None:
    run()
    told: list[str] = []
    units = [WorkUnit("u1", {"x": 1, "log": str(tmp_path / "log")})]
    assert run_units(engine_work.process, units, folder=tmp_path / "kept", tell=told.append)[0].keys() == {"process"}
    assert "is of other work" in told[0]


def spoil(path: Path, how: str) -> None:
    text = path.read_text(encoding="utf-8")
    spoiled = {
        "empty": "",
        "cut": text[: len(text) // 2],
        "no object": "[]",
        "another result": text.replace('"square": 1', '"square": 2'),
        "nothing in it": "{}",
        "nested": "[" * 100_000,
    }[how]
    assert spoiled != text
    path.write_text(spoiled, encoding="utf-8")


@pytest.mark.parametrize("how", ["empty", "cut", "no object", "another result", "nothing in it", "nested"])
def test_a_broken_file_is_done_again_and_told(run: Again, tmp_path: Path, how: str) -> None:
    run()
    spoil(tmp_path / "kept" / "u1.json", how)
    assert run() == ["1"]
    assert len(run.told) == 1
    assert "u1.json: is broken (" in run.told[0]
    assert run() == []


def test_a_file_that_the_work_wrote_and_lost_is_written_again(tmp_path: Path) -> None:
    told: list[str] = []
    path = tmp_path / "array"
    for _ in range(2):
        run_units(engine_work.array_to_file, [WorkUnit("a", {"x": 5, "path": str(path)})], folder=tmp_path / "kept")
    for harm in (path.unlink, lambda: path.write_text("6", encoding="utf-8")):
        harm()
        run_units(
            engine_work.array_to_file,
            [WorkUnit("a", {"x": 5, "path": str(path)})],
            folder=tmp_path / "kept",
            tell=told.append,
        )
        assert path.read_text(encoding="utf-8") == "5"
    assert len(told) == 2
    assert all("array, which is missing or changed; done again" in line for line in told)


def test_what_is_kept_says_what_it_is(tmp_path: Path) -> None:
    run_units(engine_work.square, squares(1), folder=tmp_path)
    kept = json.loads((tmp_path / "square_0.json").read_text(encoding="utf-8"))
    assert kept["work"] == "tests.engine_work:square"
    assert kept["result"] == {"square": 0, "tuple": [1, 2]}
    assert kept["versions"] == versions()
