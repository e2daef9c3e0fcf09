"""The float network's decisions: its NIR graph interpreted, and where that takes long, its units beside it.

The interpreter is the reference for what the float network does, and slow on purpose. The units that the graph was
lowered to are the same equations in their lowest terms, compiled: where the interpreter can run only a few samples of a
long task, the units run more, if they give what it gives on those few.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from seamount.build.job import Placed
from seamount.build.score import Score, score_steps
from seamount.samples import Samples, spread
from toolchain.frontend.conventions import Conventions
from toolchain.frontend.execute import by_input, run
from toolchain.frontend.graph import FloatArray, Graph
from toolchain.host.decode import at_last_step, float_step_outputs
from toolchain.ir.integer import IntArray
from toolchain.ir.program import Program
from toolchain.lower.floating import FloatNetwork, float_network, run_units

NIR_UPDATES = 1 << 31
"""States times steps times samples that the interpreter runs where nothing else can: half a minute."""
HELD_UPDATES = 1 << 29
"""The same where the units run more."""
NIR_WORDS = 1 << 24
"""Values of the widest signal that it holds at once."""
UNIT_UPDATES = 1 << 32
"""Updates of neurons and modes that the units run in its place: about ten seconds."""
UNIT_WORDS = 1 << 24
"""Values of all signals that they hold at once: 128 MiB."""
SAME = 1e-9
"""Greatest difference of equal outputs, as a share of the greatest: sums are taken in another order."""


@dataclass(frozen=True, eq=False)
class FloatRung:
    """What the float network decided.

    Attributes:
        score: against the labels.
        rows: which of the samples ran, (sample,).
        classes: how each was decided at its own last step, (sample,).
        note: which samples ran, and how; empty where the interpreter ran them all.
        parted: how the units differ from the interpreter, in words; empty where they do not, or did not run.
    """

    score: Score
    rows: IntArray
    classes: IntArray
    note: str = ""
    parted: str = ""


@dataclass(frozen=True, eq=False)
class NirNetwork:
    """The float network as NIR, with its outputs read as those of its program are.

    Attributes:
        graph: as read.
        conventions: what NIR leaves open.
        program: what it became.
    """

    graph: Graph
    conventions: Conventions
    program: Program

    @classmethod
    def of(cls, placed: Placed) -> NirNetwork:
        """That of a build."""
        return cls(placed.graph, placed.conventions, placed.program)

    def score(self, samples: Samples) -> Score:
        """Its decisions against the labels."""
        return _decided(self.outputs(samples))[0]

    def outputs(self, samples: Samples) -> Iterator[tuple[Samples, FloatArray]]:
        """Some samples at a time, with what the interpreter gives at each step, (sample, step, neuron)."""
        graph = self.graph
        widest = max(int(np.prod(node.output_shape)) for node in graph.nodes.values())
        end = graph.of_kind("Output")[_place(self.program, samples)].name
        for part in _parts(samples, widest, NIR_WORDS):
            _, found = run(graph, by_input(graph, part.values()), self.conventions, record=[end])
            yield part, float_step_outputs(self.program.output(samples.output), found[end])


def float_rung(placed: Placed, test: Samples, whole: int, asked: int | None) -> FloatRung:
    """Run the float network on labelled samples.

    Args:
        placed: the network.
        test: the samples that the program ran.
        whole: how many the test set has.
        asked: on how many of them to interpret the graph and nothing else; None for what takes reasonable time.
    """
    few = spread(len(test), asked or interpretable(placed.graph, test, HELD_UPDATES))
    checked = test.chosen(few)
    if asked or len(few) == len(test):
        found = _decided(NirNetwork.of(placed).outputs(checked))
        return FloatRung(found[0], few, found[1], "" if len(few) == whole else f"{len(few)} of {whole} test samples")
    network = placed.compiled.network
    floats = float_network(network)
    score, classes, difference = _held(placed, floats, checked)
    if difference > SAME:
        parted = f"units differ from the NIR interpreter by {difference:.2g} of the outputs, on {len(few)} samples"
        return FloatRung(score, few, classes, f"{len(few)} of {whole} test samples", parted)
    a_sample = test.steps * sum(unit.updates for unit in network.units)
    more = spread(len(test), min(len(test), max(len(few), UNIT_UPDATES // a_sample)))
    score, classes = _decided(_by_units(placed, floats, test.chosen(more)))
    note = "" if len(more) == whole else f"{len(more)} of {whole} test samples, "
    note += f"by units equal to the NIR interpreter on {len(few)}"
    return FloatRung(score, more, classes, note)


def interpretable(graph: Graph, test: Samples, updates: int = NIR_UPDATES) -> int:
    """How many samples the interpreter of NIR runs with so many updates, at least one, at most all."""
    states = sum(int(np.prod(node.output_shape)) for node in graph.nodes.values())
    return min(len(test), max(1, updates // (states * test.steps)))


def _decided(ran: Iterator[tuple[Samples, FloatArray]]) -> tuple[Score, IntArray]:
    """What outputs say against the labels, and the decision at each sample's own last step."""
    scores, classes = list[Score](), list[IntArray]()
    for part, outputs in ran:
        scores.append(score_steps(outputs, part))
        classes.append(at_last_step(outputs, part.lengths).argmax(axis=1))
    return sum(scores[1:], scores[0]), np.concatenate(classes)


def _held(placed: Placed, floats: FloatNetwork, samples: Samples) -> tuple[Score, IntArray, float]:
    """The interpreter's score and decisions, and how far the units are from its outputs, as a share of the greatest."""
    ran = list(NirNetwork.of(placed).outputs(samples))
    difference, greatest = 0.0, 1e-300
    for part, outputs in ran:
        for _, others in _by_units(placed, floats, part, len(part)):
            difference = max(difference, float(np.abs(others - outputs).max()))
        greatest = max(greatest, float(np.abs(outputs).max()))
    return *_decided(iter(ran)), difference / greatest


def _by_units(
    placed: Placed, floats: FloatNetwork, samples: Samples, together: int = 0
) -> Iterator[tuple[Samples, FloatArray]]:
    """As `NirNetwork.outputs`, by the units; `together` samples at a time, else as many as memory is for."""
    network = placed.compiled.network
    unit = network.outputs[_place(placed.program, samples)]
    output = placed.program.output(samples.output)
    words = sum(each.size for each in network.units)
    for part in _parts(samples, words, together * words * samples.steps or UNIT_WORDS):
        yield part, float_step_outputs(output, run_units(floats, part.values())[unit])


def _place(program: Program, samples: Samples) -> int:
    """Which of the outputs the samples' labels are of."""
    return [output.name for output in program.outputs].index(program.output(samples.output).name)


def _parts(samples: Samples, widest: int, words: int) -> Iterator[Samples]:
    together = max(1, words // (widest * samples.steps))
    return (samples.chosen(slice(start, start + together)) for start in range(0, len(samples), together))
