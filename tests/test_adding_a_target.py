"""docs/adding_target.md is followed to the letter, in a copy of the repository that has none of the new target."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.following import copy_with, promised, run_tests_of, script

PAGE = "docs/adding_target.md"


@pytest.fixture(scope="module")
def copy(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_with(PAGE, repository, tmp_path_factory.mktemp("copy"))


def test_the_commands_of_the_page_succeed(copy: Path) -> None:
    run_tests_of(PAGE, copy, least=12)


def test_the_example_prints_what_the_page_says(copy: Path) -> None:
    assert script(PAGE, copy, "place") == promised(PAGE, copy)
