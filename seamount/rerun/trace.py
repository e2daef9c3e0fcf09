"""What a trace holds, and the same in forms that others read: arrays, a table, data of NIR."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from seamount.build.folder import BuildFolder, read_manifest
from toolchain.errors import InputError
from toolchain.files import write_npz, written_whole
from toolchain.ir.integer import IntArray
from toolchain.ir.trace import Trace, load_trace
from toolchain.report.evidence import RECORDED_TRACE

HEADINGS = ("sample", "step", "kind", "name", "neuron", "mode", "value")


@dataclass(frozen=True)
class Recorded:
    """One recorded quantity.

    Attributes:
        kind: ``"messages"`` or ``"registers"``.
        name: of the input or population, or ``"population.register"``.
        shape: (sample, step, neuron[, mode]).
        nonzero: how many values are not 0; of messages, how many were sent.
        low, high: least and greatest value.
    """

    kind: str
    name: str
    shape: tuple[int, ...]
    nonzero: int
    low: int
    high: int


@dataclass(frozen=True)
class Contents:
    """What a trace file holds.

    Attributes:
        file: its path.
        program: sha256 of the text of the program that ran.
        simulator: which one ran it.
        samples, steps: extent of the run.
        recorded: messages, then registers, step by step.
        counted: inputs and populations whose messages were counted over the whole run.
        final: registers of which the last value is kept.
        overflows: by register, how many values did not fit.
    """

    file: str
    program: str
    simulator: str
    samples: int
    steps: int
    recorded: tuple[Recorded, ...]
    counted: tuple[str, ...]
    final: tuple[str, ...]
    overflows: Mapping[str, int]

    def as_dict(self) -> dict[str, Any]:
        """As plain data."""
        return asdict(self)


def find_trace(path: Path) -> tuple[Path, Trace]:
    """The trace in a file, or the recorded samples of a build folder.

    Raises:
        InputError: neither.
    """
    if path.is_dir():
        read_manifest(BuildFolder(path))
        path = path / RECORDED_TRACE
    return path, load_trace(path)


def restricted(trace: Trace, names: Sequence[str] | None, path: Path) -> Trace:
    """The trace with some of its messages and registers; None or nothing leaves all.

    Raises:
        InputError: a name that was not recorded.
    """
    if not names:
        return trace
    known = {*trace.messages, *trace.registers}
    for name in names:
        if name not in known:
            raise InputError(str(path), f"holds no {name!r}", f"use some of {', '.join(sorted(known))}")
    messages = {name: values for name, values in trace.messages.items() if name in names}
    registers = {name: values for name, values in trace.registers.items() if name in names}
    return replace(trace, messages=messages, registers=registers)


def contents(path: Path, trace: Trace) -> Contents:
    """What a trace holds."""
    recorded = [_recorded("messages", name, values) for name, values in trace.messages.items()]
    recorded += [_recorded("registers", name, values) for name, values in trace.registers.items()]
    extent = {"samples": trace.samples, "steps": trace.steps}
    return Contents(
        file=str(path),
        program=trace.program,
        simulator=trace.simulator,
        recorded=tuple(recorded),
        counted=tuple(trace.sent),
        final=tuple(trace.final),
        overflows=dict(trace.overflows),
        **extent,
    )


def _recorded(kind: str, name: str, values: IntArray) -> Recorded:
    low, high = (int(values.min()), int(values.max())) if values.size else (0, 0)
    return Recorded(kind, name, values.shape, int(np.count_nonzero(values)), low, high)


def write_arrays(trace: Trace, path: Path) -> None:
    """An npz of plain arrays: ``messages/NAME`` and ``registers/NAME``, (sample, step, neuron[, mode])."""
    arrays = {f"{kind}/{name}": values for kind, name, values in _quantities(trace)}
    write_npz(path, {"program": trace.program, "simulator": trace.simulator}, arrays)


def write_table(trace: Trace, path: Path) -> None:
    """A CSV of one line a value that is not 0, by quantity, sample, step and neuron."""
    with written_whole(path) as beside, beside.open("w", encoding="utf-8", newline="") as file:
        lines = csv.writer(file, lineterminator="\n")
        lines.writerow(HEADINGS)
        for kind, name, values in _quantities(trace):
            for place in np.argwhere(values).tolist():
                sample, step, neuron, *mode = map(int, place)
                which = mode[0] if mode else ""
                lines.writerow([sample, step, kind, name, neuron, which, int(values[tuple(place)])])


def write_nir_data(trace: Trace, path: Path, dt_s: float) -> None:
    """An HDF5 file of NIRData (package nir): a node an input or population, each with its observables on a time grid.

    ``spikes`` are booleans (sample, step, neuron); where messages are graded, ``payloads`` are integers. A register is
    named as it is; one that has modes becomes (sample, step, neuron * modes + mode), since NIRData has three axes.

    Args:
        trace: with messages or registers.
        path: to write.
        dt_s: seconds a step.
    """
    import nir

    nodes: dict[str, dict[str, Any]] = {}
    for kind, name, values in _quantities(trace):
        owner, _, register = name.rpartition(".") if kind == "registers" else (name, "", "")
        spikes = not register and bool(np.isin(values, (0, 1)).all())
        observable = register or ("spikes" if spikes else "payloads")
        flat = values.reshape(*values.shape[:2], -1)
        nodes.setdefault(owner, {})[observable] = nir.TimeGriddedData(flat.astype(bool) if spikes else flat, dt_s)
    graph = nir.NIRGraphData({name: nir.NIRNodeData(observables) for name, observables in nodes.items()})
    with written_whole(path) as beside:
        nir.write_data(beside, graph)


def _quantities(trace: Trace) -> Iterator[tuple[str, str, IntArray]]:
    yield from (("messages", name, values) for name, values in trace.messages.items())
    yield from (("registers", name, values) for name, values in trace.registers.items())


def dt_of_build(path: Path) -> float | None:
    """Seconds a step of the build that a trace lies in; None where it lies in none."""
    folder = BuildFolder(path if path.is_dir() else path.resolve().parent.parent)
    if not folder.manifest.is_file():
        return None
    return float(read_manifest(folder)["convention"]["dt"])


def refuse_empty(trace: Trace, path: Path) -> None:
    """Refuse to write a trace that holds counts alone: there is nothing of a step in it.

    Raises:
        InputError: neither messages nor registers.
    """
    if not trace.messages and not trace.registers:
        what = "holds counts of the whole run and no messages or registers of a step"
        raise InputError(str(path), what, "give a trace of seamount simulate, or traces/recorded.npz of a build")
