"""Accuracy at every rung: the trained network, its NIR form, the integer program, the backends.

On long tasks the float network runs a sample of the test set (`float_rung.py`); what ran is said beside each figure.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from seamount.build.float_rung import FloatRung, float_rung
from seamount.build.job import Placed, Runs
from seamount.build.score import Score, score_classes
from seamount.build.whole import score_trace
from seamount.events import Event, Tell
from seamount.options import Options
from seamount.samples import Samples, spread
from toolchain.report.evidence import MOST_CLASSES, MOST_FLIPS, Accuracy, Decisions, Flip

RUNGS = ("lava", "onnx")
"""The backends whose accuracy on the compared samples is reported; fast runs the whole test set already."""


@dataclass(frozen=True)
class Measured:
    """What the labels say.

    Attributes:
        accuracies: a row a rung.
        decisions: of the program beside the float network's; None without one label a sample.
    """

    accuracies: tuple[Accuracy, ...] = ()
    decisions: Decisions | None = None


def measure_accuracy(network: Placed, runs: Runs, options: Options, tell: Tell) -> Measured:
    """Correct decisions at every rung that has labels."""
    test, source = network.source.test, network.source
    if test.y is None or runs.score is None:
        tell(Event("accuracy", "not measured: the data have no labels y"))
        return Measured()
    chosen = f"{len(test)} of {source.test_samples} test samples" if len(test) < source.test_samples else ""
    found, decisions = list[Accuracy](), None
    for part in test.by_output():
        own, floats = _rows(network, runs, part, options, tell)
        if part.output == test.output:
            own = [*_trained(network, chosen), *own]
            decisions = None if part.per_step else _decisions(network, runs, floats)
        numbers: dict[str, Any] = {row.rung: {"correct": row.correct, "of": row.samples} for row in own}
        name, several = network.program.output(part.output).name, len(network.program.outputs) > 1
        tell(Event("accuracy", (f"{name}: " if several else "") + ", ".join(map(_text, own)), numbers))
        found += [row.model_copy(update={"output": name}) for row in own] if several else own
    return Measured(tuple(found), decisions)


def _decisions(network: Placed, runs: Runs, floats: FloatRung) -> Decisions:
    """The program's decisions on all samples, beside those of the float network where it ran."""
    test, before, rows, after = network.source.test, floats.classes, floats.rows, runs.classes
    assert test.y is not None
    classes = 1 + int(max(after.max(), test.y.max(), before.max()))
    confusion = np.zeros((classes, classes), dtype=np.int64)
    np.add.at(confusion, (test.y, after), 1)
    other = np.flatnonzero(before != after[rows])
    indices = spread(network.source.test_samples, len(test))[rows]
    flips = tuple(
        Flip(sample=int(indices[i]), label=int(test.y[rows[i]]), before=int(before[i]), after=int(after[rows[i]]))
        for i in other[:MOST_FLIPS]
    )
    shown = tuple(map(tuple, confusion.tolist())) if classes <= MOST_CLASSES else ()
    return Decisions(samples=len(test), confusion=shown, compared=len(rows), flips=flips, flipped=len(other))


def _rows(network: Placed, runs: Runs, test: Samples, options: Options, tell: Tell) -> tuple[list[Accuracy], FloatRung]:
    """One output's decisions as NIR, as integers and on the backends."""
    whole = network.source.test_samples
    chosen = f"{len(test)} of {whole} test samples" if len(test) < whole else ""
    floats = float_rung(network, test, whole, options.nir_samples)
    if floats.parted:
        tell(Event("warning", f"float network: {floats.parted}"))
    found = [_row("nir", floats.score, floats.note), _row("integer", runs.scores[test.output], chosen)]
    for name in RUNGS:
        if name in runs.foreign:
            score = score_trace(network.program, runs.foreign[name], test.chosen(runs.chosen))
            found.append(_row(name, score, "the compared samples"))
    return found, floats


def _trained(network: Placed, note: str) -> list[Accuracy]:
    """The trained network: run again where that is quick, else as its card has it."""
    source = network.source
    if source.float_classes is not None:
        classes = source.float_classes(source.test.values())
        return [_row("float", score_classes(classes, source.test), note)]
    if source.card is None:
        return []
    correct = round(source.card.accuracy * source.card.samples)
    card = Score(correct, source.card.samples)
    row = _row("float", card, "as its card says, whole test set; not run here")
    return [row.model_copy(update={"bits_per_symbol": source.card.bits})]


def _row(rung: str, score: Score, note: str) -> Accuracy:
    fields = {"rung": rung, "correct": score.correct, "samples": score.counted}
    return Accuracy.model_validate(fields | {"bits_per_symbol": score.bits_per_symbol, "note": note})


def _text(row: Accuracy) -> str:
    bits = "" if row.bits_per_symbol is None else f", {row.bits_per_symbol:.4f} bits a symbol"
    note = f" ({row.note})" if row.note else ""
    return f"{row.rung} {100 * row.fraction:.2f} % of {row.samples}{bits}{note}"
