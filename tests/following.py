"""Pages of docs/ that are followed to the letter: their new files and edits, applied to a copy of the repository.

A block of a page is text between three backticks. Where a line with a path in backticks and a colon stands before it, a
`diff` is an edit of that file, and anything else its whole content; without a path it is something to run, or what that
prints.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

COPIED = (
    "benchmarks", "docs", "exporters", "models", "oracles", "pyproject.toml", "seamount", "simulators", "tests",
    "toolchain",
)  # fmt: skip
BLOCK = re.compile(r"(?:`(?P<path>[\w/.]+)`:\n\n)?```(?P<kind>\w+)\n(?P<text>.*?)```", re.DOTALL)


class Block(NamedTuple):
    """One block of a page; `path` is empty where none stands before it."""

    path: str
    kind: str
    text: str


def blocks(page: Path) -> list[Block]:
    """Every block of a page, in order."""
    found = BLOCK.finditer(page.read_text(encoding="utf-8"))
    return [Block(each["path"] or "", each["kind"], each["text"]) for each in found]


def copy_with(page: str, repository: Path, root: Path) -> Path:
    """A copy of the repository in `root`, with the new files and the edits of a page."""
    ignored = shutil.ignore_patterns("__pycache__", "*.pyc")
    for name in COPIED:
        source = repository / name
        if source.is_dir():
            shutil.copytree(source, root / name, ignore=ignored)
        else:
            shutil.copy(source, root / name)
    for path, kind, text in blocks(root / page):
        if path and kind != "diff":
            assert not (root / path).exists(), f"{path} is there already; the page needs another name"
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
        whole = whole.replace(before, "".join(f"{line[1:]}\n" for line in lines if line[:1] != "-"))
    path.write_text(whole, encoding="utf-8")


def follow(root: Path, *command: str) -> str:
    """Run Python in the copy and with the copy's packages; return what it says."""
    environment = os.environ | {"PYTHONPATH": str(root), "OMP_NUM_THREADS": "1", "HYPOTHESIS_STORAGE_DIRECTORY": "h"}
    environment.pop("PYTEST_ADDOPTS", None)
    done = subprocess.run([sys.executable, *command], cwd=root, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


def run_tests_of(page: str, root: Path, least: int) -> None:
    """The page's `sh` block: each line runs pytest, passes so many tests at least, and skips nothing."""
    (commands,) = [block.text.splitlines() for block in blocks(root / page) if block.kind == "sh"]
    for command in commands:
        python, *words = shlex.split(command)
        assert python == "python"
        said = follow(root, *words, "-p", "no:cacheprovider", "-p", "no:randomly", "--quiet")
        passed = re.search(r"(\d+) passed", said)
        assert passed is not None and int(passed[1]) >= least, said
        assert "skipped" not in said


def script(page: str, root: Path, word: str) -> list[str]:
    """The lines that the page's script says which has a word in it."""
    (text,) = [block.text for block in blocks(root / page) if block[:2] == ("", "python") and word in block.text]
    (root / "script_of_the_page.py").write_text(text, encoding="utf-8")
    return follow(root, "script_of_the_page.py").splitlines()


def promised(page: str, root: Path) -> list[str]:
    """The lines of the page's `text` block."""
    (lines,) = [block.text.splitlines() for block in blocks(root / page) if block.kind == "text"]
    return lines
