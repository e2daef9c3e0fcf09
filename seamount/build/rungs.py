"""Accuracy at every rung: the trained network, its NIR form, the integer program, the backends.

The interpreter of NIR is slow on purpose, so that on long tasks it runs a sample of the test set; what ran is said
beside each figure.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from seamount.build.job import Placed, Runs
from seamount.build.score import Score, score_classes, score_steps
from seamount.build.whole import score_trace
from seamount.events import Event, Tell
from seamount.options import Options
from seamount.samples import Samples, spread
from toolchain.frontend.conventions import Conventions
from toolchain.frontend.execute import by_input, run
from toolchain.frontend.graph import FloatArray, Graph
from toolchain.host.decode import float_step_outputs
from toolchain.ir.program import Program
from toolchain.report.evidence import Accuracy

RUNGS = ("lava", "onnx")
"""The backends whose accuracy on the compared samples is told; fast runs the whole test set already."""

NIR_UPDATES = 1 << 31
"""States times steps times samples that the interpreter runs unless told otherwise: about a minute."""
NIR_WORDS = 1 << 24
"""Values of the widest signal that it holds at once."""


def accuracies(network: Placed, runs: Runs, options: Options, tell: Tell) -> tuple[Accuracy, ...]:
    """Correct decisions at every rung that has labels."""
    test, source = network.source.test, network.source
    if test.y is None or runs.score is None:
        tell(Event("accuracy", "not measured: the data have no labels y"))
        return ()
    chosen = f"{len(test)} of {source.test_samples} test samples" if len(test) < source.test_samples else ""
    found = []
    for part in test.by_output():
        own = [*(_trained(network, chosen) if part.output == test.output else []), *_rows(network, runs, part, options)]
        numbers: dict[str, Any] = {row.rung: {"correct": row.correct, "of": row.samples} for row in own}
        name, several = network.program.output(part.output).name, len(network.program.outputs) > 1
        tell(Event("accuracy", (f"{name}: " if several else "") + ", ".join(map(_text, own)), numbers))
        found += [row.model_copy(update={"output": name}) for row in own] if several else own
    return tuple(found)


def _rows(network: Placed, runs: Runs, test: Samples, options: Options) -> list[Accuracy]:
    """One output's decisions as NIR, as integers and on the backends."""
    whole = network.source.test_samples
    chosen = f"{len(test)} of {whole} test samples" if len(test) < whole else ""
    rows = spread(len(test), options.nir_samples or interpretable(network.graph, test))
    note = chosen if len(rows) == len(test) else f"{len(rows)} of {whole} test samples"
    score = nir_score(network.graph, network.conventions, network.program, test.chosen(rows))
    found = [_row("nir", score, note), _row("integer", runs.scores[test.output], chosen)]
    for name in RUNGS:
        if name in runs.foreign:
            score = score_trace(network.program, runs.foreign[name], test.chosen(runs.chosen))
            found.append(_row(name, score, "the compared samples"))
    return found


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


def interpretable(graph: Graph, test: Samples) -> int:
    """How many samples the interpreter of NIR runs in about a minute, at most all."""
    states = sum(int(np.prod(node.output_shape)) for node in graph.nodes.values())
    return min(len(test), max(1, NIR_UPDATES // (states * test.steps)))


def nir_score(graph: Graph, conventions: Conventions, program: Program, samples: Samples) -> Score:
    """The float network as NIR, read as the program's output is."""
    scores = [score_steps(outputs, part) for part, outputs in interpreted(graph, conventions, program, samples)]
    return sum(scores[1:], scores[0])


def interpreted(
    graph: Graph, conventions: Conventions, program: Program, samples: Samples
) -> Iterator[tuple[Samples, FloatArray]]:
    """Some samples at a time, with what the float network gives at each step, (sample, step, neuron)."""
    widest = max(int(np.prod(node.output_shape)) for node in graph.nodes.values())
    together = max(1, NIR_WORDS // (widest * samples.steps))
    place = [output.name for output in program.outputs].index(program.output(samples.output).name)
    end = graph.of_kind("Output")[place].name
    for start in range(0, len(samples), together):
        part = samples.chosen(slice(start, start + together))
        _, found = run(graph, by_input(graph, part.values()), conventions, record=[end])
        yield part, float_step_outputs(program.output(samples.output), found[end])
