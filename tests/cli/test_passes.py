"""`seamount passes`: text in, text out, every pass in between, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.toolchain.passes.streams import with_even_weights, with_zeros
from toolchain.ir.storage import save_program
from toolchain.ir.text import read_program, write_program
from toolchain.passes.pipeline import DEFAULT, run_passes


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "program.txt"
    path.write_text(write_program(with_zeros()), encoding="utf-8")
    return path


def test_the_usual_passes_print_the_program_that_they_make(seamount: Run, text: Path) -> None:
    said = seamount("passes", text)
    expected = run_passes(with_zeros(), DEFAULT, lambda line: None)
    assert said.code == 0 and said.out == write_program(expected.program) != text.read_text(encoding="utf-8")
    assert said.err.splitlines() == [line for line in said.err.splitlines() if line.split(":")[0] in DEFAULT]


def test_dump_prints_each_text_under_its_passs_name(seamount: Run, text: Path) -> None:
    said = seamount("passes", text, "-p", "fold-scales,prune-zeros", "--dump")
    first, *texts = said.out.split("=== ")
    names = [each.partition("\n")[0] for each in texts]
    assert (said.code, first, names) == (0, "", ["as given", "fold-scales", "prune-zeros"])
    programs = [write_program(read_program(each.partition("\n")[2].strip())) for each in texts]
    assert programs[0] == text.read_text(encoding="utf-8") != programs[2]


def test_an_npz_is_a_program_too_and_no_passes_leave_it(seamount: Run, tmp_path: Path) -> None:
    program, out = with_even_weights(), tmp_path / "out.txt"
    save_program(program, tmp_path / "program.npz")
    said = seamount("passes", tmp_path / "program.npz", "-p", "", "--out", out)
    assert (said.code, said.out) == (0, "") and out.read_text(encoding="utf-8") == write_program(program)


@pytest.mark.parametrize(
    ("content", "passes", "word"),
    [
        (None, "prune-zeros", "cannot be read"),
        ("no program\n", "prune-zeros", "does not begin with"),
        ("right", "prune-everything", "no pass 'prune-everything'"),
        ("right", "split-fan-in:max_sources=few", "is not of type int"),
    ],
)
def test_what_it_refuses(seamount: Run, tmp_path: Path, content: str | None, passes: str, word: str) -> None:
    path, out = tmp_path / "given.txt", tmp_path / "out.txt"
    if content is not None:
        path.write_text(write_program(with_zeros()) if content == "right" else content, encoding="utf-8")
    said = seamount("passes", path, "-p", passes, "--out", out)
    assert said.code != 0 and word in said.err and "Traceback" not in said.err
    assert not out.exists()
