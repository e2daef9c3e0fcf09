"""Where something did not fit: the reference simulator repeats one block and says it in its own words.

Generated code only counts what did not fit. Where that is an error, the registers and messages from before the block
go to the reference, which stops at the same step, register, sample, neuron and mode as it would have in a whole run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from simulators.reference import Run
from toolchain.errors import ConformanceError
from toolchain.ir.integer import IntArray
from toolchain.ir.program import Program
from toolchain.ir.timestep import State


@dataclass(frozen=True)
class Checkpoint:
    """What a program remembers before a step.

    Attributes:
        step: of the run, that comes next.
        states: stored registers by population.
        sent: by source, the messages of the steps before, oldest first.
    """

    step: int
    states: Mapping[str, State]
    sent: Mapping[str, list[IntArray]]


def repeat(program: Program, before: Checkpoint, inputs: Mapping[str, IntArray], *, strict: bool) -> None:
    """Repeat a block on the reference simulator, which is expected to stop.

    Args:
        before: the state at the block's start.
        inputs: (sample, step of the block, channel).

    Raises:
        OverflowTrapError: as the reference simulator says it.
        ConformanceError: the reference did not stop, so that the two simulators disagree.
    """
    samples, steps = next(iter(inputs.values())).shape[:2]
    run = Run(program, inputs, samples, before.step + steps, strict)
    run.resume(before.step, before.states, before.sent)
    for step in range(before.step, before.step + steps):
        run.step(step)
    what = f"values did not fit in steps {before.step} .. {before.step + steps - 1}, but fit in the reference simulator"
    raise ConformanceError(program.name, what, "report it, with the program and the input")
