"""What a framework gave for some samples, held against the float network by layer, in classes, preset by preset."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from toolchain.errors import ConformanceError, InputError, ToolchainError
from toolchain.files import UNREADABLE
from toolchain.frontend.conventions import ASSUMED, conventions_for, read_convention
from toolchain.frontend.execute import VOLTAGE, by_input, run
from toolchain.frontend.graph import Finding, FloatArray, Graph
from toolchain.frontend.plain_names import plain_name
from toolchain.frontend.presets import LISTED, PRESETS
from toolchain.frontend.primitives import SPIKING, STATEFUL
from toolchain.frontend.producers import recognise
from toolchain.frontend.rules import Conventions
from toolchain.reading import arrays_of

OUTPUT = ""
"""The name under which the Output's signal is kept."""
TOLERATED = 1e-4
"""Share of values that may differ for sums that a framework adds in another order, in float32."""
_VOLTAGE = 1e-3
"""Difference of a voltage, relative to the layer's greatest, that rounding to float32 explains."""
_TRIED_VALUES = 1 << 22
"""Values of all expected layers with which presets are tried; more samples than fit are left out."""
_KEYS = "spikes, spikes/NODE, voltage/NODE, logits or classes"


@dataclass(frozen=True, eq=False)
class Expected:
    """What the framework gave.

    Attributes:
        spikes: by node name, "" for what the network puts out, (sample, step, neurons).
        voltages: by node name, (sample, step, neurons).
        classes: the decision for each sample, (sample,); None where unknown.
    """

    spikes: Mapping[str, FloatArray] = field(default_factory=dict)
    voltages: Mapping[str, FloatArray] = field(default_factory=dict)
    classes: FloatArray | None = None

    @property
    def samples(self) -> int:
        """How many samples there are."""
        arrays = [*self.spikes.values(), *self.voltages.values(), *([] if self.classes is None else [self.classes])]
        return len(arrays[0])

    def first(self, samples: int) -> Expected:
        """With the first samples alone."""
        return Expected(
            {name: values[:samples] for name, values in self.spikes.items()},
            {name: values[:samples] for name, values in self.voltages.items()},
            None if self.classes is None else self.classes[:samples],
        )


@dataclass(frozen=True)
class LayerAgreement:
    """One layer under some conventions.

    Attributes:
        node: its name, "output" for what leaves the network.
        what: "spikes", "voltage" or "classes".
        values, differing: compared, and how many of them differ.
        theirs, ours, both: spikes of the framework, of the float network, and of both at the same place; 0 of voltages.
        first: (sample, step, neuron) of the first difference in time, None where there is none.
    """

    node: str
    what: str
    values: int
    differing: int
    theirs: int = 0
    ours: int = 0
    both: int = 0
    first: tuple[int, ...] | None = None

    @property
    def agrees(self) -> bool:
        """Whether no more values differ than rounding explains."""
        return self.differing <= TOLERATED * self.values

    def __str__(self) -> str:
        where = f", first at sample {self.first[0]}" if self.first else ""
        where += f", step {self.first[1]}, neuron {self.first[2]}" if self.first and len(self.first) == 3 else ""
        spikes = f" ({self.theirs:,} spikes of the framework, {self.ours:,} here)" if self.what == "spikes" else ""
        what = "classes" if self.what == "classes" else "values"
        return f"{self.node}: {self.differing:,} of {self.values:,} {what} differ{spikes}{where}"


@dataclass(frozen=True)
class Agreement:
    """A float network against its framework under one set of conventions.

    Attributes:
        conventions: those.
        layers: what was compared, in the order of the network; empty where the conventions refuse it.
        refusal: why they do.
    """

    conventions: Conventions
    layers: tuple[LayerAgreement, ...] = ()
    refusal: str = ""

    @property
    def agrees(self) -> bool:
        """Whether every layer does."""
        return not self.refusal and all(layer.agrees for layer in self.layers)

    @property
    def differing(self) -> int:
        """Values that differ in all layers."""
        return sum(layer.differing for layer in self.layers)

    def __str__(self) -> str:
        return self.refusal or "; ".join(map(str, self.layers))


def read_expected(path: str | os.PathLike[str], graph: Graph) -> Expected:
    """The arrays of an npz file: ``spikes`` or ``spikes/NODE``, ``voltage/NODE``, ``logits``, ``classes``.

    Raises:
        InputError: no such file, an unknown array or node, shapes that contradict each other.
    """
    where = str(path)
    try:
        arrays = arrays_of(Path(path))
    except UNREADABLE as error:
        what = f"cannot be read ({error})"
        raise InputError(where, what, f"write it with numpy.savez and arrays named {_KEYS}") from None
    return expected_of(arrays, graph, where)


