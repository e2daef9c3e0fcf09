"""The microscope's interpreter is a second definition: unaltered, it gives what the reference simulator gives."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings

from simulators.compare import MESSAGE
from simulators.microscope.interpret import interpret
from simulators.microscope.meaning import definition
from simulators.reference import simulate
from tests.strategies import runs
from toolchain.ir.integer import IntArray
from toolchain.ir.program import Program


@settings(max_examples=40, deadline=None)
@given(runs())
def test_unaltered_it_is_the_reference(drawn: tuple[Program, dict[str, IntArray]]) -> None:
    program, inputs = drawn
    trace = simulate(program, inputs, probes=program.all_probes(), strict=False)
    found = interpret(definition(program), inputs, trace.steps)
    for key, values in trace.registers.items():
        assert np.array_equal(found[key], values), key
    for population in program.populations if trace.steps else ():
        assert np.array_equal(found[f"{population.name}.{MESSAGE}"], trace.messages[population.name])
