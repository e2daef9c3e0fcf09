"""How much one step of a written program computes: counted in its primitives, whatever machine runs it."""

from __future__ import annotations

from dataclasses import dataclass

from exporters.scalar.plan import ProgramPlan, StepPlan
from toolchain.ir.phases import is_sum

FREE = frozenset({"each_mode", "trap"})
"""Primitives that are no work of their own."""


@dataclass(frozen=True)
class Effort:
    """Of one step.

    Attributes:
        operations: primitives of all neurons and modes; nearly each is one to four instructions.
        additions: weights that are added where every source sends something; silent sources add none.
    """

    operations: int
    additions: int


def effort_of(plan: ProgramPlan) -> Effort:
    """Count a program's step as C and JavaScript compute it."""
    additions = sum(
        synapses.weights.size
        for step in plan.steps.values()
        for found in step.arrivals.values()
        for arrival in found
        for synapses in arrival.synapses
    )
    return Effort(sum(map(_operations, plan.steps.values())), additions)


def _operations(step: StepPlan) -> int:
    size, modes, total = step.population.size, max(step.population.modes, 1), 0
    for instruction in step.listing.instructions:
        written = instruction.result in step.used and not step.is_number(instruction.result)
        if written and instruction.primitive not in FREE:
            of_modes = instruction.result in step.order.in_modes or is_sum(instruction, step.order)
            total += size * modes if of_modes else size
    return total
