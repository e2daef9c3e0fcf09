"""docs/adding_a_neuron.md is followed to the letter, in a copy of the repository that has none of the new type."""

from __future__ import annotations

from pathlib import Path

import pytest

from seamount.simulators import SIMULATORS, missing
from tests.backends.suite import BACKENDS
from tests.following import copy_with, follow, promised, run_tests_of, script

PAGE = "docs/adding_a_neuron.md"


@pytest.fixture(scope="module")
def copy(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_with(PAGE, repository, tmp_path_factory.mktemp("copy"))


def test_the_copy_is_what_runs(copy: Path) -> None:
    said = follow(copy, "-c", "from toolchain.ir.neurons import adaptive_lif as a; print(a.__file__)")
    assert Path(said.strip()).is_relative_to(copy)


def test_the_commands_of_the_page_succeed(copy: Path) -> None:
    run_tests_of(PAGE, copy, least=10)
    golden = ["golden/adaptive_lif.txt", "golden/adaptive_lif.declared.txt", "vectors/adaptive_lif_boundary.txt"]
    assert [name for name in golden if not (copy / "tests" / name).is_file()] == []


def test_every_simulator_starts_it_from_every_edge(copy: Path) -> None:
    follow(copy, "-m", "pytest", "tests/toolchain/ir/test_vectors.py", "-k", "adaptive_lif", "--refresh-golden")
    here = ["reference", *(backend.name for backend in BACKENDS if backend.missing() is None)]
    assert script(PAGE, copy, "assert_vectors") == [f"{name} agrees" for name in here]


def test_the_example_prints_what_the_page_says(copy: Path) -> None:
    said = script(PAGE, copy, "trace_step")
    absent = tuple(f"{name}: " for name in SIMULATORS if missing(name) is not None)
    assert said == [line for line in promised(PAGE, copy) if not absent or not line.startswith(absent)]
