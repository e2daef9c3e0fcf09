"""The numbers of one neuron in one step, and those by which a cause shows first."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np

from simulators.compare import Divergence
from simulators.microscope.causes import Case, Cause, Recorded, single_out
from simulators.microscope.interpret import Run
from simulators.microscope.meaning import Meaning, Wire, definition, to_dense
from toolchain.errors import OverflowTrapError
from toolchain.ir.integer import IntArray, Value
from toolchain.ir.program import Program
from toolchain.ir.tracing import Instruction, Operand

Numbers = tuple[int, ...]
"""A value of one neuron: one number, or one a mode (of the diverging mode alone where there is one)."""


def numbers(value: Value, at: Divergence) -> Numbers:
    """One neuron's value, without axes of length one; the diverging mode alone where there is one."""
    flat = np.ravel(value)
    if at.mode is not None and flat.size > at.mode and flat.size > 1:
        flat = flat[at.mode : at.mode + 1]
    return tuple(int(each) for each in flat)


def moment(meaning: Meaning, case: Case, at: Divergence) -> dict[str, Value] | None:
    """Everything that the neuron alone knew and computed in the diverging step; None where a run trapped before."""
    going = Run(meaning, case.inputs)
    try:
        for _ in range(at.step + 1):
            going.step()
    except OverflowTrapError:
        return None
    return going.values[at.population]


def operand_value(known: Mapping[str, Value], operand: Operand) -> Value:
    """A number, or what is known by a name."""
    return operand if isinstance(operand, int) else known[operand.name]


def detailed(program: Program, at: Divergence, side: Recorded, cause: Cause) -> Cause:
    """The cause with its numbers."""
    return dataclasses.replace(cause, detail=_detail(program, at, side, cause))


def _detail(program: Program, at: Divergence, off: Recorded, cause: Cause) -> str:
    """The numbers by which a cause shows first in the diverging step."""
    case = single_out(program, at, off)
    plain = definition(case.program)
    altered_case = single_out(cause.hypothesis.prepare(program), at, off)
    altered = cause.hypothesis.alter(definition(altered_case.program))
    known, other = moment(plain, case, at), moment(altered, altered_case, at)
    if known is None or other is None:
        return ""
    for name in [name for name in known if name.startswith(("own.", "state.", "port."))]:
        if name in other and not np.array_equal(known[name], other[name]):
            wires = _wires(plain, altered, case.inputs, at) if name.startswith("port.") else ""
            return f"{name}: {_shown(known[name], at)} against {_shown(other[name], at)}" + wires
    listing = plain.listings[at.population]
    for instruction in listing.instructions:
        if instruction.result in other and not np.array_equal(known[instruction.result], other[instruction.result]):
            return _parting(instruction, known, other, at)
    return ""


def _parting(instruction: Instruction, known: Mapping[str, Value], other: Mapping[str, Value], at: Divergence) -> str:
    operands = ", ".join(_shown(operand_value(known, operand), at) for operand in instruction.operands)
    result = instruction.result
    return f"{instruction.primitive}({operands}) is {_shown(known[result], at)}, here {_shown(other[result], at)}"


def _shown(value: Value, at: Divergence) -> str:
    shown = numbers(value, at)
    return str(shown[0]) if len(shown) == 1 else str(list(shown))


def _wires(plain: Meaning, altered: Meaning, inputs: Mapping[str, IntArray], at: Divergence) -> str:
    """What differs in the wires that brought something."""
    for name, wire in plain.wires.items():
        changed = altered.wires.get(name)
        if changed is None or changed is wire:
            continue
        if wire.delay_steps != changed.delay_steps:
            return f"; {name}: delay {wire.delay_steps} -> {changed.delay_steps} steps"
        if wire.exponent != changed.exponent:
            return f"; {name}: exponent {wire.exponent} -> {changed.exponent}"
        if weight := _weight(wire, changed, inputs, at):
            return f"; {name}: {weight}"
    return ""


def _weight(wire: Wire, changed: Wire, inputs: Mapping[str, IntArray], at: Divergence) -> str:
    """The first weight that differs and carried a message in the diverging step."""
    when = at.step - wire.delay_steps
    if when < 0 or when >= inputs[wire.source].shape[1]:
        return ""
    before, after = to_dense(wire.matrix)[0], to_dense(changed.matrix)[0]
    if before.shape != after.shape:
        return ""
    hit = np.flatnonzero(np.not_equal(before, after) & np.not_equal(inputs[wire.source][0, when], 0))
    if not hit.size:
        return ""
    source = int(hit[0])
    return f"weight {int(before[source])} -> {int(after[source])} from {wire.source}[{source}]"
