"""Two runs side by side: of two simulators, of two programs, or as two traces that were recorded before."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from simulators.compare import MESSAGE, Comparison, Divergence, compare
from simulators.microscope.causes import Cause, recorded
from simulators.microscope.cuts import Case
from simulators.microscope.differences import Difference, comparable, difference_hypotheses, differences
from simulators.microscope.explain import Explanation, explain
from simulators.microscope.interpret import interpret, quantity
from simulators.microscope.meaning import Meaning, definition
from simulators.microscope.shrink import BUDGET_S, Diverges, Shrunk, shrink, shrink_with_stand_in
from simulators.reference import simulate
from toolchain.errors import ConformanceError
from toolchain.ir.integer import IntArray
from toolchain.ir.program import Probe, Program
from toolchain.ir.text import program_hash
from toolchain.ir.trace import Trace

Inputs = Mapping[str, IntArray]


class Simulate(Protocol):
    """Run a program on inputs; every simulator has this form."""

    def __call__(
        self,
        program: Program,
        inputs: Inputs,
        *,
        steps: int | None = None,
        probes: Sequence[Probe] = (),
        record_messages: bool = True,
        strict: bool = True,
    ) -> Trace: ...


@dataclass(frozen=True, eq=False)
class Found:
    """What two sides show under the microscope.

    Attributes:
        comparison: how much was compared, how much differs.
        differences: parts in which two programs differ; empty where there is one program.
        explanation: of the first divergence; None where the sides are equal, or where no program is at hand.
        shrunk: the smallest case; None where there is nothing to run again, or it was not asked for.
    """

    comparison: Comparison
    differences: tuple[Difference, ...] = ()
    explanation: Explanation | None = None
    shrunk: Shrunk | None = None


def two_simulators(
    program: Program,
    inputs: Inputs,
    left: Simulate,
    right: Simulate,
    *,
    steps: int | None = None,
    budget_s: float = BUDGET_S,
) -> Found:
    """Run one program on two simulators; explain and shrink what differs.

    Args:
        steps: length of the run; by default the inputs' length plus the program's latency.
        budget_s: for the search of causes, and again for shrinking; 0: no smaller case is sought.
    """
    traces = tuple(
        run(program, inputs, steps=steps, probes=program.all_probes(), strict=False) for run in (left, right)
    )
    found = two_traces(program, *traces, inputs=inputs, budget_s=budget_s)
    first = found.comparison.first
    if first is None or budget_s <= 0:
        return found
    case = Case(program, inputs, traces[0].steps, first)
    cause = None if found.explanation is None else found.explanation.cause
    stand_in = None if cause is None else _stand_in(cause)
    shrunk = shrink_with_stand_in(case, divergence_of(left, right), stand_in, budget_s)
    return dataclasses.replace(found, shrunk=shrunk)


def divergence_of(left: Simulate, right: Simulate) -> Diverges:
    """The first divergence of two simulators, all registers compared."""

    def diverges(program: Program, inputs: Inputs, steps: int) -> Divergence | None:
        probes = program.all_probes()
        pair = (run(program, inputs, steps=steps, probes=probes, strict=False) for run in (left, right))
        return compare(program, *pair).first

    return diverges


def _stand_in(cause: Cause) -> Diverges:
    """The definition against a cause's meaning: quick, whatever the real sides are."""

    def diverges(program: Program, inputs: Inputs, steps: int) -> Divergence | None:
        plain = definition(program)
        sides = (plain, cause.hypothesis.alter(plain))
        return compare(program, *(_as_trace(program, side, inputs, steps) for side in sides)).first

    return diverges


def _as_trace(program: Program, meaning: Meaning, inputs: Inputs, steps: int) -> Trace:
    values = interpret(meaning, inputs, steps)
    messages = {p.name: values[quantity(p.name)] for p in meaning.program.populations}
    registers = {key: value for key, value in values.items() if not key.endswith(f".{MESSAGE}")}
    samples = next(iter(inputs.values())).shape[0]
    # A hypothesis keeps the program that it misreads: both sides are runs of it.
    return Trace(program_hash(program), "interpreter", samples, steps, messages, registers)


