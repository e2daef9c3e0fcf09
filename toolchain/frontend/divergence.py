"""The first place where a graph's float run and its framework's own part, and whether rounding alone explains it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from toolchain.errors import ConformanceError
from toolchain.frontend.discretize import discretize
from toolchain.frontend.execute import VOLTAGE, run
from toolchain.frontend.graph import Finding, FloatArray, Graph
from toolchain.frontend.primitives import SPIKING, STATEFUL
from toolchain.frontend.rules import Conventions

Traces = Mapping[str, FloatArray]
"""What each node sent, (sample, step, *shape)."""

TIE = 1e-5
"""Share of a threshold within which sums of float32 in another order decide whether a neuron spikes."""
TIES = 1e-4
"""Share of the values compared that may be the first to part in their sample at such a tie; one may always."""
CLOSE = 1e-4
"""Difference of a voltage that a network puts out, relative to the greatest, that rounding to float32 explains."""


@dataclass(frozen=True)
class Compared:
    """A float run against its framework's.

    Attributes:
        samples, steps: that were run.
        layers: nodes compared.
        values, spikes: compared, and spikes of the framework among them.
        differing: values that differ, all after ties.
        ties: samples that part at a tie.
        largest: difference of voltages that are put out, relative to the greatest; None where none are.
    """

    samples: int
    steps: int
    layers: int
    values: int
    spikes: int
    differing: int = 0
    ties: int = 0
    largest: float | None = None

    def __str__(self) -> str:
        said = f"{self.samples} samples of {self.steps} steps, {self.layers} layers, {self.spikes:,} spikes: "
        said += f"{self.differing:,} of {self.values:,} values differ"
        if self.ties:
            said += f", after {self.ties} ties within {TIE:g} of a threshold"
        return said + (f"; voltages within {self.largest:.1g} of the greatest" if self.largest is not None else "")


def compare(
    graph: Graph,
    conventions: Conventions,
    x: FloatArray,
    traces: Traces,
    tool: str,
    reduced: tuple[str, FloatArray] | None = None,
) -> Compared:
    """Run the graph and hold every node against what the framework sent.

    Args:
        graph, conventions: what was made of the framework's network.
        x: its input, (sample, step, *shape of the Input).
        traces: what its layers sent.
        tool: its name, for the message.
        reduced: what it put out, (sample, *shape), where that is a reduction over time: "sum", "mean", "max" or "last",
            but for a positive factor.

    Raises:
        ConformanceError: they part where rounding is no reason: layer, sample, step, neuron and values.
    """
    names = [name for name in graph.nodes if name in traces]
    out, kept = run(graph, x, conventions, record=names)
    spiking = [name for name in names if graph.nodes[name].kind in SPIKING]
    ours = {name: kept[name].reshape(*x.shape[:2], -1) for name in names}
    theirs = {name: traces[name].reshape(*x.shape[:2], -1) for name in names}
    parted = list(_first_divergences(spiking, ours, theirs))
    for name, place in parted:
        if not _is_tie(graph, conventions, x, name, place, theirs[name]):
            _refuse(graph, conventions, x, name, place, theirs[name], tool)
    values = sum(ours[name].size for name in spiking)
    if len(parted) > max(1.0, TIES * values):
        name, place = parted[0]
        _refuse(graph, conventions, x, name, place, theirs[name], tool)
    whole = sorted(set(range(len(x))) - {place[0] for _, place in parted})
    if reduced is not None:
        _check_reduced(out.reshape(*x.shape[:2], -1)[whole], reduced[1].reshape(len(x), -1)[whole], reduced[0], tool)
    largest = max(
        (_voltages(name, ours[name][whole], theirs[name][whole], tool) for name in names if name not in spiking),
        default=None,
    )
    wrong = sum(int(np.sum(ours[name] != theirs[name])) for name in spiking)
    sent = sum(int(np.count_nonzero(theirs[name])) for name in spiking)
    return Compared(len(x), x.shape[1], len(names), values, sent, wrong, len(parted), largest)


def _first_divergences(names: list[str], ours: Traces, theirs: Traces) -> Iterator[tuple[str, tuple[int, int, int]]]:
    """For each sample that parts: the layer, and (sample, step, neuron), of the earliest step and then layer."""
    samples = len(next(iter(ours.values()))) if ours else 0
    for sample in range(samples):
        found = []
        for order, name in enumerate(names):
            wrong = ours[name][sample] != theirs[name][sample]
            if wrong.any():
                step = int(np.argmax(wrong.any(axis=1)))
                found.append((step, order, int(np.argmax(wrong[step]))))
        if found:
            step, order, neuron = min(found)
            yield names[order], (sample, step, neuron)


def _is_tie(
    graph: Graph, conventions: Conventions, x: FloatArray, name: str, place: tuple[int, int, int], theirs: FloatArray
) -> bool:
    """Whether a threshold moved by `TIE` towards the framework's outcome brings it about."""
    sample, step, neuron = place
    node = graph.nodes[name]
    threshold = node.params["v_threshold"]
    moved = np.abs(threshold) * TIE * (-1.0 if theirs[place] else 1.0)
    changed = replace(node, params={**node.params, "v_threshold": threshold + moved})
    near = replace(graph, nodes={**graph.nodes, name: changed})
    _, kept = run(near, x[sample : sample + 1, : step + 1], conventions, record=[name])
    return bool(kept[name].reshape(step + 1, -1)[step, neuron] == theirs[place])


