"""Recordings of events as cameras, cochleas and their tools leave them -> numbers a step, as a network takes them.

An event is (t, x, y, p): time, column, row, polarity; sounds have (t, x, p) or (t, x) alone. Events of one time bin and
place are counted, a byte a cell. Time starts at each recording's first event.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from toolchain.errors import InputError

KEYS = ("t", "x", "y", "p", "starts", "bin", "steps", "sensor", "labels")
"""Arrays of an npz file of events; `labels` stands for the classes, since y is a row there."""
_FORM = "give t, x (y, p) of all events, starts where each recording begins, bin the width of a step in the unit of t"
MOST_CELLS = 1 << 32
_MOST = 1 << 31


@dataclass(frozen=True, eq=False)
class Events:
    """Events of one recording, each array (event,).

    Attributes:
        t: times, in one unit and order.
        x, y, p: place and polarity; zeros where there is none.
        value: what each counts for; None for one.
        span: begin and end of the recording; None where its first and last event are.
    """

    t: NDArray[Any]
    x: NDArray[Any]
    y: NDArray[Any]
    p: NDArray[Any]
    value: NDArray[Any] | None = None
    span: tuple[float, float] | None = None


def holds_events(given: Any) -> bool:
    """Whether data are events: fields t and x, arrays of that name, a list of such, or the event data of nir."""
    if isinstance(given, Mapping):
        x = given.get("x")
        columns = given.get("t") is not None and isinstance(x, np.ndarray) and x.ndim == 1
        return "events" in given or columns or _structured(x) or _of_nir(x)
    return _structured(given) or _of_nir(given)


def gridded(given: Any, shape: tuple[int, ...], where: str, name: str = "") -> dict[str, Any]:
    """Events as the arrays x (sample, step, channel or *shape), y and lengths.

    Args:
        given: a mapping with events (one structured array with fields t, x, y, p, or a list of them, as tonic gives
            them; or event data of nir) and bin, and if there y, steps and sensor; or arrays t, x, y, p, starts, bin,
            labels, as an npz file holds them; or time-gridded data of nir.
        shape: of the network's input. (polarity, row, column), (row, column) or (1, row, column) without polarity, or
            (column,) for sounds; where it is flat and events have rows, `sensor` says the three.
        where: what messages call it.
        name: of the network's input, for graph data of nir.

    Raises:
        InputError: no bin, events outside the sensor, fields that are not numbers.
    """
    arrays = dict(given) if isinstance(given, Mapping) else {"events": given}
    if "t" not in arrays and "events" not in arrays:
        arrays["events"] = arrays.pop("x")
    events = _found(arrays.get("events"), name)
    if type(events).__name__ == "TimeGriddedData":
        return _kept(arrays, np.asarray(events.data))
    width = _number(where, arrays, "bin")
    if events is None or isinstance(events, np.ndarray | Sequence):
        parts = _recordings(where, arrays, events)
    else:
        parts = _nir_events(where, events)
    sensor = _sensor(where, arrays.get("sensor"), shape, parts)
    return _counted(where, parts, width, sensor, arrays)


def _structured(given: Any) -> bool:
    if isinstance(given, np.ndarray):
        return bool(given.dtype.names) and {"t", "x"} <= set(given.dtype.names or ())
    return isinstance(given, list | tuple) and bool(given) and all(map(_structured, given))


def _of_nir(given: Any) -> bool:
    return type(given).__module__.startswith("nir.data_ir")


def _found(events: Any, name: str) -> Any:
    """The observable inside graph and node data of nir: that of the input's node, or the only one."""
    while hasattr(events, "nodes") or hasattr(events, "observables"):
        inner = events.nodes if hasattr(events, "nodes") else events.observables
        if name not in inner and len(inner) != 1:
            raise InputError("events", f"holds data of {sorted(inner)}", f"keep those of {name or 'the input'} alone")
        events = inner[name] if name in inner else next(iter(inner.values()))
    return events


