"""`make replay` in small: two trees that write the same are equal, and each planted difference is found and shown."""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import numpy as np
import pytest

from tests.replay.__main__ import main, replay
from tests.replay.compare import compare_jobs
from tests.replay.graphs import random_graph, write_random
from tests.replay.jobs import ReplayJob
from tests.replay.layers import LAYERS
from toolchain.frontend.extensions import EXTENSIONS
from toolchain.frontend.linear import LINEAR_KINDS
from toolchain.frontend.primitives import STATEFUL

PROJECT = """
[project.scripts]
seamount = "PACKAGE.door:main"
[tool.setuptools.packages.find]
include = ["PACKAGE", "PACKAGE.*"]
"""
DOOR = """
import sys
from pathlib import Path

def main():
    name = sys.argv[1]
    if name == "refused":
        print("error: net: REFUSAL", file=sys.stderr)
        sys.exit(1)
    Path(name).mkdir()
    Path(name, "program.txt").write_text("seamount program 1\\nname: THRESHOLD\\n")
"""


def tree(root: Path, package: str, **texts: str) -> Path:
    """A project of one command, in a package of any name."""
    door = DOOR
    for word, text in texts.items():
        door = door.replace(word, text)
    (root / package).mkdir(parents=True)
    (root / "pyproject.toml").write_text(PROJECT.replace("PACKAGE", package))
    (root / package / "__init__.py").write_text("")
    (root / package / "door.py").write_text(door)
    return root


JOBS = [ReplayJob("built", ("built",)), ReplayJob("refused", ("refused",))]


def test_trees_of_unlike_layouts_that_write_the_same(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert replay(tree(tmp_path / "a", "one"), tree(tmp_path / "b", "other"), JOBS, tmp_path) == 0
    said = capsys.readouterr().out
    assert "2 jobs, 0 of them on Lava too: 1 refused (0 with a traceback)" in said and "\n0 differences; " in said


@pytest.mark.parametrize(
    ("planted", "shown"),
    [
        ({"THRESHOLD": "12"}, "program.txt:\n      - 2: name: THRESHOLD\n      + 2: name: 12\n"),
        ({"REFUSAL": "no"}, "outcome:\n      - exit code 1 error: net: REFUSAL\n      + exit code 1 error: net: no\n"),
        ({"Path(name).mkdir()": "raise KeyError(name)"}, "+ exit code 70 KeyError: 'built'"),
    ],
)
def test_a_planted_difference_is_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], planted: dict[str, str], shown: str
) -> None:
    assert replay(tree(tmp_path / "a", "one"), tree(tmp_path / "b", "one", **planted), JOBS, tmp_path) == 1
    assert shown in capsys.readouterr().out


def test_a_tree_that_does_not_run_is_no_success(tmp_path: Path) -> None:
    broken = tree(tmp_path / "b", "one", **{"import sys\n": "import nothing_of_that_name\n"})
    assert replay(tree(tmp_path / "a", "one"), broken, JOBS, tmp_path) == 2


def test_an_unknown_commit() -> None:
    with pytest.raises(SystemExit, match="BASE=no-such-commit"):
        main(["no-such-commit"])


def _write(folder: Path, name: str, content: object) -> None:
    path = folder / "build" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    if name.endswith(".npz"):
        np.savez(path, spikes=np.array(content))
    elif name.endswith(".nir"):
        with h5py.File(path, "w") as file:
            file.create_dataset("node/nodes/lif/tau", data=np.array(content))
    elif name.endswith(".json"):
        path.write_text(json.dumps(content))
    else:
        path.write_bytes(bytes(str(content), "utf-8"))


@pytest.mark.parametrize(
    ("name", "left", "right", "shown"),
    [
        ("traces/fast.npz", [[0, 1], [1, 1]], [[0, 1], [0, 1]], ["- spikes[1, 0] = 1", "+ spikes[1, 0] = 0"]),
        ("program.npz", [1, 2], [1.0, 2.0], ["- spikes: int64 (2,)", "+ spikes: float64 (2,)"]),
        ("quantized.nir", [0.5], [0.25], ["- node/nodes/lif/tau[0] = 0.5"]),
        ("report.json", {"a": [1, {"b": 2}]}, {"a": [1, {"b": 3}]}, ["- a[1].b = 2", "+ a[1].b = 3"]),
        ("report.json", {"a": 1}, {"a": 1, "b": 2}, ["+ b = 2"]),
        ("lava/run.py", "x = 1\n", "x = 1\ny = 2\n", ["+ 2: y = 2"]),
        ("lava/run.py", "x = 1\n", "x = 1\r\n", ["bytes differ, what they hold does not"]),
    ],
)
def test_what_differs_in_each_kind_of_file(
    tmp_path: Path, name: str, left: object, right: object, shown: list[str]
) -> None:
    for side, content in (("old", left), ("new", right)):
        _write(tmp_path / side, name, content)
        (tmp_path / side / "build.said.json").write_text(json.dumps({"code": 0, "error": ""}))
    (found,) = compare_jobs(tmp_path / "old", tmp_path / "new", "build")
    assert found.startswith(name) and all(part in found for part in shown)
    assert compare_jobs(tmp_path / "old", tmp_path / "new", "build", "placement") == []
    (tmp_path / "new" / "build" / name).unlink()
    assert compare_jobs(tmp_path / "old", tmp_path / "new", "build") == [f"{name}: only in the base's"]


def test_versions_and_commands_are_not_compared_in_reports(tmp_path: Path) -> None:
    for side in ("old", "new"):
        _write(tmp_path / side, "report.json", {"a": 1, "command": side, "versions": {"numpy": side}})
        _write(tmp_path / side, "placement.json", {"command": "same"})
        (tmp_path / side / "build.said.json").write_text(json.dumps({"code": 0, "error": ""}))
    assert compare_jobs(tmp_path / "old", tmp_path / "new", "build") == []
    _write(tmp_path / "new", "placement.json", {"command": "another"})
    assert len(compare_jobs(tmp_path / "old", tmp_path / "new", "build")) == 1


def test_a_seed_writes_the_same_files(tmp_path: Path) -> None:
    for side in ("a", "b"):
        (tmp_path / side).mkdir()
    assert [write_random(seed, tmp_path / "a") for seed in (0, 7)] == [write_random(s, tmp_path / "b") for s in (0, 7)]
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()


def test_few_graphs_hold_every_kind_of_node() -> None:
    kinds = {kind for seed in range(3 * len(LAYERS)) for kind, _ in random_graph(seed)[0].nodes.values()}
    assert kinds >= {*LINEAR_KINDS, *STATEFUL, "Threshold", *EXTENSIONS} - {"CubaLI"}
