"""Samples from whatever form a user gives them in: an npz file, arrays by name, or x alone."""

from __future__ import annotations

import math
import zipfile
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seamount.ports import Port, Ports, input_keys, listed, output_keys
from seamount.recordings import KEYS, gridded, holds_events
from seamount.samples import Data, Samples
from toolchain.errors import InputError
from toolchain.files import UNREADABLE
from toolchain.frontend.graph import Graph
from toolchain.ir.integer import IntArray
from toolchain.reading import arrays_of, names_of

_FORM = "write it with numpy.savez(path, x=..., y=...)"


def samples_of(given: Data, ports: Ports | tuple[int, ...], where: str = "") -> Samples:
    """Samples from whatever form they are given in.

    Args:
        given: an npz file with x and, if there, y and lengths; the same arrays by name; x alone; or samples.
        ports: the network's inputs and outputs, or the shape of its only input, without sample and step. x is
            (sample, step, *shape), or flat (sample, step, channel) with as many channels; uint8 symbols are
            (sample, step). Several inputs have an array each, by the name of the Input node (or x/NAME), or one x with
            their channels side by side. y is (sample,) or (sample, step), of every output; y/NAME is of the Output of
            that name alone. lengths is (sample,).
        where: what messages call it; by default the file's path, else "data".

    Raises:
        InputError: no such file, not an npz, no x, wrong axes, values that are not finite, bad labels or lengths.
    """
    if isinstance(given, Samples):
        return given
    if isinstance(ports, tuple):
        ports = Ports((Port("x", ports),))
    if holds_events(given) or _is_recording(given):
        return _samples_of_events(given, ports, where)
    if isinstance(given, str | Path):
        return samples_of(_stored(Path(given), ports), ports, where or str(given))
    arrays = given if isinstance(given, Mapping) else {"x": given}
    where = where or "data"
    x = _entering(where, arrays, ports)
    labels = _labels_by_output(where, arrays, ports, x.shape[:2])
    main = next(iter(labels), "")
    lengths = _lengths(where, _array(arrays, "lengths"), x.shape[:2])
    y, others = labels.pop(main, None), labels
    return Samples(x, y, lengths, ports.channels, main, others)


def _is_recording(given: Data) -> bool:
    """Whether an npz file holds columns of events: times, and places in one axis."""
    if not isinstance(given, str | Path) or not Path(given).is_file() or not zipfile.is_zipfile(given):
        return False
    try:
        return {"t", "x"} <= set(names_of(Path(given)))
    except UNREADABLE:
        return False  # what is wrong with it is said where its arrays are read


def _events(given: Data, shape: tuple[int, ...], where: str, name: str) -> dict[str, Any]:
    """Events as x (sample, step, *sensor), y and lengths."""
    if isinstance(given, str | Path):
        where, given = where or str(given), _read(Path(given), KEYS)
    return gridded(given, shape, where or "data", name)


def _samples_of_events(given: Data, ports: Ports, where: str) -> Samples:
    if len(ports.inputs) != 1:
        raise InputError(where or "data", f"holds events for {len(ports.inputs)} Inputs", "bin them yourself, by Input")
    (port,) = ports.inputs
    found = _events(given, port.shape, where, port.name)
    x = found["x"].reshape(*found["x"].shape[:2], -1)
    if x.shape[2] != port.size:
        what = f"events of {x.shape[2]:,} places for the {port.size:,} channels of {port.name}"
        raise InputError(where or "data", what, f"give the sensor of the network, {port.shape}")
    return samples_of({**found, "x": x}, Ports((Port("x", (port.size,)),), ports.outputs), where or "data")


def inputs_as_given(given: Data) -> NDArray[Any]:
    """x in the shape in which it was given, whatever holds it; events in that of their sensor.

    Raises:
        InputError: no such file, or no x.
    """
    if isinstance(given, Samples):
        return given.x
    if holds_events(given) or _is_recording(given):
        return np.asarray(_events(given, (), "", "input")["x"])
    alone = Ports((Port("x", ()),))
    arrays = _stored(Path(given), alone) if isinstance(given, str | Path) else given
    found = arrays.get("x") if isinstance(arrays, Mapping) else arrays
    if found is None:
        raise InputError("data", "holds no array x", _FORM)
    return np.asarray(found)