def _number(where: str, arrays: Mapping[str, Any], key: str) -> float:
    value = arrays.get(key)
    found = np.asarray(0.0 if value is None else value)
    if found.dtype.kind not in "iuf" or found.ndim or not np.isfinite(found) or found <= 0:
        remedy = "events need the width of a step, in the unit of t, e.g. 1000 us"
        raise InputError(f"{where}: {key}", f"is {value!r}", remedy)
    return float(found)


def _integers(where: str, value: Any, low: int, remedy: str) -> list[int]:
    """One integer or several, none below `low`."""
    found = np.asarray(value) if np.iterable(value) or np.isscalar(value) else np.asarray("")
    if found.dtype.kind not in "iuf" or found.ndim > 1 or not np.isfinite(found).all():
        raise InputError(where, f"is {value!r}", remedy)
    if np.any(found != np.floor(found)) or np.any(found < low) or np.any(np.abs(found) > _MOST):
        raise InputError(where, f"is {value!r}", remedy)
    return [int(number) for number in found.reshape(-1)]


def _recordings(where: str, arrays: Mapping[str, Any], events: Any) -> list[Events]:
    if events is not None:
        many = [events] if isinstance(events, np.ndarray) else list(events)
        if not many or not all(map(_structured, many)):
            raise InputError(f"{where}: events", "have no fields t and x", _FORM)
        return [_one(where, {field: part[field] for field in part.dtype.names}) for part in many]
    given = [0] if arrays.get("starts") is None else arrays["starts"]
    starts = np.array(_integers(f"{where}: starts", given, 0, _FORM), np.int64)
    whole = _one(where, arrays)
    ends = np.append(starts[1:], len(whole.t))
    if not len(starts) or starts[0] != 0 or np.any(ends < starts):
        raise InputError(f"{where}: starts", f"{starts[:4]} ...", f"begin at 0 and rise to at most {len(whole.t):,}")
    pairs = zip(starts, ends, strict=True)
    return [Events(whole.t[a:b], whole.x[a:b], whole.y[a:b], whole.p[a:b]) for a, b in pairs]


def _one(where: str, fields: Mapping[str, Any]) -> Events:
    t, x = np.asarray(fields["t"]), np.asarray(fields["x"])
    rest = [
        np.asarray(fields[key]) if fields.get(key) is not None else np.zeros(t.shape, np.int8) for key in ("y", "p")
    ]
    for key, values in zip(("t", "x", "y", "p"), (t, x, *rest), strict=True):
        if values.shape != t.shape or t.ndim != 1 or values.dtype.kind not in "iufb":
            raise InputError(f"{where}: {key}", f"has shape {values.shape} of {values.dtype}", _FORM)
        if values.dtype.kind == "f" and not np.isfinite(values).all():
            raise InputError(f"{where}: {key}", "holds values that are not finite", "clean them")
    return Events(t, x.astype(np.int64), rest[0].astype(np.int64), (rest[1] > 0).astype(np.int64))


def _nir_events(where: str, data: Any) -> list[Events]:
    """(sample, event) arrays in which -1 stands for none; times count from 0."""
    if not hasattr(data, "idx"):
        raise InputError(where, f"is a {type(data).__name__}", _FORM)
    parts = []
    for sample in range(len(data.idx)):
        real = data.idx[sample] != -1
        count = int(real.sum())
        zeros, value = np.zeros(count, np.int64), getattr(data, "value", None)
        own = None if value is None else np.asarray(value[sample])[real]
        parts.append(
            Events(
                data.time[sample][real],
                data.idx[sample][real].astype(np.int64),
                zeros,
                zeros,
                own,
                (0.0, float(data.t_max)),
            )
        )
    return parts


