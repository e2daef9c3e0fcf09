"""`seamount diff`: what it prints, what it writes, how it ends, and what it refuses."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest

from seamount import simulators as choice
from seamount.build.folder import BuildFolder, write_manifest
from simulators.reference import simulate
from tests.cli.conftest import Run, lif_graph
from toolchain.frontend.write import write_nir
from toolchain.ir import integer
from toolchain.ir.integer import IntArray
from toolchain.ir.program import Program
from toolchain.ir.storage import load_program, save_program
from toolchain.ir.text import program_hash, read_program
from toolchain.ir.trace import Trace, load_trace, save_trace
from toolchain.report.evidence import RECORDED_TRACE


def saturating(value: Any, bits: int, rule: integer.Overflow) -> Any:
    return integer.saturate(value, 12)


def broken(program: Program, inputs: Mapping[str, IntArray], **options: Any) -> Trace:
    """The reference, but for registers of 12 bits."""
    with mock.patch("toolchain.ir.timestep.fit", saturating):
        return dataclasses.replace(simulate(program, inputs, **options), simulator="broken")


def late(program: Program, inputs: Mapping[str, IntArray], *, steps: int | None = None, **options: Any) -> Trace:
    """The reference, but everything arrives one step late."""
    projections = tuple(dataclasses.replace(p, delay_steps=p.delay_steps + 1) for p in program.projections)
    trace = simulate(dataclasses.replace(program, projections=projections), inputs, steps=steps, **options)
    return dataclasses.replace(trace, simulator="late", program=program_hash(program))


@pytest.fixture
def more_simulators(monkeypatch: pytest.MonkeyPatch) -> None:
    """Simulators that are wrong in a known way."""
    faulty = {"again": simulate, "late": late, "broken": broken}
    monkeypatch.setattr(choice, "SIMULATORS", {**choice.SIMULATORS, **faulty})


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small network, deployed once; not to be written to."""
    from seamount.build.deploy import deploy

    folder = tmp_path_factory.mktemp("diff")
    rng = np.random.default_rng(3)
    write_nir(lif_graph(), folder / "net.nir")
    np.savez(folder / "data.npz", x=rng.integers(0, 2, (8, 20, 4)).astype(float), y=rng.integers(0, 3, 8))
    deploy(folder / "net.nir", folder / "build", calibrate=folder / "data.npz", compared=4)
    return folder / "build"


def other_build(built: Path, out: Path) -> Path:
    """A build folder whose program has one coefficient changed."""
    program = load_program(built / "program.npz")
    first, *rest = program.populations
    name = next(c.name for c in first.type.coefficients if "th" in c.name)
    values = first.coefficients[name] * 2
    changed = dataclasses.replace(first, coefficients={**first.coefficients, name: values})
    folder = BuildFolder(out)
    save_program(dataclasses.replace(program, populations=(changed, *rest)), folder.program)
    write_manifest(folder, {})
    return out


def test_equal_simulators_end_with_0(built: Path, seamount: Run, more_simulators: None, tmp_path: Path) -> None:
    ran = seamount("diff", built, "--simulators", "reference,again", "--out", tmp_path / "repro")
    assert ran.code == 0
    assert "reference against again: 0 of" in ran.out
    assert not (tmp_path / "repro").exists()


def test_a_late_simulator_is_explained_and_shrunk(
    built: Path, seamount: Run, more_simulators: None, tmp_path: Path
) -> None:
    ran = seamount("diff", built, "--simulators", "reference,late", "--out", tmp_path / "repro")
    assert ran.code == 1
    for said in ("first at step", "arrives one step late, in", "reference is what the program says", "smallest case"):
        assert said in ran.out
    case = json.loads((tmp_path / "repro" / "case.json").read_text())
    assert "arrives one step late" in case["cause"]
    program = read_program((tmp_path / "repro" / "program.txt").read_text())
    assert sum(population.size for population in program.populations) == 1
    assert "seamount diff repro" in (tmp_path / "repro" / "README.md").read_text()


def test_the_smallest_case_runs_by_one_command(
    built: Path, seamount: Run, more_simulators: None, tmp_path: Path
) -> None:
    seamount("diff", built, "--simulators", "reference,late", "--out", tmp_path / "repro")
    case = json.loads((tmp_path / "repro" / "case.json").read_text())
    again = seamount("diff", tmp_path / "repro", "--json")
    assert again.code == 1
    assert json.loads(again.out)["divergence"] == case["divergence"]
    mended = seamount("diff", tmp_path / "repro", "--simulators", "reference,again")
    assert mended.code == 0


def test_the_same_bytes_again(built: Path, seamount: Run, more_simulators: None, tmp_path: Path) -> None:
    found = []
    for name in ("one", "two"):
        seamount("diff", built, "--simulators", "reference,late", "--out", tmp_path / name / "repro")
        found.append({path.name: path.read_bytes() for path in (tmp_path / name / "repro").iterdir()})
    assert found[0] == found[1]


