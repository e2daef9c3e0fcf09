"""`balance-delays`: the least latency at which everything keeps its relative time, and no delay over a limit.

What arrives together goes on arriving together: populations are moved in time as in `retime`, also to earlier steps,
and delays follow. `misaligned` checks delays against levels that the network was meant to have.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

from toolchain.errors import InputError
from toolchain.ir.program import MAX_DELAY_STEPS, Program
from toolchain.lower.chains import relay_long_delays
from toolchain.passes.base import Pass, PassResult
from toolchain.passes.retime import retime


@dataclass(frozen=True)
class BalanceDelays(Pass):
    """Take steps that every path waits out of the delays; relay messages where a delay is over the limit.

    Attributes:
        max_delay_steps: 1 .. 62; a target that keeps an accumulator a delay may want fewer.
    """

    name: ClassVar[str] = "balance-delays"
    max_delay_steps: int = MAX_DELAY_STEPS

    def __post_init__(self) -> None:
        if not 1 <= self.max_delay_steps <= MAX_DELAY_STEPS:
            what = f"{self.max_delay_steps} is not in 1 .. {MAX_DELAY_STEPS}"
            raise InputError(f"{self.name}.max_delay_steps", what, "give a delay that projections can have")

    def __call__(self, program: Program) -> PassResult:
        """Retime, then relay what is still too long."""
        moved, shifts = retime(program, free=[population.name for population in program.populations])
        relayed = relay_long_delays(moved, self.max_delay_steps)
        remarks = []
        if moved.latency_steps != program.latency_steps:
            remarks.append(f"{program.name}: latency {program.latency_steps} -> {moved.latency_steps} steps")
        if added := len(relayed.populations) - len(program.populations):
            remarks.append(f"{program.name}: {added} relays for delays over {self.max_delay_steps} steps")
        if not shifts and not added:
            return PassResult(program)
        return PassResult(relayed, shifts, tuple(remarks))


def misaligned(program: Program, levels: Mapping[str, int]) -> Iterator[str]:
    """Name the projections whose delay is not the difference of their ends' levels.

    Args:
        program: as lowered, or after any pass (add the pass's shifts to the levels).
        levels: by input or population, the step at which it deals with what entered at step 0; a projection with an
            end that has no level, or from a level not below its target's (a loop), is not judged.
    """
    for projection in program.projections:
        if projection.source in levels and projection.target in levels:
            wanted = levels[projection.target] - levels[projection.source]
            if 0 < wanted != projection.delay_steps:
                yield (
                    f"{projection.name}: a delay of {projection.delay_steps} steps where the levels of its ends are"
                    f" {wanted} apart; give it {wanted}"
                )


def with_delays_of(program: Program, levels: Mapping[str, int]) -> Program:
    """The program with the delays that the levels ask for: a repair, which changes what the program means."""
    projections = tuple(
        dataclasses.replace(p, delay_steps=wanted)
        if p.source in levels and p.target in levels and (wanted := levels[p.target] - levels[p.source]) > 0
        else p
        for p in program.projections
    )
    return relay_long_delays(dataclasses.replace(program, projections=projections), MAX_DELAY_STEPS)
