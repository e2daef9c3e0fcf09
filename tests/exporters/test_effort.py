"""What a step computes, counted by hand for small programs."""

from __future__ import annotations

import dataclasses

import numpy as np

from exporters.scalar.effort import effort_of
from exporters.scalar.plan import plan_program
from tests.onnx_programs import one_of
from toolchain.ir.connections import Dense
from toolchain.ir.program import Program


def test_a_relay_adds_its_bias_and_each_synapse_is_one_addition() -> None:
    program = one_of("relay", size=3)  # value = saturate(input + bias): its range keeps both
    plan = plan_program(program)
    written = [i for i in plan.steps["cells"].listing.instructions if i.result in plan.steps["cells"].used]
    found = effort_of(plan)
    assert (found.operations, found.additions) == (3 * len(written), 3)
    dense = dataclasses.replace(program.projections[0], connection=Dense(np.ones((3, 3), dtype=np.int64)))
    assert effort_of(plan_program(dataclasses.replace(program, projections=(dense,)))).additions == 9


def test_what_modes_have_one_each_counts_as_often() -> None:
    one, two = (effort_of(plan_program(_with_modes(modes))) for modes in (1, 2))
    assert two.operations > one.operations
    assert (two.operations - one.operations) % 3 == 0


def _with_modes(modes: int) -> Program:
    program = one_of("ssm_lif", size=3)
    cells = program.populations[0]
    wider = {
        name: np.tile(values, (1, modes)) if values.ndim == 2 else values for name, values in cells.coefficients.items()
    }
    return dataclasses.replace(program, populations=(dataclasses.replace(cells, modes=modes, coefficients=wider),))
