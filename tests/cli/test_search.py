"""`seamount search`: the settings it writes compile and hold the loss; stopping and engines change nothing."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

import seamount.searching.work as search_work
from seamount.build.quantize import quantize
from tests.cli.conftest import Ran, Run
from tests.toolchain.quantize.networks import state_space_graph
from toolchain.frontend.conventions import PRESETS
from toolchain.frontend.execute import run
from toolchain.frontend.write import write_nir

LOSS = 7.0
RESULTS = ("settings.json", "search.json", "search.txt", "pareto.svg")


@dataclass(frozen=True)
class Case:
    """A small network with data labelled by itself, and settings to begin with."""

    folder: Path
    run: Run

    def search(self, out: str, **more: object) -> Ran:
        given = {"calibrate": self.folder / "choice.npz", "test": self.folder / "test.npz", "convention": "seamount"}
        given |= {"settings": self.folder / "start.json", "loss": LOSS, "engine": "serial", "out": self.folder / out}
        options = [part for name, value in (given | more).items() for part in (f"--{name}", value)]
        return self.run("search", self.folder / "net.nir", *options)

    def results(self, out: str) -> dict[str, bytes]:
        return {name: (self.folder / out / name).read_bytes() for name in RESULTS}


@pytest.fixture
def case(tmp_path: Path, seamount: Run) -> Case:
    graph, rng = state_space_graph(blocks=1), np.random.default_rng(0)
    x = rng.integers(-16, 17, (96, 40, 2)) / 16
    outputs, _ = run(graph, x, PRESETS["seamount"])
    labels = outputs.reshape(*outputs.shape[:2], -1)[:, -1].argmax(axis=1)
    write_nir(graph, tmp_path / "net.nir")
    np.savez(tmp_path / "choice.npz", x=x[:64], y=labels[:64])
    np.savez(tmp_path / "test.npz", x=x[64:], y=labels[64:])
    widths = {"weight_bits": 7, "a_bits": 12, "c_bits": 8, "state_bits": 18}
    (tmp_path / "start.json").write_text(json.dumps(widths))
    return Case(tmp_path, seamount)


def test_the_settings_hold_the_loss_and_deploy(case: Case, seamount: Run) -> None:
    ran = case.search("out", minimize="memory")
    assert (ran.code, ran.out) == (0, f"{case.folder / 'out' / 'settings.json'}\n")
    found = json.loads((case.folder / "out" / "search.json").read_text())
    assert found["chosen"]["memory_bytes"] < found["start"]["memory_bytes"]
    again = quantize(
        case.folder / "net.nir", calibrate=case.folder / "choice.npz", test=case.folder / "test.npz",
        settings=str(case.folder / "out" / "settings.json"), convention="seamount",
    )  # fmt: skip
    right = {rung.name: rung.correct for rung in again.ladder}
    assert right["integer program"] == found["chosen"]["right"] >= 64 * (1 - LOSS / 100)
    assert again.accuracy["integer"] == found["test"]["chosen"]["right"]
    deployed = seamount(
        "deploy", case.folder / "net.nir", "--calibrate", case.folder / "choice.npz", "--convention", "seamount",
        "--settings", case.folder / "out" / "settings.json", "--out", case.folder / "build", "--compared", 1,
    )  # fmt: skip
    assert deployed.code == 0, deployed.err
    placed = json.loads((case.folder / "build" / "placement.json").read_text())
    usages = [core["usage"] for core in placed["cores"]]
    words = sum(sum(use[name] for name in use if name not in ("neurons", "neuron_groups")) for use in usages)
    assert 8 * words == found["chosen"]["memory_bytes"]


def test_a_search_that_was_stopped_goes_on_to_the_same_end(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    assert case.search("whole").code == 0
    measured, calls = search_work._measured, []

    def stops(*arguments: object) -> object:
        calls.append(1)
        if len(calls) == 12:
            raise KeyboardInterrupt
        return measured(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(search_work, "_measured", stops)
    assert case.search("stopped").code != 0
    kept = list((case.folder / "stopped" / "units").iterdir())
    assert len(kept) == 11 and not (case.folder / "stopped" / "settings.json").exists()
    assert case.search("stopped").code == 0
    assert case.results("stopped") == case.results("whole")
    units = len(list((case.folder / "whole" / "units").iterdir()))
    assert len(calls) == 12 + units - 11


def test_processes_find_what_one_finds(case: Case) -> None:
    assert case.search("serial").code == 0
    # Most units are taken from the first run, so that starting workers is what remains to be tried.
    for path in sorted((case.folder / "serial" / "units").iterdir())[4:]:
        (case.folder / "processes" / "units").mkdir(parents=True, exist_ok=True)
        shutil.copy(path, case.folder / "processes" / "units" / path.name)
    ran = case.search("processes", engine="processes", workers=2)
    assert ran.code == 0, ran.err
    assert case.results("processes") == case.results("serial")


def test_other_data_are_other_work(case: Case) -> None:
    assert case.search("out").code == 0
    before = {path.name for path in (case.folder / "out" / "units").iterdir()}
    with np.load(case.folder / "choice.npz") as stored:
        np.savez(case.folder / "choice.npz", x=stored["x"][:48], y=stored["y"][:48])
    assert case.search("out").code == 0
    after = {path.name for path in (case.folder / "out" / "units").iterdir()}
    assert len(after - before) >= len(before) / 2
    assert json.loads((case.folder / "out" / "search.json").read_text())["start"]["samples"] == 48


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"minimize": "time"}, "--minimize: 'time' is unknown; use energy or memory"),
        ({"engine": "abacus"}, "engine: 'abacus' is unknown"),
        ({"loss": -1}, "loss"),
    ],
)
def test_bad_options_leave_nothing(case: Case, more: dict[str, object], said: str) -> None:
    ran = case.search("out", **more)
    assert ran.code != 0 and said in ran.err
    assert not (case.folder / "out").exists()


def test_data_without_labels_are_refused(case: Case) -> None:
    np.savez(case.folder / "choice.npz", x=np.zeros((4, 10, 2)))
    ran = case.search("out")
    assert ran.code == 1 and "has no labels y" in ran.err
