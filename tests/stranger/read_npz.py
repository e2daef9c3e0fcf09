"""program.npz, by docs/program_format.md and the layout of numpy's .npy files."""

from __future__ import annotations

import ast
import json
import struct
import zipfile
from math import prod
from pathlib import Path
from typing import Any

from tests.stranger.parts import (
    Geometry,
    Population,
    Program,
    Projection,
    Row,
    average_weight,
    convolution,
    diagonal,
    matrix_of,
    pooling,
)

Arrays = dict[str, tuple[list[int], list[int]]]
"""Numbers in C order and shape, by name."""


def read_npz(path: Path) -> Program:
    with zipfile.ZipFile(path) as archive:
        header = json.loads(_body(archive.read("header.npy"))[1].decode())
        arrays = {name: _array(archive.read(f"{name}.npy")) for name in header["arrays"]}
    if header["semantics_version"] != 2:
        raise ValueError("no program of version 1")
    program = Program(latency=header["latency_steps"])
    program.inputs = {source["name"]: source["size"] for source in header["inputs"]}
    program.populations = {own["name"]: _population(own, arrays) for own in header["populations"]}
    program.projections = [_projection(own, arrays) for own in header["projections"]]
    program.outputs = [(own["name"], own["population"], own["register"]) for own in header["outputs"]]
    return program


def _body(data: bytes) -> tuple[dict[str, Any], bytes]:
    """The description of an array and its bytes."""
    assert data[:6] == b"\x93NUMPY"
    form, start = ("<H", 10) if data[6] == 1 else ("<I", 12)
    (length,) = struct.unpack(form, data[8:start])
    return ast.literal_eval(data[start : start + length].decode()), data[start + length :]


def _array(data: bytes) -> tuple[list[int], list[int]]:
    described, body = _body(data)
    assert described["descr"] == "<i8" and not described["fortran_order"]
    shape = list(described["shape"])
    return list(struct.unpack(f"<{prod(shape)}q", body)), shape


def _population(own: dict[str, Any], arrays: Arrays) -> Population:
    name = own["name"]
    coefficients = {key: arrays[f"population/{name}/{key}"][0] for key in own["coefficients"]}
    return Population(name, own["neuron"], own["size"], own["modes"], own["start_step"], own["settings"], coefficients)


def _projection(own: dict[str, Any], arrays: Arrays) -> Projection:
    name = own["name"]
    fields = {key.rpartition("/")[2]: value for key, value in arrays.items() if key.startswith(f"projection/{name}/")}
    rows = _connection(own["kind"], own["settings"], fields)
    return Projection(name, own["source"], own["target"], own["port"], rows, own["exponent"], own["delay_steps"])


def _connection(kind: str, settings: dict[str, Any], fields: Arrays) -> list[Row]:
    if kind == "dense":
        numbers, (_, sources) = fields["weights"]
        return matrix_of(numbers, sources)
    if kind == "one-to-one":
        return diagonal(fields["weights"][0])
    if kind == "sparse":
        rows: list[Row] = [[] for _ in range(settings["shape"][0])]
        for row, column, weight in zip(*(fields[key][0] for key in ("rows", "columns", "values")), strict=True):
            rows[row].append((column, weight))
        return rows
    shape, stride, padding = settings["input_shape"], settings["stride"], settings["padding"]
    if kind == "convolution":
        numbers, weights = fields["weights"]
        geometry = Geometry(shape, weights[2:], stride, padding, settings["dilation"])
        return convolution(geometry, numbers, weights, settings["groups"])
    kernel = settings["kernel"]
    weight = 1 if kind == "sum-pooling" else average_weight(kernel, settings["fraction_bits"])
    return pooling(Geometry(shape, kernel, stride, padding, [1] * len(kernel)), weight)
