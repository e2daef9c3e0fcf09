"""docs/adding_a_unit.md is followed to the letter, in a copy of the repository that has none of the new kind."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.following import copy_with, follow, run_tests_of

PAGE = "docs/adding_a_unit.md"


@pytest.fixture(scope="module")
def copy(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_with(PAGE, repository, tmp_path_factory.mktemp("copy"))


def test_the_copy_is_what_runs(copy: Path) -> None:
    said = follow(copy, "-c", "from toolchain.units import rectified_threshold as r; print(r.__file__)")
    assert Path(said.strip()).is_relative_to(copy)


def test_the_commands_of_the_page_succeed(copy: Path) -> None:
    run_tests_of(PAGE, copy, least=20)


def test_the_page_names_every_part_of_a_kind(repository: Path) -> None:
    """What a unit may define stands in the table."""
    from toolchain.units.base import Unit

    page = (repository / PAGE).read_text(encoding="utf-8")
    parts = ("node_kinds", "recognise", "of_node", "ports", "spikes", "graded", "output_register", "gain", "tensors")
    for part in (*parts, "start", "run", "scale", "scaled", "rounded", "replaced", "moved"):
        assert hasattr(Unit, part) and f"`{part}`" in page, part
