"""`seamount check`: what a file holds, what is repaired or guessed, what becomes of each node, what stands in the way.

Without data nothing is quantized: nodes, conventions and the shape of the program are looked at, in a second or two.
With calibration data the network is compiled and placed; with what the framework gave it is held against that.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from seamount.given import refuse_labels, samples_of
from seamount.ports import Ports
from seamount.samples import Samples
from toolchain.errors import InputError, ToolchainError
from toolchain.frontend.conventions import ASSUMED, conventions_for
from toolchain.frontend.discretize import discretize
from toolchain.frontend.expected import Agreement, agreement, fits, read_expected
from toolchain.frontend.graph import Finding, Graph
from toolchain.frontend.primitives import STATEFUL
from toolchain.frontend.producers import recognise
from toolchain.frontend.read import read_nir
from toolchain.frontend.rules import Conventions
from toolchain.lower.pipeline import Compiled, compile_graph
from toolchain.mapping import Target, load_target, place
from toolchain.passes.pipeline import DEFAULT, run_passes
from toolchain.units.base import Head
from toolchain.units.collapse import find_heads, find_network
from toolchain.units.network import Network
from toolchain.units.reading import Reading

_SHOWN_FITS = 3


@dataclass(frozen=True)
class NodeRow:
    """One NIR node.

    Attributes:
        name, kind: as read.
        shape: of what leaves it.
        parameters: how many numbers it holds.
        becomes: its place in a program; "" where that could not be found out.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    parameters: int
    becomes: str


@dataclass(frozen=True)
class Checked:
    """What was found out of a file.

    Attributes:
        file: its path.
        nodes: in order.
        conventions: name and time step that were taken.
        repairs, notes: findings of the reader and of the conventions, as lines.
        guesses: who may have written it, as lines.
        refusals: what cannot be deployed, and why.
        limits: of the target, what is used of them or exceeds them, as lines.
        rates: share of steps with a message on the calibration data, by population.
        agreement: with the framework, as a line; "" where it was not compared.
        agrees: whether it does; None where it was not compared.
        fits: the presets that fit best, and how many values differ under each.
    """

    file: str
    nodes: tuple[NodeRow, ...]
    conventions: Mapping[str, Any]
    repairs: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    guesses: tuple[str, ...] = ()
    refusals: tuple[str, ...] = ()
    limits: tuple[str, ...] = ()
    rates: Mapping[str, float] | None = None
    agreement: str = ""
    agrees: bool | None = None
    fits: tuple[tuple[str, int], ...] = ()

    @property
    def ok(self) -> bool:
        """Whether nothing is refused and nothing differs from the framework."""
        return not self.refusals and self.agrees is not False

    def as_dict(self) -> dict[str, Any]:
        """All fields, for JSON."""
        return {**asdict(self), "ok": self.ok}

    def lines(self) -> Iterator[str]:
        """The report for people."""
        yield f"{self.file}: {len(self.nodes)} nodes, {sum(row.parameters for row in self.nodes):,} parameters"
        wide = max((len(row.name) for row in self.nodes), default=0)
        for row in self.nodes:
            shape = "x".join(map(str, row.shape)) or "scalar"
            yield f"  {row.name:{wide}}  {row.kind:12}{shape:>12}{row.parameters:>12,}  {row.becomes}"
        yield f"convention  {self.conventions['name']}, dt {self.conventions['dt']:g} s"
        for title, found in self._sections():
            yield from (f"{title:12}{line}" for line in found)
        yield "nothing stands in the way" if self.ok else "cannot be deployed as it is"

    def _sections(self) -> Iterator[tuple[str, tuple[str, ...]]]:
        yield "repaired", self.repairs
        yield "note", self.notes
        yield "guess", self.guesses
        yield "rate", tuple(f"{name}: {100 * rate:.3g} % of steps" for name, rate in (self.rates or {}).items())
        yield "limit", self.limits
        if self.agrees is not None:
            yield "framework", (f"{'agrees' if self.agrees else 'DIFFERS'}: {self.agreement}",)
            yield "fits", tuple(f"--convention {name}: {wrong:,} values differ" for name, wrong in self.fits)
        yield "REFUSED", self.refusals


@dataclass(frozen=True)
class Question:
    """What to check a file for.

    Attributes:
        convention, dt: as for `deploy`.
        target: name or path of a chip.
        calibrate: npz with x; None compiles nothing.
        expect: npz of what the framework made of x.
    """

    convention: str | None = None
    dt: float | None = None
    target: str = "loihi2"
    calibrate: Path | None = None
    expect: Path | None = None


def check(path: Path, question: Question) -> Checked:
    """Look at a file.

    Raises:
        InputError: the file cannot be read at all, or an option is none.
    """
    graph = read_nir(path)
    conventions = conventions_for(graph, question.convention, dt=question.dt)
    if question.expect is not None and question.calibrate is None:
        raise InputError("--expect", "needs the samples that the framework was given", "add --calibrate data.npz")
    data = None if question.calibrate is None else samples_of(question.calibrate, Ports.of_graph(graph))
    read = _Read(graph, conventions)
    network, refusals = read.collapsed()
    target = load_target(question.target)
    compiled = _Compiled(read, data, target) if data is not None and network is not None else None
    compared = read.compared(data, question)
    return Checked(
        file=path.name,
        nodes=read.rows(network),
        conventions={"name": conventions.name, "dt": conventions.dt},
        repairs=tuple(str(f) for f in graph.findings if f.severity == "repair"),
        notes=(*map(str, read.notes(checked=bool(compared.get("agrees")))), *(compiled.notes if compiled else ())),
        guesses=tuple(f"{found.reason} ({', '.join(found.presets)})" for found in recognise(graph)),
        refusals=(*refusals, *_labels_refused(data, graph), *(compiled.refusals if compiled else ())),
        limits=compiled.limits if compiled else _limits(network, target),
        rates=compiled.rates if compiled else None,
        **compared,
    )


