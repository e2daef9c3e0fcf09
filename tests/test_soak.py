"""`make soak` in small: it counts what it compares, and keeps what differs so that it can be seen again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests import soak
from tests.backends.random_programs import Scale
from tests.backends.suite import BACKENDS_BY_NAME, differences, run, run_reference
from tests.backends.test_suite import FLIPS, with_flipped
from toolchain.ir.connections import CONNECTIONS_BY_KIND
from toolchain.ir.neurons import NEURONS
from toolchain.ir.text import program_hash, read_program

INSTALLED = [name for name in ("fast", "onnx") if BACKENDS_BY_NAME[name].missing() is None]


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(soak, "LARGE", Scale(len(NEURONS), sizes=(8, 12, 16), modes=2, samples=6, steps=30))


def soaked(out: Path, *options: str) -> tuple[int, dict[str, Any]]:
    backends = [f"--backend={name}" for name in INSTALLED]
    code = soak.main([*backends, f"--out={out}", *options])
    return code, json.loads((out / "summary.json").read_text(encoding="utf-8"))


def test_a_small_share_without_differences(tmp_path: Path) -> None:
    code, facts = soaked(tmp_path, "--values=3e5")
    assert code == 0
    for name in INSTALLED:
        found = facts["simulators"][name]
        assert found["values"]["registers"] == sum(found["register_values_by_neuron_type"].values()) >= 3e5
        assert found["register_values_by_neuron_type"].keys() == {neuron.name for neuron in NEURONS}
        assert found["programs_by_connection"].keys() == CONNECTIONS_BY_KIND.keys()
        assert found["different_seeds"] == []
        assert found["overflows"] > 0 < found["messages_sent"]
    assert [path.name for path in tmp_path.iterdir()] == ["summary.json"]


def test_the_time_is_kept(tmp_path: Path) -> None:
    """Too few values are no success."""
    assert soaked(tmp_path, "--values=1e15", "--minutes=0")[0] == 2


@pytest.mark.skipif(not INSTALLED, reason="neither fast nor onnx is installed")
def test_a_difference_is_kept_and_can_be_seen_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    backend = BACKENDS_BY_NAME[INSTALLED[0]]
    with_flipped(monkeypatch, FLIPS["products are rounded toward zero instead of down"])
    code, facts = soaked(tmp_path, "--values=1", "--seed=4")
    assert code == 1
    assert facts["simulators"][backend.name]["different_seeds"] == [4]
    kept = tmp_path / f"{backend.name}-4"
    program = read_program((kept / "program.txt").read_text(encoding="utf-8"), "kept")
    with np.load(kept / "inputs.npz", allow_pickle=False) as stored:
        inputs = dict(stored)
    expected = run_reference(program, inputs)
    assert expected.program == program_hash(program)
    faults = differences(program, expected, run(backend, program, inputs))
    assert (kept / "divergence.txt").read_text(encoding="utf-8").splitlines() == faults
    monkeypatch.undo()
    assert not differences(program, expected, run(backend, program, inputs))


def without_seconds(facts: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {name: {k: v for k, v in found.items() if k != "seconds"} for name, found in facts["simulators"].items()}


@pytest.mark.skipif(not INSTALLED, reason="neither fast nor onnx is installed")
def test_every_engine_finds_the_same_and_goes_on_from_what_is_done(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(soak, "source_hash", lambda: "the same while the test runs")
    kept = f"--resume={tmp_path / 'kept'}"
    facts = [
        soaked(tmp_path / "out", "--values=1", "--batch=2", *options)[1]
        for options in ((), ("--engine=processes", "--workers=2", kept), (kept,))
    ]
    assert without_seconds(facts[0]) == without_seconds(facts[1]) == without_seconds(facts[2])
    # What is taken from the folder took as long as it did when it was run.
    assert facts[1]["simulators"] == facts[2]["simulators"]
    assert "done again" not in capsys.readouterr().err
