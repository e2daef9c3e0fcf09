"""The folder of a build: what it replaces, what killed runs leave, and the command that makes it again."""

from __future__ import annotations

import json
import os
import platform
import shlex
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import seamount as sm
from seamount.build import deploy as stages
from seamount.build import simulate as simulating
from seamount.build.deploy import command_of
from seamount.build.folder import MANIFEST
from seamount.build.replacing import fresh_folder
from seamount.network import find_source
from seamount.options import Options
from simulators.compare import Comparison, compare
from tests.cli.conftest import Run
from tests.source_tree import ROOT
from toolchain.folders import clear_leftovers
from toolchain.ir.program import Program
from toolchain.ir.trace import Trace


def dead_process() -> int:
    """The number of a process that is gone."""
    return int(subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True).stdout)


@pytest.mark.parametrize(
    "options",
    [
        ("--convention", "snntorch-subtract", "--passes", "", "--samples", 5, "--seed", 3),
        ("--settings", "narrow settings.json", "--dt", 0.0002, "--compare", ">=", "--nir-samples", 2),
        ("--mapping", "layers", "--simulator", "reference"),
    ],
)
def test_the_recorded_command_makes_the_same_build(
    seamount: Run, examples: Mapping[str, Any], options: tuple[object, ...]
) -> None:
    """Folders, spaces and every option that is not as usual are in it."""
    Path("some nets").mkdir()
    Path("net.nir").rename("some nets/my net.nir")
    Path("narrow settings.json").write_text('{"weight_bits": 5}')
    np.savez("some nets/data.npz", **examples)
    data = ("--calibrate", "some nets/data.npz", "--test", "./some nets/data.npz", "--compared", 2)
    ran = seamount("deploy", "some nets/my net.nir", *data, *options, "--out", "first")
    assert ran.code == 0, ran.err
    report, manifest = Path("first/report.json").read_bytes(), Path("first", MANIFEST).read_bytes()
    command = json.loads(report)["command"]
    assert command == json.loads(manifest)["command"]
    shown = f'<pre tabindex="0">{command}'.replace("'", "&#39;")
    assert shown[:60] in Path("first/report.html").read_text()
    words = shlex.split(command)
    assert words[0] == "seamount"
    again = seamount(*words[1:], "--out", "again")
    assert again.code == 0, again.err
    assert Path("again/report.json").read_bytes() == report and Path("again", MANIFEST).read_bytes() == manifest


def test_every_option_is_in_the_recorded_command() -> None:
    """One that is added later and left out would make another program silently."""
    other: dict[str, Any] = {
        "settings": "s.json",
        "target": "loihi1",
        "convention": "nir",
        "dt": 0.5,
        "compared": 3,
        "seed": 4,
    }
    other |= {"simulator": "fast", "passes": "", "samples": 7, "nir_samples": 8}
    other |= {"mapping": "layers", "expect": "spikes.npz", "strict": True, "decision": "last", "compare": "fast"}
    other |= {"onnx_lanes": "int64"}
    assert set(other) == set(Options.__dataclass_fields__)
    words = Options(**other).words()
    assert all(word in words for word in ("--nir-samples", "", "spikes.npz", "s.json", "0.5", "layers"))
    assert "--strict" in words and len(words) == 2 * len(other) - 1


def test_what_lies_in_memory_is_named_in_the_command(examples: Mapping[str, Any]) -> None:
    source = find_source("net.nir", dict(examples))
    assert (
        command_of(source, Options()) == "seamount.deploy(<network in memory>, calibrate=<8 samples>, test=<8 samples>)"
    )
    zoo = find_source("zoo:digits")
    assert command_of(zoo, Options(dt=0.5)) == "seamount deploy zoo:digits --dt 0.5"
    given = Options(settings=sm.Settings(weight_bits=4))
    assert command_of(zoo, given).startswith("seamount.deploy('zoo:digits', settings=Settings(weight_bits=4")


