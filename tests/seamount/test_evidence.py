"""What a build proves: nothing unlisted or altered is run, and a report does not make damage look whole."""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

import seamount as sm
from seamount.rerun.report import report
from tests.cli.small_builds import small_builds
from toolchain.errors import InputError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(small_builds()[0], tmp_path / "build"))


def cached(folder: Path) -> None:
    """A byte-code file: Python would run it in place of the source beside it."""
    path = Path(importlib.util.cache_from_source(str(folder / "lava" / "network" / "integer.py")))
    path.parent.mkdir()
    path.write_bytes(b"no code")


def linked(folder: Path) -> None:
    path = folder / "program.txt"
    path.rename(folder.parent / "elsewhere.txt")
    path.symlink_to(folder.parent / "elsewhere.txt")


def flipped(folder: Path) -> None:
    path = folder / "model.nir"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


HARM: dict[str, tuple[Callable[[Path], object], str]] = {
    "byte code": (cached, "is not in the manifest"),
    "a link": (linked, "program.txt: is a link"),
    "a dangling link": (lambda folder: (folder / "x").symlink_to("nowhere"), "x: is not in the manifest"),
    "a pipe": (lambda folder: os.mkfifo(folder / "pipe"), "pipe: is not in the manifest"),
    "a flipped bit": (flipped, "model.nir: sha256"),
    "a lost trace": (lambda folder: (folder / "traces" / "fast.npz").unlink(), "traces/fast.npz: is missing"),
}


@pytest.mark.parametrize("harm", HARM)
def test_nothing_of_an_altered_folder_is_run_or_blessed(
    folder: Path, harm: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`verify` stops at the hashes; `report` refuses, and `verify` still says what is wrong afterwards."""
    change, told = HARM[harm]
    change(folder)
    monkeypatch.setattr("seamount.rerun.verify._again", lambda *_: pytest.fail("something of the folder was run"))
    for _ in range(2):
        found = sm.verify(folder)
        assert not found.ok
        assert [check.result for check in found.checks] == ["failed", "skipped"]
        assert told in found.checks[0].detail
        with pytest.raises(InputError, match="files are not what the manifest says, first"):
            report(folder)


def test_a_report_hashes_its_own_files_alone(folder: Path) -> None:
    """Another cost table in the lead: other pages, the same evidence."""
    before = (folder / "report.json").read_bytes()
    report(folder, ("sanafe",))
    assert (folder / "report.json").read_bytes() != before
    assert sm.verify(folder, run=False).ok
    (folder / "report.html").write_text("lost")
    assert not sm.verify(folder, run=False).ok
    report(folder)
    assert sm.verify(folder, run=False).ok and (folder / "report.json").read_bytes() == before
