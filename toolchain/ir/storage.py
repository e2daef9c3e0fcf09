"""Programs as one `.npz` file: the same content as the text, quicker to load where arrays are large."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np

from toolchain.errors import InputError
from toolchain.files import UNREADABLE, read_npz, write_npz
from toolchain.ir.connections import CONNECTIONS_BY_KIND, Connection
from toolchain.ir.integer import IntArray
from toolchain.ir.program import SEMANTICS_VERSION, Input, Output, Population, Program, Projection


def save_program(program: Program, path: Path) -> None:
    """Write a program; the file appears whole or not at all, and equal programs give equal bytes."""
    arrays: dict[str, IntArray] = {}
    header = {
        "semantics_version": program.semantics_version,
        "name": program.name,
        "latency_steps": program.latency_steps,
        "notes": dict(program.notes),
        "inputs": [vars(source) for source in program.inputs],
        "populations": [_population_header(population, arrays) for population in program.populations],
        "projections": [_projection_header(projection, arrays) for projection in program.projections],
        "outputs": [vars(output) for output in program.outputs],
    }
    write_npz(path, header, arrays)


def load_program(path: Path) -> Program:
    """Read a program.

    Raises:
        InputError: the file is absent, is no program, or was made under another meaning of programs.
    """
    if not path.is_file():
        raise InputError(str(path), "no such file", "give the path of a program.npz that seamount wrote")
    try:
        header, arrays = read_npz(path)
        if header["semantics_version"] != SEMANTICS_VERSION:
            found = header["semantics_version"]
            raise InputError(str(path), f"has semantics version {found}, this is {SEMANTICS_VERSION}", "deploy again")
        return _program(header, arrays)
    except UNREADABLE as error:
        raise InputError(str(path), f"is not a program ({error})", "deploy the network again") from error


def _population_header(population: Population, arrays: dict[str, IntArray]) -> dict[str, Any]:
    for name, values in population.coefficients.items():
        arrays[f"population/{population.name}/{name}"] = values
    return {
        "name": population.name,
        "neuron": population.neuron,
        "size": population.size,
        "modes": population.modes,
        "settings": dict(population.settings),
        "coefficients": sorted(population.coefficients),
        "start_step": population.start_step,
        "origin": population.origin,
    }


def _projection_header(projection: Projection, arrays: dict[str, IntArray]) -> dict[str, Any]:
    """The connection's arrays go among the arrays, its shapes and numbers into the header."""
    settings = {}
    for name, value in _fields(projection.connection).items():
        if isinstance(value, np.ndarray):
            arrays[f"projection/{projection.name}/{name}"] = value
        else:
            settings[name] = value
    header = {name: value for name, value in vars(projection).items() if name != "connection"}
    return {**header, "kind": projection.connection.kind, "settings": settings}


def _fields(connection: Connection) -> dict[str, Any]:
    return {field.name: getattr(connection, field.name) for field in dataclasses.fields(connection)}


def _program(header: dict[str, Any], arrays: dict[str, IntArray]) -> Program:
    return Program(
        name=header["name"],
        inputs=tuple(Input(**_typed(Input, source)) for source in header["inputs"]),
        populations=tuple(_population(fields, arrays) for fields in header["populations"]),
        projections=tuple(_projection(fields, arrays) for fields in header["projections"]),
        outputs=tuple(
            Output(**_typed(Output, output) | {"exponents": tuple(output["exponents"])}) for output in header["outputs"]
        ),
        latency_steps=_whole(header["latency_steps"]),
        notes={str(key): str(value) for key, value in header["notes"].items()},
        semantics_version=header["semantics_version"],
    )


def _population(fields: dict[str, Any], arrays: dict[str, IntArray]) -> Population:
    names = _typed(Population, fields).pop("coefficients")
    return Population(**fields, coefficients={name: arrays[f"population/{fields['name']}/{name}"] for name in names})


def _projection(fields: dict[str, Any], arrays: dict[str, IntArray]) -> Projection:
    kind = CONNECTIONS_BY_KIND[_typed(Projection, fields).pop("kind")]
    settings: dict[str, Any] = {name: _tuples(value) for name, value in fields.pop("settings").items()}
    stored = [field.name for field in dataclasses.fields(kind) if field.name not in settings]
    settings |= {name: arrays[f"projection/{fields['name']}/{name}"] for name in stored}
    return Projection(**fields, connection=kind(**settings))


def _tuples(value: Any) -> Any:
    """JSON knows lists only, three within each other at most; all that they hold are integers."""
    if not isinstance(value, list):
        return _whole(value)
    return tuple(tuple(map(_numbers, part)) if isinstance(part, list) else _whole(part) for part in value)


def _numbers(value: Any) -> Any:
    return tuple(map(_whole, value)) if isinstance(value, list) else _whole(value)


def _whole(value: Any) -> int:
    """An integer; TypeError for 64.0, "64" and true."""
    if type(value) is not int:
        raise TypeError(f"{value!r} is no integer")
    return value


def _typed(kind: type, fields: dict[str, Any]) -> dict[str, Any]:
    """Fields of a part, those that are integers or texts looked at."""
    wanted = {field.name: field.type for field in dataclasses.fields(kind)}
    for name, value in fields.items():
        if wanted.get(name) == "int":
            _whole(value)
        if wanted.get(name) == "str" and not isinstance(value, str):
            raise TypeError(f"{name} {value!r} is no text")
    return fields
