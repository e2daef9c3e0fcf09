"""What a simulator returns: messages, chosen registers and counts of one run.

Arrays have the axes (sample, step, neuron) or (sample, step, neuron, mode). A trace is written to one `.npz` file
whose bytes depend on its content alone, its arrays packed (`toolchain.compression`). Where several simulators returned
the same, the values are stored once: the other files name that one and the digest of its content.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from toolchain.compression import PLAIN, Packed, narrow, pack, unpack
from toolchain.errors import InputError
from toolchain.files import UNREADABLE, read_npz, write_npz
from toolchain.ir.integer import IntArray
from toolchain.ir.program import SEMANTICS_VERSION


@dataclass(frozen=True, eq=False)
class Trace:
    """One run of a program.

    Attributes:
        program: sha256 of the program's text.
        simulator: which one ran it.
        samples, steps: extent of the run.
        messages: by input or population, (sample, step, neuron) integers; 0 is "no message". May be partial.
        registers: by ``"population.register"``, values after each step, (sample, step, neuron[, mode]).
        sent: by input or population, number of messages of each neuron over the whole run, (sample, neuron).
        final: by ``"population.register"``, values after the last step, (sample, neuron[, mode]): outputs' registers.
        overflows: by ``"population.register"``, values that did not fit at any step of the run, `ends` or not;
            traps, which stop a run, are not counted.
        reach: by input, greatest magnitude of a payload that entered; absent where nobody looked.
        ends: (sample,) how many first steps of each sample `sent` counts, where sequences end before the run does; None
            where all steps count.
    """

    program: str
    simulator: str
    samples: int
    steps: int
    messages: Mapping[str, IntArray] = field(default_factory=dict)
    registers: Mapping[str, IntArray] = field(default_factory=dict)
    sent: Mapping[str, IntArray] = field(default_factory=dict)
    final: Mapping[str, IntArray] = field(default_factory=dict)
    overflows: Mapping[str, int] = field(default_factory=dict)
    reach: Mapping[str, int] = field(default_factory=dict)
    ends: IntArray | None = None

    def __repr__(self) -> str:
        """What was recorded, a line each, without values."""
        groups = ("messages", "registers", "sent", "final")
        lines = [f"Trace of {self.samples} samples x {self.steps} steps on {self.simulator}"]
        for group in groups:
            arrays: Mapping[str, IntArray] = getattr(self, group)
            listed = ", ".join(f"{name} {array.shape}" for name, array in arrays.items())
            lines += [f"  {group}: {listed}"] if listed else []
        lost = {name: count for name, count in self.overflows.items() if count}
        return "\n".join([*lines, f"  overflows: {lost or 'none'}"])

    @property
    def counted_steps(self) -> int:
        """Steps that `sent` counts, all samples together."""
        return self.samples * self.steps if self.ends is None else int(self.ends.sum())


_GROUPS = ("messages", "registers", "sent", "final")
_ENDS = "ends"
MOST_VALUES, VALUES_A_BYTE = 2**26, 64
"""Of a trace: so many, however well they are packed, and in a large file so many for each of its bytes."""
_LEVEL = 1
"""Of compression: in packed arrays hardly more is found by searching longer."""


def save_trace(trace: Trace, path: Path) -> None:
    """Write a trace, registers packed, messages as plain arrays for others to read; it appears whole or not at all."""
    packed = {
        key: Packed(PLAIN, array.shape, narrow(array)) if key.startswith("messages/") else pack(array)
        for key, array in _arrays(trace).items()
    }
    layout = {key: [one.form, list(one.shape)] for key, one in packed.items()}
    stored = {key: one.stored for key, one in packed.items()}
    write_npz(path, _header(trace) | {"packed": layout}, stored, _LEVEL)


def save_plain_trace(trace: Trace, path: Path) -> None:
    """Write a trace for others to read with numpy alone.

    ``messages/NODE``, ``registers/NODE.register``, ``sent/NODE`` and ``final/NODE.register`` have their full shape, in
    the smallest signed type that holds them.
    """
    write_npz(path, _header(trace), {key: narrow(array) for key, array in _arrays(trace).items()})


def save_repeated(trace: Trace, path: Path, original: Path, digest: str) -> None:
    """Write a trace whose values are those of `original`, a trace file in the same folder: without repeating them.

    Args:
        digest: `trace_digest` of both.
    """
    write_npz(path, _header(trace) | {"same_as": original.name, "digest": digest}, {})


def trace_digest(trace: Trace) -> str:
    """sha256 of what a run gave, whichever simulator ran it: every array and count, and the program."""
    digest = hashlib.sha256()
    for key, array in sorted(_arrays(trace).items()):
        digest.update(f"{key} {array.shape}\n".encode())
        digest.update(np.ascontiguousarray(array, dtype="<i8").data)
    counts = sorted(trace.overflows.items()), sorted(trace.reach.items())
    digest.update(f"{trace.program} {trace.samples} {trace.steps} {counts}".encode())
    return digest.hexdigest()


def repeats(trace: Trace, other: Trace) -> bool:
    """Whether two simulators returned the same of one run, to the last value."""
    ours, theirs = _arrays(trace), _arrays(other)
    counts = [(one.program, one.samples, one.steps, dict(one.overflows), dict(one.reach)) for one in (trace, other)]
    return counts[0] == counts[1] and ours.keys() == theirs.keys() and all(
        np.array_equal(ours[key], theirs[key]) for key in ours
    )  # fmt: skip


def load_trace(path: Path) -> Trace:
    """Read a trace.

    Raises:
        InputError: the file is absent, is no trace, or was made under another meaning of programs; or it stands for
            another file that is absent or holds something else.
    """
    header, arrays = _read(path)
    if "same_as" not in header:
        return _trace(path, header, arrays)
    original = path.parent / Path(str(header["same_as"])).name
    found, listed = _read(original)
    if "same_as" in found:
        raise InputError(str(path), f"stands for {original.name}, which holds no values either", "simulate again")
    trace = replace(_trace(original, found, listed), simulator=str(header["simulator"]))
    if trace_digest(trace) != header.get("digest"):
        raise InputError(str(path), f"stands for {original.name}, whose values are others now", "simulate again")
    return trace


def _header(trace: Trace) -> dict[str, Any]:
    return {
        "semantics_version": SEMANTICS_VERSION,
        "program": trace.program,
        "simulator": trace.simulator,
        "samples": trace.samples,
        "steps": trace.steps,
        "overflows": dict(trace.overflows),
    } | ({"reach": dict(trace.reach)} if trace.reach else {})


def _arrays(trace: Trace) -> dict[str, IntArray]:
    arrays = {f"{group}/{name}": array for group in _GROUPS for name, array in getattr(trace, group).items()}
    return arrays | ({} if trace.ends is None else {_ENDS: trace.ends})


def _read(path: Path) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    if not path.is_file():
        raise InputError(str(path), "no such file", "give the path of a trace written by seamount")
    try:
        header, arrays = read_npz(path)
        _check_version(header.pop("semantics_version"), path)
    except UNREADABLE as error:
        raise _no_trace(path, error) from error
    return header, arrays


def _trace(path: Path, header: dict[str, Any], stored: Mapping[str, NDArray[Any]]) -> Trace:
    try:
        # An exported Lava package, which stands alone, stores its arrays as they are.
        layout = {key: (PLAIN, array.shape) for key, array in stored.items()} | header.pop("packed", {})
        _check_sizes([shape for _, shape in layout.values()], path.stat().st_size)
        arrays = {key: unpack(layout[key][0], layout[key][1], _integers(key, array)) for key, array in stored.items()}
        ends = arrays.pop(_ENDS, None)
        if ends is not None and ends.shape != (header["samples"],):
            raise ValueError(f"{ends.shape} ends of {header['samples']} samples")
        groups: dict[str, dict[str, IntArray]] = {group: {} for group in _GROUPS}
        for key, values in arrays.items():
            group, _, name = key.partition("/")
            groups[group][name] = values
        trace = Trace(**header | groups, ends=ends)
        _check_extents(trace)
        return trace
    except UNREADABLE as error:
        raise _no_trace(path, error) from error


def _no_trace(path: Path, error: Exception) -> InputError:
    return InputError(str(path), f"is not a trace ({error})", "write it again with seamount simulate")


def _integers(key: str, values: NDArray[Any]) -> NDArray[Any]:
    if values.dtype.kind not in "iu":
        raise ValueError(f"{key} holds {values.dtype}, not integers")
    return values


def _check_sizes(shapes: Sequence[Sequence[int]], size: int) -> None:
    """ValueError where few packed bytes would become more values than a recording has."""
    if not all(type(extent) is int and extent >= 0 for shape in shapes for extent in shape):
        raise ValueError("shapes that are no whole numbers")
    values = sum(math.prod(shape) for shape in shapes)
    if values > max(MOST_VALUES, size * VALUES_A_BYTE):
        raise ValueError(f"{values:,} values in {size:,} bytes")


def _check_extents(trace: Trace) -> None:
    """ValueError where a header says what its arrays do not."""
    counts = [trace.samples, trace.steps, *trace.overflows.values(), *trace.reach.values()]
    if not all(type(count) is int and count >= 0 for count in counts):
        raise ValueError(f"{trace.samples!r} samples, {trace.steps!r} steps, overflows or reach that are no counts")
    extents = {"messages": (trace.samples, trace.steps), "registers": (trace.samples, trace.steps)}
    for group in _GROUPS:
        extent = extents.get(group, (trace.samples,))
        for name, values in getattr(trace, group).items():
            if values.shape[: len(extent)] != extent:
                raise ValueError(f"{group}/{name} of shape {values.shape} for {extent}")


def join_traces(traces: Sequence[Trace]) -> Trace:
    """One run in place of several of the same program that each had some of its samples.

    Args:
        traces: at least one, in the order of the samples.

    Returns:
        What one run of all samples would have returned: no sample acts on another.

    Raises:
        InputError: they are of different programs, simulators or lengths, or recorded different things.
    """
    first = traces[0]
    for trace in traces[1:]:
        if _kind(trace) != _kind(first):
            raise InputError("traces", "are not parts of one run", "simulate all parts in the same way")
    overflows: Counter[str] = Counter()
    for trace in traces:
        overflows.update(trace.overflows)
    reach = {name: max(trace.reach[name] for trace in traces) for name in first.reach}
    groups: dict[str, dict[str, IntArray]] = {
        group: {
            name: np.concatenate([getattr(trace, group)[name] for trace in traces]) for name in getattr(first, group)
        }
        for group in _GROUPS
    }
    samples = sum(trace.samples for trace in traces)
    ends = [trace.ends for trace in traces if trace.ends is not None]
    joined = np.concatenate(ends) if ends else None
    return Trace(
        first.program,
        first.simulator,
        samples,
        first.steps,
        **groups,
        overflows=dict(overflows),
        reach=reach,
        ends=joined,
    )


def count_to_ends(trace: Trace, ends: IntArray) -> Trace:
    """The trace with `sent` counting each sample's messages up to its own end: what follows is no part of its sequence.

    Args:
        trace: with the messages of every input and population.
        ends: (sample,) steps that count, 1 to the trace's.

    Raises:
        InputError: another shape or range, or messages that were not recorded.
    """
    if ends.shape != (trace.samples,) or not (ends.min() >= 1 and ends.max() <= trace.steps):
        found = f"{ends.shape} from {ends.min()} to {ends.max()}"
        raise InputError("ends", found, f"give one of 1..{trace.steps} for each of {trace.samples} samples")
    if missing := sorted(trace.sent.keys() - trace.messages.keys()):
        raise InputError("trace", f"holds no messages of {missing}", "record them")
    before = (np.arange(trace.steps) < ends[:, None])[:, :, None]
    sent = {name: np.count_nonzero((trace.messages[name] != 0) & before, axis=1) for name in trace.sent}
    return replace(trace, sent=sent, ends=np.array(ends, dtype=np.int64))


def _kind(trace: Trace) -> tuple[object, ...]:
    """What parts of one run have in common."""
    return (
        trace.program,
        trace.simulator,
        trace.steps,
        trace.ends is None,
        sorted(trace.reach),
        *(sorted(getattr(trace, group)) for group in _GROUPS),
    )


def _check_version(version: object, path: Path) -> None:
    if version != SEMANTICS_VERSION:
        made = f"was made under semantics version {version}, this is {SEMANTICS_VERSION}"
        raise InputError(str(path), made, "simulate again")
