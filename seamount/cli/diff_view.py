"""What `seamount diff` prints: tables for people, one JSON object for programs."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from seamount.rerun.diff import Outcome
from simulators.microscope.causes import Cause
from simulators.microscope.detail import Numbers
from simulators.microscope.explain import Explanation, Verdict

MAX_MODES = 4
MAX_CAUSES = 5
MAX_DIFFERENCES = 12


def print_outcome(outcome: Outcome, console: Console) -> None:
    """Print everything that was found."""
    comparison = outcome.found.comparison
    left, right = outcome.sides
    counted = f"{comparison.total_compared:,} values of {comparison.samples} samples x {comparison.steps} steps"
    _line(console, f"{left} against {right}: {comparison.mismatches:,} of {counted} differ")
    _differences(outcome, console)
    explanation = outcome.found.explanation
    if explanation is not None:
        _line(console, f"first at {explanation.divergence}")
        console.print(_history(explanation, outcome.sides))
        console.print(_listing(explanation, outcome.sides))
        for verdict in explanation.verdicts:
            _verdict(verdict, explanation, console)
    _smallest(outcome, console)


def _line(console: Console, text: str) -> None:
    console.print(text, markup=False, soft_wrap=True)


def _differences(outcome: Outcome, console: Console) -> None:
    found = outcome.found.differences
    for difference in found[:MAX_DIFFERENCES]:
        _line(console, f"  {difference}")
    if len(found) > MAX_DIFFERENCES:
        _line(console, f"  and {len(found) - MAX_DIFFERENCES} more parts")


def _history(explanation: Explanation, sides: tuple[str, str]) -> Table:
    at = explanation.divergence
    mode = "" if at.mode is None else f", mode {at.mode}"
    table = Table("step", "register", *map(escape, sides), title=escape(f"{at.population}[{at.neuron}{mode}]"))
    for row in explanation.history:
        differs = row.left is not None and row.right is not None and row.left != row.right
        step = str(row.step) + (" <" if differs else "")
        table.add_row(step, row.register, _text(row.left), _text(row.right), style="bold" if differs else "")
    return table


def _listing(explanation: Explanation, sides: tuple[str, str]) -> Table:
    """The instructions that the diverging value hangs on; what both sides are known to hold stands beside."""
    title = f"step {explanation.divergence.step}, from the common state before"
    table = Table("", "instruction", "operands", "program", *map(escape, sides), "cause", title=title)
    for column in table.columns:
        column.overflow = "fold"  # on a narrow terminal numbers are broken, never cut
    for row in [row for row in explanation.listing if row.bears]:
        operands = ", ".join(map(_text, row.operands))
        values = (_text(value) for value in (row.value, row.left, row.right, row.cause))
        table.add_row(">" if row.parts else "", row.text, operands, *values, style="bold" if row.parts else "")
    return table


def _text(numbers: Numbers | None) -> str:
    if numbers is None:
        return ""
    if len(numbers) == 1:
        return str(numbers[0])
    more = " .." if len(numbers) > MAX_MODES else ""
    return " ".join(map(str, numbers[:MAX_MODES])) + more


def _verdict(verdict: Verdict, explanation: Explanation, console: Console) -> None:
    follows = f"; {', '.join(explanation.follows)} is what the program says" if explanation.follows else ""
    if not verdict.causes:
        _line(console, f"{verdict.side}: cause unknown, no mistake that was tried gives its value{follows}")
        return
    best = verdict.causes[0]
    _line(console, f"{verdict.side}: {best.hypothesis.mistake}, in {best.hypothesis.site}{follows}")
    if best.detail:
        _line(console, f"  {best.detail}")
    table = Table("cause", "where", "explains", "until step", title="causes tried that give the diverging value")
    for cause in verdict.causes[:MAX_CAUSES]:
        until = "end" if cause.holds_until is None else str(cause.holds_until)
        explains = f"{cause.explained:,} of {cause.total:,}"
        table.add_row(escape(cause.hypothesis.mistake), escape(cause.hypothesis.site), explains, until)
    console.print(table)
    ties = sum(cause.explained == best.explained for cause in verdict.causes) - 1
    if ties:
        _line(console, f"  {ties} more explain as much: this run cannot tell them apart")
    if not best.complete:
        _line(console, "  it does not explain everything: there is another cause besides, or it is a part of one")


def _smallest(outcome: Outcome, console: Console) -> None:
    shrunk = outcome.found.shrunk
    if shrunk is None:
        if outcome.no_smaller:
            _line(console, outcome.no_smaller)
        return
    facts = _case(outcome)
    size = ", ".join(f"{facts[key]} {key}" for key in ("samples", "steps", "populations", "neurons", "synapses"))
    _line(console, f"smallest case: {size}, {facts['payloads']} payloads; {shrunk.case.divergence}")
    if shrunk.exhausted:
        _line(console, "  the budget ran out before it stopped shrinking; a greater --budget may make it smaller")
    _line(console, f"  seamount diff {outcome.repro}")


def _case(outcome: Outcome) -> dict[str, Any]:
    assert outcome.found.shrunk is not None
    case = outcome.found.shrunk.case
    return {
        "samples": next(iter(case.inputs.values())).shape[0],
        "steps": case.steps,
        "populations": len(case.program.populations),
        "neurons": sum(population.size for population in case.program.populations),
        "synapses": sum(int(p.connection.nonzero_fan_out().sum()) for p in case.program.projections),
        "payloads": sum(int((values != 0).sum()) for values in case.inputs.values()),
        "divergence": asdict(case.divergence),
        "runs": outcome.found.shrunk.runs,
        "exhausted": outcome.found.shrunk.exhausted,
    }


def outcome_dict(outcome: Outcome) -> dict[str, Any]:
    """Everything that was found, as plain data."""
    comparison, explanation = outcome.found.comparison, outcome.found.explanation
    facts: dict[str, Any] = {
        "equal": comparison.equal,
        "sides": list(outcome.sides),
        "samples": comparison.samples,
        "steps": comparison.steps,
        "values_compared": dict(comparison.values_compared),
        "mismatches": comparison.mismatches,
        "differences": [str(difference) for difference in outcome.found.differences],
        "divergence": None if comparison.first is None else asdict(comparison.first),
        "smallest": None if outcome.found.shrunk is None else _case(outcome),
        "repro": None if outcome.repro is None else str(outcome.repro),
        "no_smaller": outcome.no_smaller,
    }
    return facts | (_explained(explanation) if explanation is not None else {})


def _explained(explanation: Explanation) -> dict[str, Any]:
    return {
        "history": [asdict(row) for row in explanation.history],
        "listing": [asdict(row) for row in explanation.listing],
        "follows": list(explanation.follows),
        "verdicts": [
            {"side": verdict.side, "causes": [_cause(cause) for cause in verdict.causes]}
            for verdict in explanation.verdicts
        ],
    }


def _cause(cause: Cause) -> dict[str, Any]:
    return {
        "mistake": cause.hypothesis.mistake,
        "where": cause.hypothesis.site,
        "detail": cause.detail,
        "explained": cause.explained,
        "total": cause.total,
        "holds_until": cause.holds_until,
    }
