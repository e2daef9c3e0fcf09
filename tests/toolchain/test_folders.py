"""Folders that are replaced, held against others, or left by runs that were killed."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from toolchain import files, folders
from toolchain.errors import InputError
from toolchain.files import write_text
from toolchain.folders import filling, mark, only_one, partial_of, scratch, take_the_place


@pytest.fixture
def dead() -> str:
    """The mark of a process that is gone."""
    done = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True)
    return f"{done.stdout.strip()}@{platform.node()}"


def filled(folder: Path, text: str) -> Path:
    folder.mkdir()
    (folder / "file").write_text(text)
    return folder


@pytest.mark.parametrize("exchanges", [True, False])
def test_a_finished_folder_takes_the_place_of_another(
    tmp_path: Path, exchanges: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In one step where the system can, else the old one is set aside first; nothing else stays."""
    if not exchanges:
        monkeypatch.setattr(folders, "_exchange", lambda one, other: False)
    out = tmp_path / "out"
    for text in ("first", "second"):
        take_the_place(filled(partial_of(out), text), out)
        assert (out / "file").read_text() == text
        assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_an_exchange_is_one_step(tmp_path: Path) -> None:
    one, other = filled(tmp_path / "one", "1"), filled(tmp_path / "other", "2")
    if not folders._exchange(one, other):
        pytest.skip("this file system exchanges nothing")
    assert (one / "file").read_text() == "2" and (other / "file").read_text() == "1"
    with pytest.raises(FileNotFoundError):
        folders._exchange(one, tmp_path / "absent")


def test_a_folder_in_use_is_said_and_the_lock_leaves_no_file(tmp_path: Path) -> None:
    with only_one(tmp_path / "runs"):
        refused = pytest.raises(InputError, match="runs: is in use by another run; wait for that run, or name another")
        with refused, only_one(tmp_path / "runs"):
            pytest.fail("two runs hold one folder")
        assert list((tmp_path / "runs").iterdir()) == []
    with only_one(tmp_path / "runs"):
        pass


def test_two_runs_do_not_fill_one_folder(tmp_path: Path) -> None:
    """The second is told; a run that was killed holds nothing."""
    out = tmp_path / "out"
    with filling(out) as beside:
        (beside / "file").touch()
        held = beside.rename(tmp_path / f".out.{os.getppid()}@{platform.node()}.partial")
        refused = pytest.raises(
            InputError, match=r"out: is being written by another run .*; wait for that run, or name"
        )
        with refused, filling(out):
            pytest.fail("two runs fill one folder")
    with filling(out) as beside:
        take_the_place(filled(beside / "inner.partial", "text"), beside / "inner")  # which waits for nobody
        take_the_place(beside, out)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([held.name, "out"])


def test_temporary_folders_of_dead_runs_are_removed(tmp_path: Path, dead: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "gettempdir", lambda: str(tmp_path))
    kept = ["seamount-kind-notes", f"seamount-kind-{os.getppid()}@{platform.node()}-x", f"seamount-other-{dead}-x"]
    for name in [*kept, f"seamount-kind-{dead}-x"]:
        (tmp_path / name).mkdir()
    with scratch("kind") as first, scratch("kind") as second:
        assert first.is_dir() and second.is_dir() and mark() in first.name
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(kept)


def test_files_that_dead_runs_had_begun_are_removed(tmp_path: Path, dead: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "_cleared", set())
    living = f".b.{os.getppid()}@{platform.node()}.partial.txt"
    for name in (f".a.{dead}.partial.npz", f".a.b.{dead.partition('@')[0]}.partial", living, ".notes.partial.txt"):
        (tmp_path / name).touch()
    write_text(tmp_path / "a.txt", "text")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([living, ".notes.partial.txt", "a.txt"])
