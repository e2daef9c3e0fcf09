"""The page that says what a program means is enough: an interpreter written from it agrees with the reference."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from simulators.reference import simulate
from tests.backends.random_programs import Scale, random_inputs, random_program
from tests.cli.digits_build import digits_build
from tests.source_tree import ROOT, sources
from tests.stranger.interpreter import Recorded, run
from tests.stranger.neurons import TYPES
from tests.stranger.parts import Program as Read
from tests.stranger.read_npz import read_npz
from tests.stranger.read_text import read_text
from toolchain.bounds.verify import RULES
from toolchain.ir.connections import CONNECTIONS_BY_KIND, AveragePooling, Convolution, SumPooling
from toolchain.ir.integer import PRIMITIVES, IntArray
from toolchain.ir.neurons import NEURONS
from toolchain.ir.program import MAX_DELAY_STEPS, Input, Population, Program, Projection
from toolchain.ir.storage import load_program, save_program
from toolchain.ir.text import read_program, write_program

PAGE = (ROOT / "docs" / "program_format.md").read_text(encoding="utf-8")
GOLDEN = sorted((ROOT / "tests" / "golden").rglob("program.txt"))
SMALL = Scale(populations=5, sizes=(1, 2, 4, 6), modes=3, samples=1, steps=9)


def agrees(found: Recorded, program: Program, inputs: dict[str, IntArray], steps: int | None = None) -> None:
    """Every message and every stored register at every step, and the length of the run."""
    probes = [probe for probe in program.all_probes() if probe.register in _stored(program, probe.population)]
    trace = simulate(program, inputs, steps=steps, probes=probes, strict=False)
    assert {name: np.array(values)[None].tolist() for name, values in found.messages.items()} == {
        name: values.tolist() for name, values in trace.messages.items()
    }
    assert {name: np.array(values)[None].tolist() for name, values in found.registers.items()} == {
        name: values.tolist() for name, values in trace.registers.items()
    }


def _stored(program: Program, population: str) -> list[str]:
    return [register.name for register in program.population(population).type.stored]


def both_readings(program: Program, folder: Path) -> list[Read]:
    save_program(program, folder / "program.npz")
    return [read_text(write_program(program)), read_npz(folder / "program.npz")]


def lists(inputs: dict[str, IntArray]) -> dict[str, Any]:
    return {name: values[0].tolist() for name, values in inputs.items()}


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.parent.name)
def test_a_golden_program_runs_alike(path: Path, tmp_path: Path) -> None:
    program = read_program(path.read_text(encoding="utf-8"))
    inputs = random_inputs(np.random.default_rng(1), program, 1, 20)
    for read in both_readings(program, tmp_path):
        found = run(read, lists(inputs))
        agrees(found, program, inputs)
        assert any(np.any(values) for values in found.registers.values())


@pytest.mark.parametrize("seed", range(40))
def test_a_random_program_runs_alike(seed: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(seed)
    program = random_program(rng, SMALL)
    inputs = random_inputs(rng, program, 1, SMALL.steps)
    for read in both_readings(program, tmp_path):
        agrees(run(read, lists(inputs), steps=SMALL.steps + 4), program, inputs, SMALL.steps + 4)


def test_random_programs_hold_every_type_and_connection() -> None:
    programs = [random_program(np.random.default_rng(seed), SMALL) for seed in range(40)]
    assert {p.neuron for program in programs for p in program.populations} == set(TYPES)
    assert {p.connection.kind for program in programs for p in program.projections} == set(CONNECTIONS_BY_KIND)


def test_windows_over_two_axes_run_alike(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    weights = rng.integers(-128, 128, (4, 1, 2, 3))
    shape, padding = (2, 5, 6), ((1, 0), (0, 2))
    joints: dict[str, Any] = {
        "conv": Convolution(weights, shape, (2, 1), padding, (1, 2), 2),
        "sum": SumPooling(shape, (2, 3), (1, 2), padding),
        "mean": AveragePooling(shape, (2, 3), (1, 2), padding, 6),
    }
    populations = tuple(Population(name, "relay", joint.target_size) for name, joint in joints.items())
    projections = tuple(Projection(f"x->{name}", "x", name, joint, exponent=-2) for name, joint in joints.items())
    program = Program("windows", (Input("x", 60, bits=8),), populations, projections, ())
    inputs = random_inputs(rng, program, 1, 6)
    for read in both_readings(program, tmp_path):
        agrees(run(read, lists(inputs)), program, inputs)


def test_the_shipped_digits_run_alike() -> None:
    build = digits_build()
    program = load_program(build / "program.npz")
    texts = read_text((build / "program.txt").read_text(encoding="utf-8")), read_npz(build / "program.npz")
    inputs = random_inputs(np.random.default_rng(2), program, 1, 10)
    for read in texts:
        found = run(read, lists(inputs))
        agrees(found, program, inputs)
        assert any(np.any(found.messages[p.name]) for p in program.populations if p.neuron == "ssm_lif")


def test_the_interpreter_imports_nothing_but_pythons_own() -> None:
    own = [source for source in sources("tests/stranger") if not source.path.endswith("test_stranger.py")]
    imported = {name.split(".")[0] for source in own for name in source.imports() if "tests.stranger" not in name}
    assert len(own) == 6 and imported <= set(sys.stdlib_module_names)


@pytest.mark.parametrize("neuron", NEURONS, ids=lambda neuron: neuron.name)
def test_the_page_has_each_types_declarations(neuron: Any) -> None:
    declared = (ROOT / "tests" / "golden" / f"{neuron.name}.declared.txt").read_text(encoding="utf-8")
    section = PAGE.split(f"### `{neuron.name}`\n")[1].split("\n### ")[0]
    assert declared.partition("\n")[2].strip() in section


def test_the_page_has_every_primitive_rule_kind_and_bound() -> None:
    missing = [name for name in PRIMITIVES if not re.search(rf"`{name}[`(]", PAGE)]
    missing += [rule.name for rule in RULES if f"`{rule.name}`" not in PAGE and rule.name != "semantics-version"]
    missing += [kind for kind in CONNECTIONS_BY_KIND if f"| `{kind}` |" not in PAGE]
    assert missing == []
    assert f"1 to {MAX_DELAY_STEPS} steps" in PAGE
