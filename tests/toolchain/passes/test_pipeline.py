"""The runner: text form, checks around each pass, shifts over several passes, dumps, the real network."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from models.tasks import load_task
from seamount.network import zoo_folder
from tests.toolchain.passes.same import assert_same
from tests.toolchain.passes.streams import noise, residual, with_slack, with_zeros
from tests.toolchain.report.digits_like import digits_like
from toolchain.errors import InputError, ToolchainError, VerificationError
from toolchain.frontend.conventions import conventions_for
from toolchain.frontend.read import read_nir
from toolchain.host.encode import encode
from toolchain.ir.integer import IntArray
from toolchain.ir.program import Program
from toolchain.ir.text import read_program, write_program
from toolchain.lower.pipeline import compile_graph
from toolchain.passes.base import Pass, PassResult
from toolchain.passes.delays import BalanceDelays
from toolchain.passes.pipeline import DEFAULT, PASSES, parse_passes, run_passes, write_passes
from toolchain.passes.split_fan_in import SplitFanIn
from toolchain.passes.unroll_stream import UnrollStream


def quiet(_: str) -> None:
    """Say nothing."""


@pytest.fixture(scope="module")
def digits() -> tuple[Program, dict[str, IntArray]]:
    task, graph = load_task("digits"), read_nir(zoo_folder() / "digits" / "model.nir")
    calibration = task.train.inputs[:64].astype(np.float64)
    program = compile_graph(graph, conventions_for(graph), calibration, name="digits").lowered.program
    payload, _ = encode(program.inputs[0], task.test.inputs[:2].astype(np.float64))
    return program, {program.inputs[0].name: payload}


@pytest.mark.parametrize(
    "text",
    [DEFAULT, *(one.name for one in PASSES), "split-ssm,prune-zeros", "split-fan-in:max_sources=24,balance-delays"],
)
def test_the_trained_network_stays_the_same(text: str, digits: tuple[Program, dict[str, IntArray]]) -> None:
    program, inputs = digits
    assert assert_same(program, run_passes(program, text, quiet), inputs) > 10_000


@pytest.mark.parametrize("make", [residual, with_slack, with_zeros, digits_like])
@pytest.mark.parametrize(
    "text",
    [
        DEFAULT,
        "prune-zeros,relay-stream,split-ssm,balance-delays:max_delay_steps=2",
        "prune-zeros,split-fan-in:max_sources=9",
    ],
)
def test_shifts_add_up_over_several_passes(text: str, make: Callable[[], Program]) -> None:
    program = make()
    assert assert_same(program, run_passes(program, text, quiet), noise(program, samples=1)) > 1000


def test_relayed_then_unrolled_then_balanced_is_where_it_began() -> None:
    program = residual()
    result = run_passes(program, "relay-stream,unroll-stream,balance-delays", quiet)
    assert result.program.latency_steps == program.latency_steps
    assert not result.shifts
    weights = sorted(p.connection.matrix().tolist() for p in program.projections)
    assert sorted(np.asarray(p.connection.matrix()).tolist() for p in result.program.projections) == weights


def test_text_form_goes_both_ways() -> None:
    passes = (SplitFanIn(max_sources=7), UnrollStream(cheaper_only=True, spike_rate=0.25), BalanceDelays())
    text = "split-fan-in:max_sources=7,unroll-stream:cheaper_only=True:spike_rate=0.25,balance-delays"
    assert write_passes(passes) == text
    assert parse_passes(text) == passes
    assert parse_passes("") == ()


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("prune", "passes: no pass 'prune'; use some of prune-zeros, "),
        ("split-ssm:modes=3", "passes.split-ssm: 'modes=3' sets no option; its options: none"),
        ("split-fan-in:max_sources", "passes.split-fan-in: 'max_sources' sets no option; its options: max_sources"),
        ("split-fan-in:max_sources=x", "passes.split-fan-in.max_sources: 'x' is not of type int; the default is 4096"),
        ("split-fan-in:max_sources=1", "split-fan-in.max_sources: 1 cannot add up two sums; give 2 or more"),
        ("unroll-stream:cheaper_only=7", "passes.unroll-stream.cheaper_only: '7' is neither true nor false"),
        ("balance-delays:max_delay_steps=63", "balance-delays.max_delay_steps: 63 is not in 1 .. 62"),
    ],
)
def test_a_wrong_text_is_one_clear_error(text: str, error: str) -> None:
    with pytest.raises(InputError) as found:
        parse_passes(text)
    assert str(found.value).startswith(error)


@dataclass(frozen=True)
class Careless(Pass):
    """Takes every delay away."""

    name: ClassVar[str] = "careless"

    def __call__(self, program: Program) -> PassResult:
        """Break the program."""
        joints = tuple(dataclasses.replace(p, delay_steps=0) for p in program.projections)
        return PassResult(dataclasses.replace(program, projections=joints))


def test_a_pass_that_breaks_a_rule_is_named() -> None:
    with pytest.raises(VerificationError, match=r"after careless: .*delay of 0 steps"):
        run_passes(digits_like(size=4, modes=1), [Careless()], quiet)


def test_a_broken_program_is_refused_before_the_first_pass() -> None:
    broken = Careless()(digits_like(size=4, modes=1)).program
    with pytest.raises(ToolchainError, match="delay of 0 steps"):
        run_passes(broken, "prune-zeros", quiet)


def test_the_text_between_passes_can_be_looked_at(tmp_path: Path) -> None:
    program = with_zeros()
    said: list[str] = []
    result = run_passes(program, "prune-zeros,split-ssm", said.append, tmp_path)
    names = ["0.txt", "1-prune-zeros.txt", "2-split-ssm.txt"]
    assert sorted(path.name for path in tmp_path.iterdir()) == names
    texts = [(tmp_path / name).read_text(encoding="utf-8") for name in names]
    assert texts[0] == write_program(program)
    assert texts[2] == write_program(result.program)
    assert write_program(read_program(texts[1])) == texts[1]
    assert any(line.startswith("prune-zeros: dead: no output hangs on it") for line in said)
    assert len(said) == len(result.remarks)
