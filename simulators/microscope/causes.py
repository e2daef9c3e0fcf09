"""Test candidate causes by running them; rank those that give what the other side has.

1. The diverging neuron alone, fed with the messages that really reached it, is run under each hypothesis: it must give
   the other side's values in every step before the divergence, and the other side's value at it.
2. What is left is run on the whole program from rest: one that parts from the other side before the divergence is
   refuted; the rest are ranked by how many of the recorded values from the divergence on they give, in the diverging
   sample and a few others.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from simulators.compare import Divergence
from simulators.microscope.hypotheses import Family, Hypothesis, families
from simulators.microscope.interpret import Moment, interpret, quantity, run
from simulators.microscope.isolate import isolate
from simulators.microscope.meaning import Meaning, definition
from toolchain.errors import InputError, OverflowTrapError
from toolchain.ir.integer import IntArray
from toolchain.ir.program import Program
from toolchain.ir.trace import Trace

MAX_SAMPLES = 4
MAX_SURVIVORS = 60


@dataclass(frozen=True, eq=False)
class Recorded:
    """What one side recorded.

    Attributes:
        name: of the side.
        values: by ``"population.register"`` and ``"population.message"``, (sample, step, neuron[, mode]).
        messages: of every input and population, by name; where the side did not record them, by the definition.
        inputs: by input name, (sample, step, channel).
        steps: of the run.
    """

    name: str
    values: Mapping[str, IntArray]
    messages: Mapping[str, IntArray]
    inputs: Mapping[str, IntArray]
    steps: int


def recorded(program: Program, trace: Trace, inputs: Mapping[str, IntArray] | None = None) -> Recorded:
    """What a trace recorded of a program.

    Args:
        inputs: what entered; by default as the trace recorded it.

    Raises:
        InputError: the inputs were neither given nor recorded.
    """
    entered = {source.name: trace.messages.get(source.name) for source in program.inputs} | dict(inputs or {})
    given = {name: values for name, values in entered.items() if values is not None}
    if absent := [name for name, values in entered.items() if values is None]:
        raise InputError(trace.simulator, f"recorded no input {absent[0]!r}", "record messages, or give the input")
    names = [population.name for population in program.populations]
    values = {key: v for key, v in trace.registers.items() if key.rpartition(".")[0] in names}
    values |= {quantity(name): trace.messages[name] for name in names if name in trace.messages}
    messages = {name: trace.messages[name] for name in names if name in trace.messages}
    if len(messages) < len(names):
        found = interpret(definition(program), given, trace.steps)
        messages = {name: messages.get(name, found[quantity(name)]) for name in names}
    return Recorded(trace.simulator, values, messages | given, given, trace.steps)


@dataclass(frozen=True, eq=False)
class Cause:
    """A mistake that gives what the other side has.

    Attributes:
        hypothesis: what is changed, and where.
        explained, total: recorded values from the divergence on that it gives, and their number.
        holds_until: the first step in which it gives something else, or None.
        detail: the numbers at the divergence.
    """

    hypothesis: Hypothesis
    explained: int
    total: int
    holds_until: int | None
    detail: str = ""

    @property
    def complete(self) -> bool:
        """Whether it explains everything that was recorded."""
        return self.explained == self.total


@dataclass(frozen=True, eq=False)
class Case:
    """The diverging neuron alone, as one side ran it.

    Attributes:
        program, inputs: the neuron and what reached it, in the diverging sample.
        seen: what the side recorded of it, (1, step, 1[, mode]).
    """

    program: Program
    inputs: Mapping[str, IntArray]
    seen: Mapping[str, IntArray]


def single_out(program: Program, at: Divergence, side: Recorded) -> Case:
    """Cut the diverging neuron out, fed with what the side's own messages bring."""
    one = {name: values[at.sample : at.sample + 1] for name, values in side.messages.items()}
    alone, inputs = isolate(program, at.population, [at.neuron], one)
    prefix = quantity(at.population, "")
    seen = {
        key: values[at.sample : at.sample + 1, :, at.neuron : at.neuron + 1]
        for key, values in side.values.items()
        if key.startswith(prefix)
    }
    return Case(alone, inputs, seen)


