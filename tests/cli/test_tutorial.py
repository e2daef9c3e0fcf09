"""The tutorial, from its first command to its last, in its own order."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Run
from tests.source_tree import ROOT

PAGE = ROOT / "docs" / "tutorial.md"
STEP = re.compile(r"^    seamount ([^\n]*)$|^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


@pytest.mark.slow
def test_the_tutorial_runs(seamount: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    steps = STEP.findall(PAGE.read_text(encoding="utf-8"))
    for command, snippet in ((line.strip(), code) for line, code in steps):
        if snippet:
            exec(compile(snippet, str(PAGE), "exec"), names)
        else:
            ran = seamount(*shlex.split(command))
            assert ran.code == 0, f"seamount {command}\n{ran.err}"
    assert len(steps) >= 13
    assert (tmp_path / "narrow.html").is_file() and (tmp_path / "block0.csv").is_file()