def expected_of(arrays: Mapping[str, Any], graph: Graph, where: str = "expect") -> Expected:
    """The same of arrays in memory."""
    spikes: dict[str, FloatArray] = {}
    voltages: dict[str, FloatArray] = {}
    classes: FloatArray | None = None
    for key, given in arrays.items():
        values = _numbers(where, key, given)
        kind, _, node = key.partition("/")
        if key == "classes":
            classes = values.reshape(-1)
        elif key == "logits":
            classes = (values.sum(axis=1) if values.ndim == 3 else values).argmax(axis=-1).astype(np.float64)
        elif kind == "spikes":
            spikes[_known(where, node, graph) if node else OUTPUT] = _layer(where, key, values)
        elif kind == "voltage" and node:
            voltages[_known(where, node, graph)] = _layer(where, key, values)
        else:
            raise InputError(f"{where}: {key}", "is not an array that can be compared", f"name it {_KEYS}")
    found = Expected(spikes, voltages, classes)
    _check_extent(where, found)
    return found


def _numbers(where: str, key: str, given: Any) -> FloatArray:
    values = np.asarray(given)
    if values.dtype.kind not in "biuf" or not np.all(np.isfinite(values)):
        raise InputError(f"{where}: {key}", f"holds {values.dtype} that is not all finite numbers", "store numbers")
    return values.astype(np.float64)


def _known(where: str, node: str, graph: Graph) -> str:
    node = node if node in graph.nodes else plain_name(node)
    if node not in graph.nodes:
        stateful = ", ".join(found.name for found in graph.of_kind(*STATEFUL))
        raise InputError(f"{where}: {node}", "is not a node of the network", f"nodes with state are: {stateful}")
    return node


def _layer(where: str, key: str, values: FloatArray) -> FloatArray:
    if values.ndim < 3:
        raise InputError(f"{where}: {key}", f"has shape {values.shape}", "store (sample, step, neuron)")
    return values.reshape(*values.shape[:2], -1)


def _check_extent(where: str, found: Expected) -> None:
    layers = [*found.spikes.values(), *found.voltages.values()]
    counts = {len(values) for values in [*layers, *([] if found.classes is None else [found.classes])]}
    if not counts:
        raise InputError(where, "holds no array", f"store {_KEYS}")
    if len(counts) > 1 or len({values.shape[1] for values in layers}) > 1:
        raise InputError(where, "its arrays differ in samples or steps", "store what was run together")


def agreement(graph: Graph, conventions: Conventions, x: FloatArray, expected: Expected) -> Agreement:
    """Run the float network and compare.

    Args:
        graph: as read.
        conventions: to run it by; a refusal by them is an outcome.
        x: what the framework was given, (sample, step, channels), of several Inputs side by side, or in the only
            Input's own shape.
        expected: what it gave.

    Raises:
        InputError: other samples or steps than expected.
    """
    _check_input(x, expected)
    record = [name for name in expected.spikes if name] + [name + VOLTAGE for name in expected.voltages]
    try:
        out, kept = run(graph, by_input(graph, x), conventions, record=record)
    except ToolchainError as error:
        return Agreement(conventions, refusal=str(error))
    return Agreement(conventions, tuple(_layers(graph, out, kept, expected)))


def _check_input(x: FloatArray, expected: Expected) -> None:
    layers = [*expected.spikes.values(), *expected.voltages.values()]
    steps = layers[0].shape[1] if layers else x.shape[1]
    if (expected.samples, steps) != x.shape[:2]:
        what = (
            f"{expected.samples} samples of {steps} steps are expected where the input has {x.shape[0]} of {x.shape[1]}"
        )
        raise InputError("expect", what, "give what the framework made of the calibration samples")


def _layers(
    graph: Graph, out: FloatArray, kept: Mapping[str, FloatArray], expected: Expected
) -> Iterator[LayerAgreement]:
    order = {name: place for place, name in enumerate([*graph.nodes, OUTPUT])}
    for name in sorted(expected.spikes, key=lambda name: order[name]):
        ours = out if name == OUTPUT else kept[name]
        yield _compared(name or "output", expected.spikes[name], ours, _spiking(graph, name))
    for name in sorted(expected.voltages, key=lambda name: order[name]):
        yield _compared_voltage(name, expected.voltages[name], kept[name + VOLTAGE])
    if expected.classes is not None:
        sums = out.reshape(*out.shape[:2], -1).sum(axis=1)
        wrong = np.flatnonzero(sums.argmax(axis=-1) != expected.classes)
        first = (int(wrong[0]),) if wrong.size else None
        yield LayerAgreement("output", "classes", len(sums), int(wrong.size), first=first)


def _spiking(graph: Graph, name: str) -> bool:
    if name:
        return graph.nodes[name].kind in (*SPIKING, "Threshold")
    sources = [graph.nodes[source] for node in graph.of_kind("Output") for source in graph.sources(node.name)]
    return all(node.kind in (*SPIKING, "Threshold") for node in sources)