def _array(arrays: Mapping[str, Any], name: str) -> NDArray[Any] | None:
    return None if arrays.get(name) is None else np.asarray(arrays[name])


def _stored(path: Path, ports: Ports) -> dict[str, NDArray[Any] | None]:
    """The arrays of an npz file; of those that are not read, the names."""
    if not path.is_file():
        raise InputError(str(path), "no such file", f"give an npz file with {_wanted(ports)}")
    try:
        names = names_of(path)
    except UNREADABLE:
        names = []  # what is wrong with it is said where its arrays are read
    return dict.fromkeys(names) | _read(path, [name for name in names if ports.is_read(name)])


def _read(path: Path, names: Collection[str]) -> dict[str, NDArray[Any]]:
    try:
        return arrays_of(path, names)
    except UNREADABLE as error:
        if "Object arrays" in str(error):
            what = "holds Python objects, which only a pickle stores"
            raise InputError(str(path), what, "make x one array of numbers, all samples of one length") from error
        if not zipfile.is_zipfile(path):
            with path.open("rb") as file:
                begun = file.read(4) == b"PK\x03\x04"
            what = (
                "is damaged or cut off: it begins as an npz file and does not end as one"
                if begun
                else "is not an npz file"
            )
            raise InputError(str(path), what, _FORM) from error
        raise InputError(str(path), f"is not an npz file that can be read ({error})", _FORM) from error


def _wanted(ports: Ports) -> str:
    if len(ports.inputs) < 2:
        return "an array x (sample, step, channel)"
    return f"an array for each of the Inputs {listed(ports.inputs)}, (sample, step, channel)"


def _entering(where: str, arrays: Mapping[str, Any], ports: Ports) -> NDArray[Any]:
    """What enters: x, or the arrays of all inputs side by side."""
    own = {port: key for port in ports.inputs for key in reversed(input_keys(port)) if arrays.get(key) is not None}
    if len(ports.inputs) == 1:
        (port,) = ports.inputs
        key = "x" if arrays.get("x") is not None else own.get(port)
        output_names = [name for output in ports.outputs for name in output_keys(output)]
        if key is None:
            raise InputError(where, f"holds {sorted(arrays)}, no array x", _FORM)
        labels = next((np.shape(arrays[name]) for name in ["y", *output_names] if arrays.get(name) is not None), ())
        return _inputs(f"{where}: {key}", np.asarray(arrays[key]), port.shape, labels[0] if labels else 0)
    missing = [port for port in ports.inputs if port not in own]
    if missing and arrays.get("x") is not None and not set(own.values()) - {"x"}:
        return _side_by_side(f"{where}: x", np.asarray(arrays["x"]), ports)
    if missing:
        form = ", ".join(f"{port.name}=..." for port in ports.inputs)
        remedy = f"give {_wanted(ports)}: numpy.savez(path, {form}, y=...)"
        raise InputError(where, f"holds {sorted(arrays)}, no array {listed(missing)}", remedy)
    parts = [_values(f"{where}: {key}", np.asarray(arrays[key]), port) for port, key in own.items()]
    extents = {port.name: part.shape[:2] for port, part in zip(own, parts, strict=True)}
    if len(set(extents.values())) > 1:
        shapes = ", ".join(f"{name} {extent}" for name, extent in extents.items())
        raise InputError(where, f"inputs differ in (samples, steps): {shapes}", "give all of one extent")
    return np.concatenate(parts, axis=2)


def _values(where: str, x: NDArray[Any], port: Port) -> NDArray[Any]:
    """One of several inputs, flat; symbols as unit vectors."""
    x = _inputs(where, x, port.shape)
    if x.ndim == 3:
        if x.shape[2] != port.size:
            raise InputError(where, f"shape {x.shape} for {port.size} channels", f"give (sample, step, {port.size})")
        return x
    if int(x.max()) >= port.size:
        what = f"holds the symbol {int(x.max())} for {port.size} channels"
        raise InputError(where, what, f"give symbols 0..{port.size - 1}")
    return np.asarray(np.eye(port.size, dtype=np.int8)[x])


def _side_by_side(where: str, x: NDArray[Any], ports: Ports) -> NDArray[Any]:
    """All inputs in one array."""
    if x.ndim != 3 or x.shape[2] != ports.channels:
        sizes = " + ".join(f"{port.name} {port.size}" for port in ports.inputs)
        remedy = f"give {_wanted(ports)}, or (sample, step, {ports.channels}) with the channels of {sizes}"
        raise InputError(where, f"shape {x.shape} for {len(ports.inputs)} Inputs", remedy)
    return _inputs(where, x, (ports.channels,))


