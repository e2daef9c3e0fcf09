"""The documentation builds as a site: no warning, no page outside the navigation, no link that leads nowhere."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.source_tree import ROOT


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--quiet", "--strict", "--site-dir", str(out)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "NO_MKDOCS_2_WARNING": "1"}
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=environment, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return out


def test_every_page_is_built(site: Path) -> None:
    pages = {path.relative_to(ROOT / "docs").with_suffix(".html").as_posix() for path in (ROOT / "docs").rglob("*.md")}
    pages = {page.replace("README.html", "index.html") for page in pages}
    assert sorted(page for page in pages if not (site / page).is_file()) == []


def test_commands_and_pages_of_the_root_are_there(site: Path) -> None:
    commands = (site / "commands.html").read_text(encoding="utf-8")
    assert "seamount data get" in commands and "--compared" in commands
    for name in ("contributing", "changelog", "security"):
        assert (site / f"{name}.html").is_file()


def test_nothing_is_loaded_from_elsewhere(site: Path) -> None:
    text = (site / "index.html").read_text(encoding="utf-8")
    assert "fonts.googleapis" not in text and 'src="http' not in text
