"""One divergence explained: the steps before, the equation at which the sides part, and the causes that were tested."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from simulators.compare import MESSAGE, Divergence
from simulators.microscope.causes import Cause, Recorded, find_causes, reproduces, single_out
from simulators.microscope.detail import Numbers, detailed, moment, numbers, operand_value
from simulators.microscope.hypotheses import Hypothesis
from simulators.microscope.interpret import quantity
from simulators.microscope.meaning import definition
from toolchain.ir.integer import Value
from toolchain.ir.program import Program
from toolchain.ir.tracing import Listing

STEPS_BEFORE = 4


@dataclass(frozen=True)
class HistoryRow:
    """One register of the diverging neuron in one step, on both sides; None where a side did not record it."""

    step: int
    register: str
    left: Numbers | None
    right: Numbers | None


@dataclass(frozen=True)
class InstructionRow:
    """One instruction of the diverging neuron's step.

    Attributes:
        text: the traced primitive.
        operands: its operands' values by the definition, from the common state before.
        value: its result by the definition.
        left, right: what the sides recorded of it, where it is a register or the message.
        cause: its result under the best cause, or None where there is none.
        parts: whether it is the first whose result explains one side and not the other.
        bears: whether the diverging value hangs on it.
    """

    text: str
    operands: tuple[Numbers, ...]
    value: Numbers
    left: Numbers | None = None
    right: Numbers | None = None
    cause: Numbers | None = None
    parts: bool = False
    bears: bool = True


@dataclass(frozen=True, eq=False)
class Verdict:
    """Why one side is not what the program says: causes, best first; none where the cause is unknown."""

    side: str
    causes: tuple[Cause, ...]


@dataclass(frozen=True, eq=False)
class Explanation:
    """What the microscope shows.

    Attributes:
        divergence: where.
        sides: their names.
        history: registers and messages of the neuron in the steps before and at the divergence.
        listing: its step, instruction by instruction.
        follows: names of sides that hold what the program says there.
        verdicts: for each side that does not.
    """

    divergence: Divergence
    sides: tuple[str, str]
    history: tuple[HistoryRow, ...]
    listing: tuple[InstructionRow, ...]
    follows: tuple[str, ...]
    verdicts: tuple[Verdict, ...]

    @property
    def cause(self) -> Cause | None:
        """The best cause of the first side that is off."""
        return next((verdict.causes[0] for verdict in self.verdicts if verdict.causes), None)


def explain(
    program: Program,
    at: Divergence,
    left: Recorded,
    right: Recorded,
    *,
    extra: Sequence[Hypothesis] = (),
    budget_s: float = 30.0,
) -> Explanation:
    """Explain a divergence.

    Args:
        program: what both sides should have followed; of two programs the left.
        at: the first divergence of the two.
        left, right: what they recorded.
        extra: hypotheses beside the usual mistakes.
        budget_s: for the search of causes.
    """
    follows, verdicts = [], []
    for side in (left, right):
        case = single_out(program, at, side)
        if reproduces(definition(case.program), case, at):
            follows.append(side.name)
        else:
            causes = find_causes(program, at, side, extra, budget_s)
            verdicts.append(Verdict(side.name, tuple(detailed(program, at, side, cause) for cause in causes)))
    off = right if verdicts and verdicts[0].side == right.name else left
    best = next((verdict.causes[0] for verdict in verdicts if verdict.causes), None)
    rows = _listing(program, at, left, right, off, best)
    history = tuple(_history(at, left, right))
    return Explanation(at, (left.name, right.name), history, rows, tuple(follows), tuple(verdicts))


def _history(at: Divergence, left: Recorded, right: Recorded) -> list[HistoryRow]:
    """Every quantity of the neuron that a side recorded, from a few steps before to the divergence."""
    prefix = quantity(at.population, "")
    keys = [key for key in {**left.values, **right.values} if key.startswith(prefix)]
    keys.sort(key=lambda key: key.endswith(f".{MESSAGE}"))
    rows = []
    for step in range(max(0, at.step - STEPS_BEFORE), at.step + 1):
        for key in keys:
            register = key.removeprefix(prefix)
            rows.append(HistoryRow(step, register, _recorded(left, key, step, at), _recorded(right, key, step, at)))
    return rows


def _recorded(side: Recorded, key: str, step: int, at: Divergence) -> Numbers | None:
    if key not in side.values:
        return None
    return numbers(side.values[key][at.sample, step, at.neuron], at)


def _listing(
    program: Program, at: Divergence, left: Recorded, right: Recorded, off: Recorded, best: Cause | None
) -> tuple[InstructionRow, ...]:
    case = single_out(program, at, off)
    meaning = definition(case.program)
    known = moment(meaning, case, at)
    if known is None:
        return ()
    listing = meaning.listings[at.population]
    other = _under(program, at, off, best)
    stored, needed = _results(listing), _needed(listing, at.register)
    rows = _port_rows(known, other, at)
    parted = any(row.parts for row in rows)
    for instruction in listing.instructions:
        value = numbers(known[instruction.result], at)
        cause = numbers(other[instruction.result], at) if other and instruction.result in other else None
        key = quantity(at.population, stored.get(instruction.result, "?"))
        parts = not parted and _differs(value, cause)
        parted = parted or parts
        operands = tuple(numbers(operand_value(known, operand), at) for operand in instruction.operands)
        both = _recorded(left, key, at.step, at), _recorded(right, key, at.step, at)
        bears = instruction.result in needed
        rows.append(InstructionRow(str(instruction), operands, value, *both, cause, parts, bears))
    return tuple(rows)


def _needed(listing: Listing, register: str) -> set[str]:
    """The results that a register, or the message, hangs on, its own too."""
    last = listing.message if register == MESSAGE else listing.registers.get(register, listing.kept.get(register))
    needed = {str(last)}
    for instruction in reversed(listing.instructions):
        if instruction.result in needed:
            needed |= {str(operand) for operand in instruction.operands}
    return needed


def _differs(value: Numbers, cause: Numbers | None) -> bool:
    return cause is not None and cause != value


def _port_rows(known: Mapping[str, Value], other: Mapping[str, Value] | None, at: Divergence) -> list[InstructionRow]:
    """What arrived at each port, and what would have arrived under the cause."""
    rows = []
    for name in [name for name in known if name.startswith("port.")]:
        value = numbers(known[name], at)
        cause = numbers(other[name], at) if other is not None else None
        rows.append(InstructionRow(name, (), value, cause=cause, parts=_differs(value, cause)))
    return rows


def _results(listing: Listing) -> dict[str, str]:
    """Result -> the register that is recorded as it, or the message."""
    found = {result: register for register, result in listing.kept.items() if register not in listing.registers}
    found |= {str(operand): register for register, operand in listing.registers.items()}
    return {str(listing.message): MESSAGE} | found


def _under(program: Program, at: Divergence, off: Recorded, cause: Cause | None) -> dict[str, Value] | None:
    """The diverging step of the neuron alone under a cause."""
    if cause is None:
        return None
    case = single_out(cause.hypothesis.prepare(program), at, off)
    return moment(cause.hypothesis.alter(definition(case.program)), case, at)