def test_a_build_of_another_semantics_is_replaced_but_not_read(examples: Mapping[str, Any]) -> None:
    build = sm.deploy("net.nir", "out", calibrate=examples["x"], compared=1)
    text = (build.folder / MANIFEST).read_text()
    manifest = json.loads(text)
    (build.folder / MANIFEST).write_text(json.dumps(manifest | {"semantics_version": 99}))
    for reads in (sm.load_build, sm.verify, lambda folder: sm.simulate(folder, examples["x"])):
        with pytest.raises(sm.ToolchainError, match=r"semantics version 99, this is \d+; deploy again"):
            reads("out")
    sm.deploy("net.nir", "out", calibrate=examples["x"], compared=1)
    assert (build.folder / MANIFEST).read_text() == text


@pytest.mark.parametrize("out", [".", "./", "..", "inner/..", "../"])
def test_the_current_folder_is_not_replaced(seamount: Run, examples: Mapping[str, Any], out: str) -> None:
    np.savez("data.npz", **examples)
    Path("inner").mkdir()
    ran = seamount("deploy", "net.nir", "--calibrate", "data.npz", "--out", out)
    assert ran.code == 1 and len(ran.err.splitlines()) == 1
    assert ran.err.startswith(f"error: {Path(out)}: is the current folder, or holds it")
    assert sorted(path.name for path in Path().iterdir()) == ["data.npz", "inner", "net.nir"]


def test_leftovers_of_dead_runs_are_cleared_and_those_of_others_kept(tmp_path: Path) -> None:
    dead, alive = dead_process(), os.getppid()
    host = platform.node()
    gone = [f".out.{dead}.partial", f".out.{dead}@{host}.partial", f".out.{dead}@{host}.old"]
    kept = [f".out.{alive}@{host}.partial", f".out.{dead}@elsewhere.partial", f".other.{dead}.partial"]
    kept.append(".out.notes.old")
    for name in [*gone, *kept]:
        (tmp_path / name / "lava").mkdir(parents=True)
    (tmp_path / f".out.{dead}@{host}.old" / MANIFEST).write_text('{"producer": "seamount"}')
    (tmp_path / f".out.{dead}.partial.npz").touch()
    with fresh_folder(tmp_path / "out") as folder:
        (folder.root / "new").touch()
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*kept, f".out.{dead}.partial.npz", "out"])
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["new"]


def test_a_build_that_a_killed_run_had_set_aside_comes_back(tmp_path: Path) -> None:
    (tmp_path / f".out.{dead_process()}@{platform.node()}.old" / "lava").mkdir(parents=True)
    clear_leftovers(tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_another_network_of_the_same_name_is_said_to_be_replaced(examples: Mapping[str, Any]) -> None:
    np.savez("data.npz", **examples)
    for folder in ("a", "b"):
        Path(folder).mkdir()
        Path(folder, "model.nir").write_bytes(Path("net.nir").read_bytes())

    def said(path: str) -> list[str]:
        told: list[sm.Event] = []
        sm.deploy(path, calibrate="data.npz", compared=1, tell=told.append)
        return [event.text for event in told if event.stage == "replace"]

    assert said("a/model.nir") == [] and said("a/model.nir") == []
    (text,) = said("b/model.nir")
    assert "held the build of a/model.nir; this build of b/model.nir replaces it" in text


def test_each_trace_is_compared_once(examples: Mapping[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    compared = []

    def counted(program: Program, one: Trace, other: Trace) -> Comparison:
        compared.append(other.simulator)
        return compare(program, one, other)

    monkeypatch.setattr(simulating, "compare", counted)
    assert not hasattr(stages, "compare")
    sm.deploy("net.nir", "out", calibrate=examples["x"], compared=1)
    assert len(compared) == 1


def test_a_deploy_that_is_terminated_leaves_nothing(examples: Mapping[str, Any]) -> None:
    """SIGTERM, as `timeout` and `kill` send it, while the folder is being filled."""
    np.savez("data.npz", **examples)
    code = (
        "import os, signal, sys\nfrom seamount.build import deploy as stages\nfrom seamount.cli import main\n"
        "stages.save_evidence = lambda *given: os.kill(os.getpid(), signal.SIGTERM)\n"
        "sys.argv = ['seamount', 'deploy', 'net.nir', '--calibrate', 'data.npz', '--out', 'out', '--compared', '1']\n"
        "main()\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert done.returncode == 128 + 15, done.stderr
    assert sorted(path.name for path in Path().iterdir()) == ["data.npz", "net.nir"]
