"""docs/adding_pass.md is followed to the letter, in a copy of the repository that has none of the new pass."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.following import copy_with, follow, promised, run_tests_of, script

PAGE = "docs/adding_pass.md"


@pytest.fixture(scope="module")
def copy(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_with(PAGE, repository, tmp_path_factory.mktemp("copy"))


def test_the_commands_of_the_page_succeed(copy: Path) -> None:
    run_tests_of(PAGE, copy, least=3)


def test_the_example_prints_what_the_page_says(copy: Path) -> None:
    assert script(PAGE, copy, "run_passes") == promised(PAGE, copy)


def test_the_command_line_knows_the_pass(copy: Path) -> None:
    program = "tests/golden/oracles/feedforward/program.txt"
    said = follow(copy, "-m", "seamount", "passes", program, "-p", "merge-parallel")
    assert said == (copy / program).read_text(encoding="utf-8")
