"""One run of the digits shape, shared by the tests of the report."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from simulators.reference import simulate
from tests.toolchain.report.digits_like import digits_inputs, digits_like
from toolchain.ir.program import Program
from toolchain.ir.trace import Trace
from toolchain.mapping import Placement, Target, load_target, place


@dataclass(frozen=True)
class Run:
    program: Program
    trace: Trace
    target: Target
    placement: Placement


@pytest.fixture(scope="session")
def run() -> Run:
    program, target = digits_like(), load_target("loihi2")
    trace = simulate(program, digits_inputs(), strict=False)
    return Run(program, trace, target, place(program, target))