def reproduces(meaning: Meaning, case: Case, at: Divergence) -> bool:
    """Whether a meaning of the neuron alone gives the side's values before the divergence and the one at it."""
    diverging = quantity(at.population, at.register)
    try:
        for step, moment in enumerate(run(meaning, case.inputs, at.step + 1)):
            keys = case.seen if step < at.step else [diverging]
            if any(not np.array_equal(moment[key], case.seen[key][:, step]) for key in keys if key in moment):
                return False
    except OverflowTrapError:
        return False
    return True


def find_causes(
    program: Program,
    at: Divergence,
    side: Recorded,
    extra: Iterable[Hypothesis] = (),
    budget_s: float = 30.0,
) -> list[Cause]:
    """Causes that a side's divergence from the program can have, best first.

    Args:
        program: whose definition the side should have followed.
        at: where it does not.
        side: what it recorded.
        extra: hypotheses beside the usual mistakes; tried first.
        budget_s: no further hypothesis is begun after that.

    Returns:
        Causes by the number of values that they explain; among equals the likely before slips, then the narrower. Empty
        where none is known.
    """
    deadline = time.monotonic() + budget_s
    survivors = list(_survivors(program, at, side, extra, deadline))
    chosen = _samples(at, side)
    causes: list[tuple[int, Cause]] = []
    for order, hypothesis in enumerate(survivors[:MAX_SURVIVORS]):
        if causes and time.monotonic() > deadline:
            break
        cause = _counted(program, hypothesis, at, side, chosen)
        if cause.holds_until is None or cause.holds_until >= at.step:
            causes.append((order, cause))
    causes.sort(key=lambda found: (-found[1].explained, *_simplicity(found[1].hypothesis), found[0]))
    return [cause for _, cause in causes]


def _simplicity(hypothesis: Hypothesis) -> tuple[bool, int]:
    """Orders causes that explain as much: likely before unlikely, then narrow before wide."""
    return hypothesis.slip, hypothesis.breadth


def _survivors(
    program: Program, at: Divergence, side: Recorded, extra: Iterable[Hypothesis], deadline: float
) -> Iterator[Hypothesis]:
    """The hypotheses that the diverging neuron alone doesn't refute."""
    case = single_out(program, at, side)
    for family in [*(Family((each,)) for each in extra), *families(definition(program), at.population)]:
        if time.monotonic() > deadline:
            return
        for index, hypothesis in enumerate(family.near):
            if _stands(program, hypothesis, case, at, side):
                yield hypothesis
                yield from family.far.get(index, ())


def _stands(program: Program, hypothesis: Hypothesis, case: Case, at: Divergence, side: Recorded) -> bool:
    prepared = hypothesis.prepare(program)
    try:
        own = case if prepared is program else single_out(prepared, at, side)
    except KeyError:  # the changed program listens to something that this side never had
        return False
    return reproduces(hypothesis.alter(definition(own.program)), own, at)


def _samples(at: Divergence, side: Recorded) -> list[int]:
    """The diverging sample and a few others, evenly spread."""
    samples = next(iter(side.values.values())).shape[0]
    others = [int(i) for i in np.unique(np.linspace(0, samples - 1, min(samples, MAX_SAMPLES)))]
    return sorted({at.sample, *others})


def _counted(program: Program, hypothesis: Hypothesis, at: Divergence, side: Recorded, chosen: list[int]) -> Cause:
    """Run a hypothesis on the whole program and count what it explains."""
    meaning = hypothesis.alter(definition(hypothesis.prepare(program)))
    inputs = {name: values[chosen] for name, values in side.inputs.items()}
    recorded = {key: values[chosen] for key, values in side.values.items()}
    total = sum(values[:, at.step :].size for values in recorded.values())
    explained, holds_until, step = 0, None, -1
    try:
        for step, moment in enumerate(run(meaning, inputs, side.steps)):
            equal, size = _equal(moment, recorded, step)
            if equal < size and holds_until is None:
                holds_until = step
            explained += equal if step >= at.step else 0
    except OverflowTrapError:
        holds_until = step + 1 if holds_until is None else holds_until
    return Cause(hypothesis, explained, total, holds_until)


def _equal(moment: Moment, recorded: Mapping[str, IntArray], step: int) -> tuple[int, int]:
    """Recorded values of a step that the moment gives, and their number."""
    pairs = [(moment[key], values[:, step]) for key, values in recorded.items()]
    return sum(int(np.count_nonzero(np.equal(a, b))) for a, b in pairs), sum(b.size for _, b in pairs)
