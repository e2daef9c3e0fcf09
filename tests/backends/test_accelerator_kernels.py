"""The text of the accelerator's kernels, and the files that hold it."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from simulators.accelerator import triton_step
from simulators.accelerator.plan import Plan, plans, source_ranges
from simulators.accelerator.triton_code import MODE_LANES, kernel_of, power_above
from tests.backends.fast_programs import known, multiplier, one_to_one
from tests.backends.kernels_on_numpy import triton_on_numpy
from tests.onnx_programs import digits_shaped, one_of
from toolchain.errors import UnsupportedError
from toolchain.ir.neurons import NeuronType, Port
from toolchain.ir.program import Population, Program


def plan_of(program: Program, name: str) -> Plan:
    return plans(program, source_ranges(program), {})[name]


def line_of(plan: Plan, start: str) -> str:
    (found,) = [line.strip() for line in kernel_of(plan).text.splitlines() if line.strip().startswith(start)]
    return found.partition(" = ")[2]


def test_equal_structure_gives_equal_text() -> None:
    """Weights and coefficients are data, as far as the same lanes are proven for them."""
    program = digits_shaped()
    before = plan_of(program, "block0")
    cells = program.populations[0]
    other = {**cells.coefficients, "threshold": cells.coefficients["threshold"] + 1}
    changed = (dataclasses.replace(cells, coefficients=other), *program.populations[1:])
    after = plan_of(dataclasses.replace(program, populations=changed), "block0")
    assert kernel_of(before).text == kernel_of(after).text
    assert kernel_of(before).text != kernel_of(plan_of(program, "readout")).text


@pytest.mark.parametrize(("factor_bits", "value_bits", "wide"), [(8, 16, False), (8, 24, False), (9, 24, True)])
def test_lanes_are_as_narrow_as_is_proven(factor_bits: int, value_bits: int, wide: bool) -> None:
    low = -(2 ** (factor_bits - 1))
    with known(multiplier(factor_bits, value_bits, 3)):
        cells = Population("cells", "multiplier", 2, coefficients={"factor": np.array([low, 1])})
        assert ("int64" in line_of(plan_of(one_to_one(cells), "cells"), "v1_")) == wide


@pytest.mark.parametrize(("modes", "padded"), [(1, 1), (3, 4), (16, 16), (17, 32)])
def test_modes_are_padded_and_masked(modes: int, padded: int) -> None:
    assert power_above(modes) == padded
    cells = dataclasses.replace(digits_shaped().populations[0], modes=modes)
    rows = {n: v[:, :1].repeat(modes, axis=1) if v.ndim == 2 else v for n, v in cells.coefficients.items()}
    program = dataclasses.replace(digits_shaped(), populations=(dataclasses.replace(cells, coefficients=rows),))
    kernel = kernel_of(plan_of(dataclasses.replace(program, projections=()), cells.name))
    assert f"mode = tl.arange(0, {padded})[None, :]" in kernel.text
    assert f"(mode < {modes})" in kernel.text
    assert ("tl.where(inside_modes" in kernel.text) == (modes != padded)
    assert kernel.block * padded == MODE_LANES


def test_unknown_primitive_is_named() -> None:
    def step(own: object, state: object, ports: Any, keep: object) -> tuple[dict[str, object], object]:
        return {}, ports.input.apply_primitive("cube_root", (ports.input,))

    cube = NeuronType("cube", "takes roots", (), (), (), (Port("input"),), 24, step)
    with known(cube), pytest.raises(UnsupportedError, match="cells: primitive 'cube_root' has no Triton form"):
        kernel_of(plan_of(one_of("cube"), "cells"))


def test_text_is_kept_in_a_file_and_damage_is_noticed(tmp_path: Path) -> None:
    kernel = kernel_of(plan_of(digits_shaped(), "readout"))
    with triton_on_numpy(lambda: tmp_path):
        first = triton_step.load(kernel)
        assert triton_step.load(kernel) is first
        (file,) = tmp_path.iterdir()
        assert file.read_text(encoding="utf-8") == kernel.text
        file.write_text("raise SystemExit\n", encoding="utf-8")
        triton_step._loaded.clear()
        assert triton_step.load(kernel) is not first
        assert file.read_text(encoding="utf-8") == kernel.text


def test_a_cache_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    with triton_on_numpy(lambda: blocked / "cache"):
        assert callable(triton_step.load(kernel_of(plan_of(digits_shaped(), "readout")))[(1,)])


@pytest.mark.parametrize(
    ("chosen", "expected"), [(None, "/cache/seamount/accelerator"), ("/elsewhere", "/elsewhere/accelerator")]
)
def test_folder(chosen: str | None, expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/cache")
    monkeypatch.delenv(triton_step.CACHE_VARIABLE, raising=False)
    if chosen is not None:
        monkeypatch.setenv(triton_step.CACHE_VARIABLE, chosen)
    assert triton_step.folder.__wrapped__() == Path(expected)