def _labels_by_output(
    where: str, arrays: Mapping[str, Any], ports: Ports, extent: tuple[int, ...]
) -> dict[str, IntArray]:
    """Labels by the program's names of outputs, in their order; y is the first output's."""
    unknown = {key for key in arrays if key.startswith("y/")}
    found: dict[str, IntArray] = {}
    for port in ports.outputs or (Port("", ()),):
        own = [key for key in output_keys(port) if arrays.get(key) is not None]
        unknown -= set(own)
        key = own[0] if own else "y"
        labels = _labels(where, key, _array(arrays, key), extent)
        if labels is not None:
            found[port.output] = labels
    if unknown:
        what = f"{min(unknown)} names no Output"
        raise InputError(where, what, f"the Outputs are {listed(ports.outputs) or 'not named'}")
    return found


def _inputs(where: str, x: NDArray[Any], shape: tuple[int, ...], labels: int = 0) -> NDArray[Any]:
    """What enters one Input, flat; `labels` tells whether the first axis of two is that of samples."""
    if x.dtype.kind not in "fiub":
        kind = "text" if x.dtype.kind in "US" else "Python objects" if x.dtype.kind == "O" else f"the type {x.dtype}"
        raise InputError(where, f"holds {kind} where numbers are", "convert it: x.astype(float)")
    if x.ndim == 2 and x.dtype == np.uint8 and x.size:
        return x
    axes = "(sample, step, channel)" if len(shape) < 2 else f"(sample, step, {', '.join(map(str, shape))})"
    if x.ndim == 2:
        added = "x[:, None]" if x.shape[0] == labels else "x[None]"
        remedy = f"give {axes}; add {added}; symbols are uint8 (sample, step)"
        raise InputError(where, f"shape {x.shape} has one axis too few", remedy)
    own = len(shape) > 1 and x.shape[2:] == shape
    if not (x.ndim == 3 or own) or not x.size:
        flat = f", or flat with {math.prod(shape)} channels" if len(shape) > 1 else ""
        raise InputError(where, f"shape {x.shape}", f"give {axes}{flat}, at least one of each")
    if not np.isfinite(x).all():
        bad = tuple(int(i) for i in np.argwhere(~np.isfinite(x))[0])
        raise InputError(where, f"{int((~np.isfinite(x)).sum())} values are not finite, first {bad}", "clean them")
    return x.reshape(*x.shape[:2], -1)


def _labels(where: str, key: str, y: NDArray[Any] | None, extent: tuple[int, ...]) -> IntArray | None:
    if y is None:
        return None
    if y.shape not in (extent[:1], extent) or y.dtype.kind not in "iu":
        found = f"shape {y.shape} of {y.dtype} for {extent[0]} samples"
        raise InputError(f"{where}: {key}", found, "give one integer class a sample, or one a step")
    return y.astype(np.int64)


def _lengths(where: str, lengths: NDArray[Any] | None, extent: tuple[int, ...]) -> IntArray | None:
    if lengths is None:
        return None
    if lengths.shape != extent[:1] or lengths.dtype.kind not in "iu":
        found = f"shape {lengths.shape} of {lengths.dtype} for {extent[0]} samples"
        raise InputError(f"{where}: lengths", found, "give one integer a sample")
    if lengths.min() < 1 or lengths.max() > extent[1]:
        found = f"lie in {lengths.min()}..{lengths.max()}"
        raise InputError(f"{where}: lengths", found, f"give 1..{extent[1]}, the steps that count")
    return lengths.astype(np.int64)


def refuse_labels(samples: Samples, graph: Graph, name: str) -> None:
    """See that every label is a class of the output it speaks of; `name` says in messages which data they are.

    Raises:
        InputError: one that is not.
    """
    outputs = Ports.of_graph(graph).outputs
    classes = {port.output: port.size for port in outputs} | {"": outputs[0].size if outputs else 0}
    for part in samples.by_output():
        if classes.get(part.output):
            several = f" of the output {part.output}" if len(outputs) > 1 else ""
            part.refuse_labels_beyond(classes[part.output], f"{name} data: y{several}", bool(several))
