"""docs/adding_a_neuron.md is followed to the letter, in a copy of the repository that has none of the new type."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from seamount.simulators import SIMULATORS, missing
from tests.backends.suite import BACKENDS

COPIED = ("seamount", "toolchain", "exporters", "simulators", "models", "oracles", "tests", "docs", "pyproject.toml")
PAGE = "docs/adding_a_neuron.md"
BLOCK = re.compile(r"(?:`(?P<path>[\w/.]+)`:\n\n)?```(?P<kind>\w+)\n(?P<text>.*?)```", re.DOTALL)


def blocks(root: Path) -> list[tuple[str, str, str]]:
    """(file or "", language, text) of every block of the page."""
    page = (root / PAGE).read_text(encoding="utf-8")
    return [(found["path"] or "", found["kind"], found["text"]) for found in BLOCK.finditer(page)]


@pytest.fixture(scope="module")
def copy(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The repository with the page's new file and its two edits."""
    root = tmp_path_factory.mktemp("copy")
    ignored = shutil.ignore_patterns("__pycache__", "*.pyc")
    for name in COPIED:
        source = repository / name
        if source.is_dir():
            shutil.copytree(source, root / name, ignore=ignored)
        else:
            shutil.copy(source, root / name)
    for path, kind, text in blocks(root):
        if path and kind == "python":
            assert not (root / path).exists(), f"{path} is there already; the page needs another neuron"
            (root / path).write_text(text, encoding="utf-8")
        elif path:
            edit(root / path, text)
    return root


def edit(path: Path, text: str) -> None:
    """Apply a diff whose hunks are found by their lines, each of which stands in the file once."""
    whole = path.read_text(encoding="utf-8")
    for hunk in text.split("...\n"):
        lines = hunk.splitlines()
        before = "".join(f"{line[1:]}\n" for line in lines if line[:1] != "+")
        assert whole.count(before) == 1, f"{path.name}: not found once: {before!r}"
        whole = whole.replace(before, "".join(f"{line[1:]}\n" for line in lines))
    path.write_text(whole, encoding="utf-8")


def follow(root: Path, *command: str) -> str:
    """Run something in the copy and with the copy's packages; return what it says."""
    environment = os.environ | {"PYTHONPATH": str(root), "OMP_NUM_THREADS": "1", "HYPOTHESIS_STORAGE_DIRECTORY": "h"}
    environment.pop("PYTEST_ADDOPTS", None)
    done = subprocess.run([sys.executable, *command], cwd=root, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


def test_the_copy_is_what_runs(copy: Path) -> None:
    said = follow(copy, "-c", "from toolchain.ir.neurons import adaptive_lif as a; print(a.__file__)")
    assert Path(said.strip()).is_relative_to(copy)


def test_the_commands_of_the_page_succeed(copy: Path) -> None:
    (commands,) = [text.splitlines() for _, kind, text in blocks(copy) if kind == "sh"]
    golden = ["golden/adaptive_lif.txt", "golden/adaptive_lif.declared.txt", "vectors/adaptive_lif_boundary.txt"]
    for command in commands:
        python, *words = shlex.split(command)
        assert python == "python"
        said = follow(copy, *words, "-p", "no:cacheprovider", "-p", "no:randomly", "--quiet")
        passed = re.search(r"(\d+) passed", said)
        assert passed is not None, said
        assert int(passed[1]) >= 10, said
        assert "skipped" not in said
    assert [name for name in golden if not (copy / "tests" / name).is_file()] == []


def script(root: Path, name: str, word: str) -> str:
    """Run the page's script that has a word in it."""
    (text,) = [text for path, kind, text in blocks(root) if kind == "python" and not path and word in text]
    (root / name).write_text(text, encoding="utf-8")
    return follow(root, name)


def test_every_simulator_starts_it_from_every_edge(copy: Path) -> None:
    follow(copy, "-m", "pytest", "tests/toolchain/ir/test_vectors.py", "-k", "adaptive_lif", "--refresh-golden")
    here = ["reference", *(backend.name for backend in BACKENDS if backend.missing() is None)]
    assert script(copy, "edges.py", "assert_vectors").splitlines() == [f"{name} agrees" for name in here]


def test_the_example_prints_what_the_page_says(copy: Path) -> None:
    said = script(copy, "example.py", "trace_step").splitlines()
    (promised,) = [text.splitlines() for _, kind, text in blocks(copy) if kind == "text"]
    absent = tuple(f"{name}: " for name in SIMULATORS if missing(name) is not None)
    assert said == [line for line in promised if not absent or not line.startswith(absent)]
