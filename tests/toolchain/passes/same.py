"""Two programs mean the same: what survives a pass does the same, at its declared shift, and so do the outputs."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from simulators.reference import simulate
from toolchain.bounds.verify import verify
from toolchain.host.decode import output_values
from toolchain.ir.integer import IntArray
from toolchain.ir.program import Population, Program
from toolchain.ir.trace import Trace
from toolchain.passes.base import PassResult

BEYOND_STEPS = 6
"""Steps that both run on after the inputs have ended and the latency is over."""


def assert_same(before: Program, result: PassResult, inputs: Mapping[str, IntArray]) -> int:
    """Hold a pass's result to the program before; the number of messages and register values compared.

    Messages and stored registers of every population that kept its name, at all steps; registers used within the
    step only, from where the population no longer rests. Nothing may be emitted before the shift or lost behind it.
    """
    after = result.program
    verify(after)
    _assert_same_interface(before, result)
    steps = next(iter(inputs.values())).shape[1] + before.latency_steps + BEYOND_STEPS
    late = max([0, *result.shifts.values()])
    left, right = _run(before, inputs, steps), _run(after, inputs, steps + late)
    common = [p for p in before.populations if p.name in after.sizes()]
    compared = sum(_assert_same_population(p, after.population(p.name), result, left, right) for p in common)
    _assert_same_outputs(before, after, inputs)
    return compared


def _run(program: Program, inputs: Mapping[str, IntArray], steps: int) -> Trace:
    return simulate(program, inputs, steps=steps, probes=program.all_probes(), strict=False)


def _assert_same_interface(before: Program, result: PassResult) -> None:
    after, change = result.program, result.program.latency_steps - before.latency_steps
    assert (after.name, after.inputs, after.outputs, after.notes) == (
        before.name, before.inputs, before.outputs, before.notes,
    )  # fmt: skip
    assert result.shifts.keys() <= before.sizes().keys() & after.sizes().keys()
    assert {result.shift(output.population) for output in before.outputs} <= {change}


def _assert_same_population(
    before: Population, after: Population, result: PassResult, left: Trace, right: Trace
) -> int:
    shift, name = result.shift(before.name), before.name
    _assert_shifted(name, left.messages[name], right.messages[name], shift)
    assert not left.messages[name][:, : max(0, -shift)].any(), f"{name}: messages lost before step 0"
    assert not right.messages[name][:, : max(0, shift)].any(), f"{name}: messages before its time"
    compared = left.messages[name].size
    for register in before.type.registers:
        key = f"{name}.{register.name}"
        if key in right.registers and left.registers[key].shape[2:] == right.registers[key].shape[2:]:
            begin = 0 if register.stored else before.start_step
            _assert_shifted(key, left.registers[key], right.registers[key], shift, begin)
            compared += left.registers[key].size
    return compared


def _assert_shifted(what: str, left: IntArray, right: IntArray, shift: int, begin: int = 0) -> None:
    begin = max(begin, -shift)
    end = min(left.shape[1], right.shape[1] - shift)
    np.testing.assert_array_equal(left[:, begin:end], right[:, begin + shift : end + shift], err_msg=what)


def _assert_same_outputs(before: Program, after: Program, inputs: Mapping[str, IntArray]) -> None:
    """What the host reads after a run of the usual length."""
    left, right = (output_values(p, simulate(p, inputs, strict=False)) for p in (before, after))
    assert left.keys() == right.keys()
    for name in left:
        np.testing.assert_array_equal(left[name], right[name], err_msg=name)