def _compared(name: str, theirs: FloatArray, ours: FloatArray, spiking: bool) -> LayerAgreement:
    ours = _like(name, ours, theirs)
    if not spiking:
        return _compared_voltage(name, theirs, ours)
    wrong = ours != theirs
    both = int(np.sum((ours != 0) & (theirs != 0)))
    counts = int(np.sum(theirs != 0)), int(np.sum(ours != 0)), both
    return LayerAgreement(name, "spikes", ours.size, int(wrong.sum()), *counts, _first(wrong))


def _compared_voltage(name: str, theirs: FloatArray, ours: FloatArray) -> LayerAgreement:
    """Where a spike just reset one of both the values rightly differ by tool: a voltage is kept before or after it."""
    ours = _like(name, ours, theirs)
    wrong = np.abs(ours - theirs) > _VOLTAGE * max(float(np.abs(theirs).max()), 1e-12)
    return LayerAgreement(name, "voltage", ours.size, int(wrong.sum()), first=_first(wrong))


def _like(name: str, ours: FloatArray, theirs: FloatArray) -> FloatArray:
    flat = ours.reshape(*ours.shape[:2], -1)
    if flat.shape != theirs.shape:
        what = f"{theirs.shape[2]} neurons are expected where the network has {flat.shape[2]}"
        raise InputError(f"expect: {name}", what, "give (sample, step, neuron) of this layer")
    return flat


def _first(wrong: np.ndarray[Any, np.dtype[np.bool_]]) -> tuple[int, ...] | None:
    """(sample, step, neuron) of the earliest step."""
    if not wrong.any():
        return None
    step = int(np.argmax(wrong.any(axis=(0, 2))))
    sample, neuron = np.argwhere(wrong[:, step])[0]
    return int(sample), step, int(neuron)


def fits(
    graph: Graph, x: FloatArray, expected: Expected, *, dt: float | None = None, asked: str = ""
) -> tuple[Agreement, ...]:
    """All presets of a meaning of their own, the best first: that asked for, those of the likely writer, the others.

    Args:
        graph, x, expected: as in `agreement`.
        dt: time step in place of each preset's.
        asked: preset that wins where several agree equally, or switches, or both, as `conventions_for` takes them:
            what was asked for is tried as it is, and every preset with its switches' time step.
    """
    preset, switches = read_convention(asked)
    dt = switches.get("dt") if dt is None else dt
    size = sum(values[0].size for values in [*expected.spikes.values(), *expected.voltages.values()]) or 1
    samples = max(1, min(len(x), _TRIED_VALUES // size))
    likely = [name for proposal in recognise(graph) for name in proposal.presets]
    distinct: dict[Conventions, Conventions] = {}
    first = [*([asked] if asked else []), *([preset] if preset in PRESETS else [])]
    for name in dict.fromkeys([*first, *likely, *LISTED]):
        found = replace(conventions_for(graph, name, dt=dt), findings=())
        distinct.setdefault(replace(found, name=""), found)
    tried = [agreement(graph, found, x[:samples], expected.first(samples)) for found in distinct.values()]
    return tuple(sorted(tried, key=lambda found: (bool(found.refusal), found.differing)))


def checked(
    graph: Graph,
    conventions: Conventions,
    x: FloatArray,
    expected: Expected,
    *,
    dt: float | None = None,
    asked: str = "",
) -> Conventions:
    """The conventions with the finding that they were checked, in place of those that they were assumed.

    Args:
        graph, conventions, x, expected: as in `agreement`.
        dt, asked: what the conventions were made from, which the presets named in an error are tried with.

    Raises:
        ConformanceError: another network than the framework's; the preset that fits best is named.
        InputError: other samples or steps than expected.
    """
    found = agreement(graph, conventions, x, expected)
    if not found.agrees:
        raise ConformanceError(f"conventions.{conventions.name}", str(found), advice(graph, x, expected, dt, asked))
    kept = tuple(f for f in conventions.findings if ASSUMED not in f.what and "looks like" not in f.what)
    exact = "equal" if not found.differing else f"equal but for {found.differing:,} values"
    what = (
        f"checked against the framework on {len(x)} samples: {', '.join(layer.node for layer in found.layers)} {exact}"
    )
    return replace(conventions, findings=(*kept, Finding("conventions", what, str(found), "note")))


def advice(graph: Graph, x: FloatArray, expected: Expected, dt: float | None = None, asked: str = "") -> str:
    """What to do about conventions that do not fit: the preset that does, at the time step given or its own."""
    dt = read_convention(asked)[1].get("dt") if dt is None else dt
    best = fits(graph, x, expected, dt=dt, asked=asked)[0]
    if best.agrees:
        step = "" if dt is None else f" --dt {dt:g}"
        return f"give --convention {best.conventions.name}{step}, under which {best.differing:,} differ"
    free = best if dt is None else fits(graph, x, expected)[0]
    if free.agrees:
        return f"give --convention {free.conventions.name} without --dt, under which {free.differing:,} differ"
    if best.refusal:
        return "no preset takes this file; see its findings"
    return f"no preset fits; nearest is {best.conventions.name}: {best}"
