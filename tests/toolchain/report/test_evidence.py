"""Evidence in a folder: the same both ways, and refused with the file at fault."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from tests.toolchain.report.fake_evidence import fake_evidence
from toolchain.errors import InputError
from toolchain.ir.text import write_program
from toolchain.report import Accuracy, Agreement, RegisterRange, load_evidence, register_ranges, save_evidence
from toolchain.report.energy import Banded
from toolchain.report.numbers import band, decimal, si, tick, whole

PLAIN = (
    "model", "task", "placement", "target", "accuracies", "agreements", "findings", "quantization", "ranges", "poles",
)  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("build")
    save_evidence(fake_evidence(size=8), made)
    return made


def test_both_ways(folder: Path) -> None:
    given, found = fake_evidence(size=8), load_evidence(folder)
    for name in (*PLAIN, "versions", "command"):
        assert getattr(found, name) == getattr(given, name), name
    assert write_program(found.program) == write_program(given.program)
    for left, right in ((given.test, found.test), (given.recorded, found.recorded)):
        assert (left.program, left.steps, left.overflows) == (right.program, right.steps, right.overflows)
        for group in ("sent", "messages", "registers"):
            arrays, again = getattr(left, group), getattr(right, group)
            assert arrays.keys() == again.keys()
            assert all(np.array_equal(arrays[key], again[key]) for key in arrays)


@pytest.mark.parametrize("name", ["evidence.json", "program.npz", "placement.json", "traces/test.npz"])
def test_a_missing_or_broken_file_is_named(folder: Path, tmp_path: Path, name: str) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    (copy / name).write_bytes(b"{}")
    with pytest.raises(InputError, match=name):
        load_evidence(copy)
    (copy / name).unlink()
    with pytest.raises(InputError, match=name):
        load_evidence(copy)


def test_rows_refuse_what_cannot_be() -> None:
    with pytest.raises(ValidationError, match="11 of 10 cannot be correct"):
        Accuracy(rung="float", correct=11, samples=10)
    same = {"simulators": ("a", "b"), "samples": 1, "steps": 1, "values_compared": {"spikes": 5}}
    with pytest.raises(ValidationError, match="2 mismatches, but the first divergence is ''"):
        Agreement.model_validate(same | {"mismatches": 2})
    with pytest.raises(ValidationError, match="6 mismatches in 5 values"):
        Agreement.model_validate(same | {"mismatches": 6, "first": "step 0"})


@pytest.mark.parametrize(
    ("low", "high", "bits"), [(0, 0, 1), (-1, 0, 1), (0, 1, 2), (-2, 1, 2), (-3, 1, 3), (-128, 127, 8), (0, 128, 9)]
)
def test_used_bits(low: int, high: int, bits: int) -> None:
    found = RegisterRange(population="a", register="v", bits=24, overflow="wrap", low=low, high=high)
    assert found.used_bits == bits


def test_ranges_of_a_trace() -> None:
    evidence = fake_evidence(size=8)
    ranges = register_ranges(evidence.program, evidence.recorded, {"block0.voltage": 3})
    found = {f"{row.population}.{row.register}": row for row in ranges}
    values = evidence.recorded.registers["block0.voltage"]
    assert (found["block0.voltage"].low, found["block0.voltage"].high) == (values.min(), values.max())
    assert (found["block0.voltage"].overflows, found["block1.voltage"].overflows) == (3, 0)
    assert found["block1.state_re"].bits == 24


def test_numbers_for_people() -> None:
    shown = {0: "0 J", 3.6e-6: "3.60 µJ", 4.05e-7: "405 nJ", 1.0: "1.00 J", 999.9e-9: "1.00 µJ", 999.4: "999 J"}
    assert {value: si(value, "J") for value in shown} == shown
    assert band(Banded(2.0, 1.0, 3.0), "J") == "1.00 to 3.00 J"
    assert band(Banded(36e-6, 21e-6, 1.04e-3), "J") == "21.0 µJ to 1.04 mJ"
    assert (tick(5000, ""), tick(0, "J"), tick(1e-5, "J")) == ("5 k", "0 J", "10 µJ")
    assert (whole(1234567), decimal(1234.5), decimal(20.14)) == ("1\u2009234\u2009567", "1\u2009234", "20.1")