def two_traces(
    program: Program, left: Trace, right: Trace, *, inputs: Inputs | None = None, budget_s: float = BUDGET_S
) -> Found:
    """Compare two traces of one program and explain what differs.

    Raises:
        ConformanceError: they are not of one run of this program.
        InputError: neither the traces nor the caller have the inputs, and the sides differ.
    """
    comparison = compare(program, left, right)
    if comparison.first is None:
        return Found(comparison)
    entered = inputs if inputs is not None else _entered(program, left, right)
    sides = (recorded(program, trace, entered) for trace in (left, right))
    return Found(comparison, explanation=explain(program, comparison.first, *sides, budget_s=max(budget_s, 5.0)))


def _entered(program: Program, left: Trace, right: Trace) -> dict[str, IntArray]:
    """What entered, from whichever trace recorded it."""
    found = {**right.messages, **left.messages}
    return {source.name: found[source.name] for source in program.inputs if source.name in found}


def two_programs(
    left: Program,
    right: Program,
    inputs: Inputs,
    *,
    names: tuple[str, str] = ("left", "right"),
    steps: int | None = None,
    budget_s: float = BUDGET_S,
) -> Found:
    """Run two programs on the reference, on one input; populations are compared by name.

    Args:
        inputs: for the inputs of both.
        names: of the two programs, for the result.
        steps: length of the run; by default the inputs' length plus the greater latency.
        budget_s: as for `two_simulators`; only samples, steps and inputs are made fewer.

    Raises:
        ConformanceError: no population has the same name, type and size in both.
        InputError: the inputs do not fit one of them.
    """
    parts = tuple(differences(left, right))
    length = _steps(left, right, inputs) if steps is None else steps
    pair = _run_both(left, right, inputs, length)
    comparison = compare(left, *pair)
    if comparison.first is None:
        return Found(comparison, parts)
    sides = (dataclasses.replace(recorded(left, t, inputs), name=name) for t, name in zip(pair, names, strict=True))
    extra = tuple(difference_hypotheses(list(parts), comparison.first.population))
    explanation = explain(left, comparison.first, *sides, extra=extra, budget_s=max(budget_s, 5.0))
    if budget_s <= 0:
        return Found(comparison, parts, explanation)

    def diverges(program: Program, tried: Inputs, tried_steps: int) -> Divergence | None:
        return compare(left, *_run_both(left, right, tried, tried_steps)).first

    case = Case(left, inputs, length, comparison.first)
    return Found(comparison, parts, explanation, shrink(case, diverges, budget_s=budget_s, cut_program=False))


def _steps(left: Program, right: Program, inputs: Inputs) -> int:
    length = max((np.asarray(values).shape[1] for values in inputs.values()), default=0)
    return length + max(left.latency_steps, right.latency_steps)


def _run_both(left: Program, right: Program, inputs: Inputs, steps: int) -> tuple[Trace, Trace]:
    """Traces of both, the right one's cut to what the left has too and given out as a run of the left."""
    traces = []
    for program in (left, right):
        own = {source.name: inputs[source.name] for source in program.inputs if source.name in inputs}
        traces.append(simulate(program, own, steps=steps, probes=program.all_probes(), strict=False))
    first, second = traces
    there = {population.name: population for population in right.populations}
    names = {p.name for p in left.populations if p.name in there and comparable(p, there[p.name])}
    if not names:
        what = "no population has the same name, type and size in both programs"
        raise ConformanceError(f"{left.name} against {right.name}", what, "compare builds of one network")
    second = dataclasses.replace(
        second,
        program=program_hash(left),
        messages={n: v for n, v in second.messages.items() if n in names or n in {i.name for i in left.inputs}},
        registers={key: v for key, v in second.registers.items() if key.rpartition(".")[0] in names},
    )
    return first, second