def test_json_says_what_the_tables_say(built: Path, seamount: Run, more_simulators: None, tmp_path: Path) -> None:
    ran = seamount("diff", built, "--simulators", "reference,late", "--out", tmp_path / "repro", "--json")
    facts = json.loads(ran.out)
    assert facts["equal"] is False
    assert facts["mismatches"] > 0
    assert facts["follows"] == ["reference"]
    best = facts["verdicts"][0]["causes"][0]
    assert best["mistake"] == "arrives one step late"
    assert best["explained"] == best["total"] > 0
    assert facts["smallest"]["neurons"] == 1
    assert facts["listing"]
    assert facts["history"]


def test_an_unknown_cause_is_said(built: Path, seamount: Run, more_simulators: None, tmp_path: Path) -> None:
    ran = seamount("diff", built, "--simulators", "reference,broken", "--out", tmp_path / "repro", "--budget", "5")
    assert ran.code == 1
    assert "broken: cause unknown" in ran.out
    assert "Cause: unknown" in (tmp_path / "repro" / "README.md").read_text()


def test_two_builds(built: Path, seamount: Run, tmp_path: Path) -> None:
    other = other_build(built, tmp_path / "other")
    ran = seamount("diff", built, other, "--out", tmp_path / "repro", "--json")
    assert ran.code == 1
    facts = json.loads(ran.out)
    assert len(facts["differences"]) == 1
    assert facts["verdicts"][0]["causes"][0]["mistake"] in facts["differences"][0]
    assert facts["verdicts"][0]["side"] == str(other)
    again = seamount("diff", tmp_path / "repro", "--json")
    assert again.code == 1
    assert json.loads(again.out)["divergence"] == facts["smallest"]["divergence"]


def test_a_build_against_itself(built: Path, seamount: Run) -> None:
    ran = seamount("diff", built, built)
    assert ran.code == 0
    assert "recorded traces are compared" in ran.err


def recorded_late(built: Path, out: Path) -> Path:
    program = load_program(built / "program.npz")
    with np.load(built / "traces" / "input.npz") as stored:
        inputs = {name: stored[name].astype(np.int64) for name in stored.files if name != "header"}
    save_trace(late(program, inputs, probes=program.all_probes(), strict=False), out)
    return out


def test_two_traces(built: Path, seamount: Run, tmp_path: Path) -> None:
    trace = recorded_late(built, tmp_path / "late.npz")
    ran = seamount("diff", built / RECORDED_TRACE, trace)
    assert ran.code == 1
    assert "arrives one step late" in ran.out
    assert "no smaller case can be made" in ran.out


def test_traces_away_from_their_build_need_the_program(built: Path, seamount: Run, tmp_path: Path) -> None:
    trace = recorded_late(built, tmp_path / "late.npz")
    save_trace(load_trace(built / RECORDED_TRACE), tmp_path / "reference.npz")
    ran = seamount("diff", tmp_path / "reference.npz", trace)
    assert ran.code == 1
    assert "give --program" in ran.err
    assert "late" in seamount("diff", tmp_path / "reference.npz", trace, "--program", built / "program.npz").out


def test_own_input(built: Path, seamount: Run, more_simulators: None, tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", x=np.ones((1, 6, 4)))
    out = ("--out", tmp_path / "repro", "--json")
    ran = seamount("diff", built, "--simulators", "reference,late", "--input", tmp_path / "x.npz", *out)
    assert json.loads(ran.out)["samples"] == 1


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--simulators", "reference"), "names 1"),
        (("--simulators", "reference,nothing"), "'nothing' is unknown"),
        (("--input", "nowhere.npz"), "nowhere.npz: no such file"),
    ],
)
def test_bad_options(built: Path, seamount: Run, options: tuple[str, ...], said: str) -> None:
    ran = seamount("diff", built, "--simulators", "reference,onnx", *options)
    assert ran.code == 1
    assert ran.err.startswith("error: ")
    assert said in ran.err


def test_bad_paths(built: Path, seamount: Run, tmp_path: Path) -> None:
    assert "is not a folder" in seamount("diff", tmp_path / "nothing").err
    assert "holds no MANIFEST.json" in seamount("diff", tmp_path).err
    assert "no such file" in seamount("diff", built, tmp_path / "nothing.npz").err
    assert "two things are named" in seamount("diff", built, built, "--simulators", "reference,lava").err


def test_a_folder_of_somebody_else_is_left_alone(
    built: Path, seamount: Run, more_simulators: None, tmp_path: Path
) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    ran = seamount("diff", built, "--simulators", "reference,late", "--out", tmp_path)
    assert ran.code == 1
    assert "was not written by seamount diff" in ran.err
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


@pytest.mark.parametrize("name", ["program.txt", "input.npz"])
def test_a_damaged_case_is_refused(
    built: Path, seamount: Run, more_simulators: None, tmp_path: Path, name: str
) -> None:
    seamount("diff", built, "--simulators", "reference,late", "--out", tmp_path / "repro")
    damaged = tmp_path / "repro" / name
    damaged.write_bytes(damaged.read_bytes()[:40])
    ran = seamount("diff", tmp_path / "repro")
    assert ran.code == 1
    assert ran.err.startswith("error: ")
    assert name in ran.err or "is not a case" in ran.err