def _sensor(where: str, given: Any, shape: tuple[int, ...], parts: Sequence[Events]) -> tuple[int, int, int]:
    """(polarities, rows, columns)."""
    flat = max((int(part.y.max(initial=0)) for part in parts), default=0) == 0
    remedy = "give sensor=(polarities, rows, columns)"
    own = shape if given is None else tuple(_integers(f"{where}: sensor", given, 1, remedy))
    if len(own) == 3:
        return own[0], own[1], own[2]
    if len(own) == 2:
        return 1, own[0], own[1]
    if len(own) == 1 and flat:
        return 1, 1, own[0]
    what = f"events with rows for an input of shape {shape}"
    raise InputError(f"{where}: sensor", what, remedy)


def _counted(
    where: str, parts: Sequence[Events], width: float, sensor: tuple[int, int, int], arrays: Mapping[str, Any]
) -> dict[str, Any]:
    """A byte a cell, filled recording by recording."""
    steps = [np.floor((part.t - _begin(part)) / width).astype(np.int64) for part in parts]
    own = np.array([_length(part, step, width) for part, step in zip(parts, steps, strict=True)])
    most = int(own.max())
    if arrays.get("steps") is not None:
        most = (*_integers(f"{where}: steps", arrays["steps"], 1, "give one number of steps"), 0)[0]
    cells = len(parts) * most * math.prod(sensor)
    if most < 1 or cells > MOST_CELLS:
        what = f"{len(parts)} recordings of {most:,} steps and {math.prod(sensor):,} channels"
        raise InputError(f"{where}: bin", what, "give a wider bin, or fewer steps")
    kind: Any = np.uint8 if all(part.value is None for part in parts) else np.float64
    made = np.zeros((len(parts), most, *sensor), kind)
    for sample, (part, step) in enumerate(zip(parts, steps, strict=True)):
        made[sample] = _grid(f"{where}: recording {sample}", part, step, made.shape[1:], kind)
    lengths = np.minimum(own, most)
    extra = {} if np.all(lengths == most) else {"lengths": lengths}
    return _kept(arrays, made) | extra


def _begin(part: Events) -> Any:
    return part.span[0] if part.span is not None else part.t.min(initial=part.t[0] if len(part.t) else 0)


def _length(part: Events, step: NDArray[Any], width: float) -> int:
    """Steps of a recording; a span that is no whole number of steps ends with its last whole one, as in nir."""
    held = int(step.max(initial=0)) + 1
    return held if part.span is None else max(held, math.floor((part.span[1] - part.span[0]) / width * (1 + 1e-9)))


def _grid(where: str, part: Events, step: NDArray[Any], extent: tuple[int, ...], kind: Any) -> NDArray[Any]:
    polarity = part.p if extent[1] > 1 else np.zeros_like(part.p)
    for key, values, size in (("x", part.x, extent[3]), ("y", part.y, extent[2])):
        if values.size and (values.min() < 0 or values.max() >= size):
            what = f"{key} lies in {values.min()} .. {values.max()} for a sensor of {size}"
            raise InputError(where, what, "give the sensor's (polarities, rows, columns), or crop the events")
    inside = step < extent[0]
    cell = np.ravel_multi_index((step[inside], polarity[inside], part.y[inside], part.x[inside]), extent)
    value = None if part.value is None else part.value[inside]
    counts = np.bincount(cell, value, math.prod(extent))
    if kind is np.uint8 and counts.max(initial=0) > np.iinfo(np.uint8).max:
        raise InputError(where, f"{int(counts.max())} events at one place in one step", "give a narrower bin")
    return counts.astype(kind).reshape(extent)


def _kept(arrays: Mapping[str, Any], x: NDArray[Any]) -> dict[str, Any]:
    """The arrays as those of any data; y is the classes where events are one array, `labels` where y is a row."""
    labels = arrays.get("labels", arrays.get("y") if arrays.get("events") is not None else None)
    return {"x": x} | ({} if labels is None else {"y": np.asarray(labels)})