def _refuse(
    graph: Graph,
    conventions: Conventions,
    x: FloatArray,
    name: str,
    place: tuple[int, int, int],
    theirs: FloatArray,
    tool: str,
) -> None:
    sample, step, neuron = place
    record = [name, name + VOLTAGE]
    _, kept = run(graph, x[sample : sample + 1, : step + 1], conventions, record=record)
    voltage, sent = (kept[key].reshape(step + 1, -1)[step, neuron] for key in (name + VOLTAGE, name))
    threshold = discretize(graph.nodes[name], conventions).threshold
    limit = "" if threshold is None else f" against the threshold {np.ravel(threshold)[neuron]:.6g}"
    what = f"parts from {tool} at sample {sample}, step {step}, neuron {neuron}: it sends {theirs[place]:g} there, "
    what += f"{sent:g} here, where the voltage after the step is {voltage:.6g}{limit}"
    remedy = "its forward pass does something that its modules do not say (another first state, noise, a hook)"
    raise ConformanceError(name, what, remedy)


def _check_reduced(out: FloatArray, theirs: FloatArray, word: str, tool: str) -> None:
    """One positive factor leads from our reduction over time to theirs."""
    reductions = {"sum": out.sum(axis=1), "mean": out.mean(axis=1), "max": out.max(axis=1, initial=-np.inf)}
    ours = reductions.get(word, out[:, -1])
    factor = float(np.vdot(ours, theirs)) / max(float(np.vdot(ours, ours)), 1e-30)
    off = np.abs(factor * ours - theirs)
    wide = float(np.abs(theirs).max(initial=0.0))
    if off.max(initial=0.0) > CLOSE * max(wide, 1e-12) or (factor <= 0 and wide):
        sample, neuron = (int(i) for i in np.unravel_index(int(off.argmax()), off.shape))
        what = f"its {word} over time parts from {tool} at sample {sample}, neuron {neuron}: "
        what += f"{theirs[sample, neuron]:.6g} there, {factor * ours[sample, neuron]:.6g} here"
        raise ConformanceError("output", what, "its forward pass does something after its last layer")


def _voltages(name: str, ours: FloatArray, theirs: FloatArray, tool: str) -> float:
    """The greatest difference, relative to the greatest value."""
    if not theirs.size:
        return 0.0
    wide = float(np.abs(theirs).max())
    off = np.abs(ours - theirs)
    if off.max() > CLOSE * max(wide, 1e-12):
        sample, step, neuron = (int(i) for i in np.unravel_index(int(off.argmax()), off.shape))
        what = f"parts from {tool} at sample {sample}, step {step}, neuron {neuron}: "
        what += f"{theirs[sample, step, neuron]:.6g} there, {ours[sample, step, neuron]:.6g} here"
        raise ConformanceError(name, what, "its forward pass does something that its modules do not say")
    return float(off.max() / wide) if wide else 0.0


def lower_bounds(
    graph: Graph, conventions: Conventions, x: FloatArray, bounds: Mapping[str, float]
) -> tuple[Finding, ...]:
    """Findings for lower bounds of voltages that a graph does not keep, where no voltage of the sample fell below.

    Raises:
        ConformanceError: one does.
    """
    findings = []
    names = [name for name in bounds if name in graph.nodes and graph.nodes[name].kind in STATEFUL]
    _, kept = run(graph, x, conventions, record=[name + VOLTAGE for name in names])
    for name in names:
        voltage = kept[name + VOLTAGE].reshape(*x.shape[:2], -1)
        below = voltage < bounds[name]
        if below.any():
            sample, step, neuron = (int(i) for i in np.argwhere(below)[0])
            what = f"{int(below.sum()):,} of {below.size:,} voltages fall below its lower bound {bounds[name]:g}"
            what += f", first at sample {sample}, step {step}, neuron {neuron}"
            raise ConformanceError(name, what, "take the bound away (sinabs: min_v_mem=None) and check the accuracy")
        what = (
            f"its lower bound {bounds[name]:g} of the voltage is not kept; the sample stays above {voltage.min():.3g}"
        )
        findings.append(Finding(name, what, "left out", "loss"))
    return tuple(findings)
