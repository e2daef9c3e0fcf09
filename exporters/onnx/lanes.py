"""Which lanes compute a program exactly: proven from the ranges of everything that its step computes.

Doubles are exact below 2^53; int32 holds 32 bits. int64 is what programs are defined to fit (`bounds.verify`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from exporters.scalar.plan import ProgramPlan, StepPlan
from toolchain.bounds.ranges import Range
from toolchain.errors import InputError, UnsupportedError
from toolchain.ir.integer import Overflow, limits, shift_left
from toolchain.ir.tracing import Instruction

Lanes = Literal["int64", "float64", "int32"]
LANES: tuple[str, ...] = get_args(Lanes)

EXACT: dict[str, int] = {"float64": 2**53, "int32": 2**31 - 1}
"""The greatest magnitude up to which each of these lanes is exact."""

PREFERRED: tuple[Lanes, ...] = ("float64", "int32", "int64")
"""The quickest first: doubles before int64 as measured (docs/onnx.md), int32 between them for its quicker division."""


@dataclass(frozen=True)
class Reach:
    """How far something goes: where, and its greatest magnitude."""

    where: str
    magnitude: int


def exact_lanes(plan: ProgramPlan) -> tuple[Lanes, ...]:
    """The lanes in which the program is proven to be exact, the quickest first."""
    return tuple(lanes for lanes in PREFERRED if furthest(plan, lanes).magnitude <= EXACT.get(lanes, 2**63))


def choose_lanes(plan: ProgramPlan, wanted: str | None) -> Lanes:
    """The lanes that are wanted, or the quickest exact ones.

    Raises:
        InputError: there are no such lanes.
        UnsupportedError: they are not proven to hold everything that the program computes.
    """
    if wanted is None:
        return exact_lanes(plan)[0]
    for lanes in PREFERRED:
        if lanes == wanted:
            found = furthest(plan, lanes)
            if lanes == "int64" or found.magnitude <= EXACT[lanes]:
                return lanes
            what = f"can reach a magnitude of {found.magnitude}, and {lanes} lanes are exact up to {EXACT[lanes]} only"
            raise UnsupportedError(found.where, what, f"use {' or '.join(exact_lanes(plan))} lanes")
    raise InputError("--onnx-lanes", f"{wanted!r} is unknown", f"use one of {', '.join(LANES)}")


def furthest(plan: ProgramPlan, lanes: Lanes) -> Reach:
    """What goes furthest of all that is computed in those lanes; magnitude 0 for int64, which is not searched."""
    if lanes == "int64":
        return Reach(plan.program.name, 0)
    found = [Reach(source.name, _magnitude(limits(source.bits))) for source in plan.program.inputs]
    for step in plan.steps.values():
        found += _port_reaches(plan, step)
        found += _step_reaches(step, lanes)
    return max(found, key=lambda reach: reach.magnitude, default=Reach(plan.program.name, 0))


def _magnitude(*ranges: Range) -> int:
    return max(max(-low, high) for low, high in ranges)


def _port_reaches(plan: ProgramPlan, step: StepPlan) -> Iterator[Reach]:
    """What arrives: each sum on its way, which any order of adding and any running sum stays below."""
    for port, found in step.arrivals.items():
        where, together = f"{step.population.name}.{port}", 0
        for arrival in found:
            for synapses in arrival.synapses:
                message = plan.messages[synapses.projection.source]
                weights = int(np.abs(synapses.weights).astype(object).sum())
                widest = int(shift_left(1, max(arrival.exponent, 0)))
                together += weights * max(_magnitude(message), 1) * widest
        yield Reach(where, together)


def _step_reaches(step: StepPlan, lanes: Lanes) -> Iterator[Reach]:
    name = step.population.name
    for value in sorted(step.used):
        if value in step.bounds.of:
            yield Reach(f"{name}.{value}", _magnitude(step.bounds.of[value]))
    for instruction in step.listing.instructions:
        if instruction.result in step.used:
            yield Reach(f"{name}.{instruction.result}", _inside(step, instruction, lanes))


def _inside(step: StepPlan, instruction: Instruction, lanes: Lanes) -> int:
    """The greatest magnitude on the way to a result."""
    ranges = [step.bounds[operand] for operand in instruction.operands]
    sizes = [_magnitude(found) for found in ranges]
    primitive = instruction.primitive
    if primitive in ("multiply_shift_floor", "multiply_shift_toward_zero"):
        return max(sizes[0] * sizes[1], _power(ranges[2], lanes))
    if primitive == "shift_floor":
        return max(sizes[0], _power(ranges[1], lanes))
    if primitive == "shift_left":
        return max(sizes[0] * int(shift_left(1, min(ranges[1][1], 62))), _power(ranges[1], lanes))
    if primitive == "sum_modes":
        return sizes[0] * max(step.population.modes, 1)
    if primitive == Overflow.WRAP:
        low, high = limits(ranges[1][1])
        return sizes[0] + high + 1 if not (low <= ranges[0][0] and ranges[0][1] <= high) else sizes[0]
    return max(sizes)


def _power(bits: Range, lanes: Lanes) -> int:
    """Doubles hold every power of two; int32 holds up to 2^30."""
    return 0 if lanes == "float64" else int(shift_left(1, min(max(bits[1], 0), 62)))