@dataclass(frozen=True)
class _Read:
    """A file as it was read."""

    graph: Graph
    conventions: Conventions

    def notes(self, checked: bool) -> list[Finding]:
        """What was found and is no guess; `checked` leaves out what was assumed, since the framework agrees."""
        found = [*(f for f in self.graph.findings if f.severity != "repair"), *self.conventions.findings]
        left_out = ("looks like", *([ASSUMED] if checked else []))
        return [finding for finding in found if not any(words in finding.what for words in left_out)]

    def collapsed(self) -> tuple[Network | None, list[str]]:
        """The network of units, and everything that stands against one."""
        refusals = []
        for node in self.graph.of_kind(*STATEFUL):
            try:
                discretize(node, self.conventions)
            except ToolchainError as error:
                refusals.append(str(error))
        if refusals:
            return None, refusals
        try:
            return find_network(self.graph, self.conventions), []
        except ToolchainError as error:
            return None, [str(error)]

    def rows(self, network: Network | None) -> tuple[NodeRow, ...]:
        heads = () if network is None else find_heads(Reading.of(self.graph, self.conventions))
        rows = []
        for name, node in self.graph.nodes.items():
            parameters = sum(value.size for value in node.params.values() if isinstance(value, np.ndarray))
            becomes = "" if network is None or node.kind == "Output" else _place(name, heads, network)
            rows.append(NodeRow(name, node.kind, node.output_shape, parameters, becomes))
        return tuple(rows)

    def compared(self, data: Samples | None, question: Question) -> dict[str, Any]:
        """How it agrees with what the framework gave, and what would agree better."""
        if question.expect is None or data is None:
            return {}
        expected = read_expected(question.expect, self.graph)
        values = data.values()
        found = agreement(self.graph, self.conventions, values, expected)
        best = fits(self.graph, values, expected, dt=question.dt, asked=question.convention or "")[:_SHOWN_FITS]
        return {"agreement": str(found), "agrees": found.agrees, "fits": tuple(map(_fit, best))}


def _labels_refused(data: Samples | None, graph: Graph) -> tuple[str, ...]:
    """Labels that no output stands for, as `deploy` refuses them."""
    try:
        if data is not None:
            refuse_labels(data, graph, "calibration")
    except InputError as error:
        return (str(error),)
    return ()


def _silent(network: Network, rates: Mapping[str, float]) -> tuple[str, ...]:
    """Outputs that sent nothing on the calibration data."""
    silent = [name for name in dict.fromkeys(network.outputs) if rates.get(name) == 0]
    cure = "every decision is a tie: look at the time step (--dt), the convention and the scale of the inputs"
    return tuple(f"{name}: silent: this output sends nothing on the calibration data; {cure}" for name in silent)


def _place(name: str, heads: tuple[Head, ...], network: Network) -> str:
    """The unit that a node becomes or is a part of, or the synapses that it becomes."""
    for unit in network.units:
        kind = type(unit).__name__
        if name == unit.origin:
            return f"{kind} {unit.name}, {unit.size}"
        if any(name in head.covers and unit.origin in head.covers for head in heads):
            return f"part of {kind} {unit.name}"
    links = [link for link in network.links if name in link.origin.split("+")]
    if not links:
        return "passes through"
    more = f" and {len(links) - 1} more" if len(links) > 1 else ""
    return f"synapses {links[0].source} -> {links[0].target}{more}"


def _limits(network: Network | None, target: Target) -> tuple[str, ...]:
    """What can be said of a target before anything is quantized."""
    if network is None:
        return ()
    lines = []
    axons, neurons = target.limits.of("axon_in"), target.limits.of("neurons")
    for unit in network.units:
        fan_in = sum(int(np.diff(link.weights.indptr).max(initial=0)) for link in network.into(unit.name))
        if axons is not None and fan_in > axons:
            lines.append(f"{unit.name}: {fan_in:,} inputs of one neuron, {target.name} takes {axons:,} axons a core")
    count = sum(unit.size for unit in network.populations)
    least = -(-count // neurons) if neurons else 0
    lines.append(f"{count:,} neurons: at least {least} of {target.cores_per_chip.whole} cores of {target.name}")
    return tuple(lines)


class _Compiled:
    """The network compiled on data and placed, or why not."""

    def __init__(self, read: _Read, data: Samples, target: Target) -> None:
        self.refusals: tuple[str, ...] = ()
        self.limits: tuple[str, ...] = ()
        self.notes: tuple[str, ...] = ()
        self.rates: dict[str, float] | None = None
        try:
            compiled = compile_graph(read.graph, read.conventions, data.values())
            self.rates = {name: seen.rate for name, seen in compiled.calibration.units.items()}
            self.notes = _silent(compiled.network, self.rates)
            self.limits = self._placed(compiled, target)
        except ToolchainError as error:
            self.refusals = (str(error),)

    @staticmethod
    def _placed(compiled: Compiled, target: Target) -> tuple[str, ...]:
        placement = place(run_passes(compiled.lowered.program, DEFAULT, lambda _: None).program, target)
        fullest = f"core {placement.fullest_core} fullest in {placement.limiting_resource}"
        used = f"{len(placement.cores)} of {target.cores_per_chip.whole} cores of {target.name}, {fullest}"
        return (used, *compiled.lowered.findings)


def _fit(found: Agreement) -> tuple[str, int]:
    return found.conventions.name, found.differing
