"""Every example runs as its first line says, and says something."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = sorted((Path(__file__).parent.parent / "examples").glob("[0-9]*.py"))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_example_runs(example: Path) -> None:
    assert f"python examples/{example.name}" in example.read_text(encoding="utf-8")
    ran = subprocess.run([sys.executable, example], capture_output=True, text=True, timeout=300, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert len(ran.stdout.splitlines()) >= 5


def test_there_are_examples() -> None:
    assert len(EXAMPLES) >= 2
