"""A file that a command writes never takes the place of something else."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from seamount.cli.lines import give
from seamount.cli.written import check_written
from tests.cli.conftest import Run
from toolchain.errors import InputError


def test_new_files_and_those_of_its_kind_are_written(tmp_path: Path) -> None:
    there = tmp_path / "trace.npz"
    there.touch()
    check_written("--trace", there, ".npz", (tmp_path / "x.npz",))
    check_written("--trace", tmp_path / "new", ".npz")
    check_written("--csv", None, ".csv")


def test_others_are_refused(tmp_path: Path) -> None:
    script, data = tmp_path / "mk.py", tmp_path / "data.npz"
    script.touch()
    data.touch()
    with pytest.raises(InputError, match=r"mk\.py: is there already and does not end in \.npz; name a new file"):
        check_written("--trace", script, ".npz")
    with pytest.raises(InputError, match=r"data\.npz: is a file that this command reads; name another"):
        check_written("--trace", tmp_path / "." / "data.npz", ".npz", (data,))
    with pytest.raises(InputError, match="is a folder; name a file in it"):
        check_written("--out", tmp_path, ".tar")


def test_commands_ask_before_they_work(seamount: Run, tmp_path: Path) -> None:
    data = tmp_path / "x.npz"
    np.savez(data, x=np.zeros((1, 2, 1)))
    before = data.read_bytes()
    assert "this command reads" in seamount("simulate", "absent", "--input", data, "--trace", data).err
    page = tmp_path / "net.nir"
    shutil.copy(data, page)
    assert "does not end in .html" in seamount("report", "--compare", "a", "b", "--out", page).err
    assert "is a folder" in seamount("bundle", "a", "--out", tmp_path).err
    assert "does not end in .csv" in seamount("trace", "a.npz", "--csv", page).err
    assert data.read_bytes() == before == page.read_bytes()


def test_thousands_are_parted_by_commas_in_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    give("1\u2009162 operations\x1b")
    assert capsys.readouterr().out == "1,162 operations\\x1b\n"


def test_a_file_that_was_cut_off_is_called_so(seamount: Run, tmp_path: Path, network: Path) -> None:
    data = tmp_path / "x.npz"
    np.savez(data, x=np.zeros((4, 20, 3)))
    data.write_bytes(data.read_bytes()[:200])
    assert "x.npz: is damaged or cut off" in seamount("deploy", network, "--calibrate", data).err
