"""Programs as text, both ways: readable, complete, and one line a row so that it diffs well.

    seamount program 1
    name: digits
    latency_steps: 3
    note task: digits

    input pixels size=1 bits=6 exponent=4

    population block0 ssm_lif size=64 modes=8 start_step=1 origin=block0.soma
      setting c_shift 4
      coefficient a_re 64x8
        31000 30112 ...

    projection pixels->block0 pixels block0.input dense 64x1 exponent=2 delay_steps=1
        12
        ...
    output classes readout.total

Names hold no blanks. A matrix is one line a row. Sparse connections are one line a target: `column:weight ...`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import cast

import numpy as np

from toolchain.errors import InputError
from toolchain.ir.connections import Connection, Dense, Sparse
from toolchain.ir.integer import IntArray
from toolchain.ir.program import SEMANTICS_VERSION, Input, Output, Population, Program, Projection

HEADER = "seamount program"


def write_program(program: Program) -> str:
    """Return the whole program as text."""
    lines = [f"{HEADER} {program.semantics_version}", f"name: {program.name}"]
    lines.append(f"latency_steps: {program.latency_steps}")
    lines += [f"note {key}: {value}" for key, value in sorted(program.notes.items())]
    lines.append("")
    lines += [f"input {i.name} size={i.size} bits={i.bits} exponent={i.exponent}" for i in program.inputs]
    for population in program.populations:
        lines += ["", *_population_lines(population)]
    for projection in program.projections:
        lines += ["", *_projection_lines(projection)]
    lines.append("")
    for output in program.outputs:
        target = f"{output.population}.{output.register}" if output.register else output.population
        lines.append(f"output {output.name} {target}")
    return "\n".join(lines) + "\n"


def program_hash(program: Program) -> str:
    """Return the sha256 of the program's text: its identity in traces and manifests."""
    return hashlib.sha256(write_program(program).encode()).hexdigest()


def _population_lines(population: Population) -> Iterator[str]:
    yield (
        f"population {population.name} {population.neuron} size={population.size} modes={population.modes}"
        f" start_step={population.start_step}" + (f" origin={population.origin}" if population.origin else "")
    )
    for name, value in sorted(population.settings.items()):
        yield f"  setting {name} {value}"
    for name, values in sorted(population.coefficients.items()):
        yield f"  coefficient {name} {_extent(values)}"
        yield from _matrix_lines(values)


def _projection_lines(projection: Projection) -> Iterator[str]:
    connection = projection.connection
    yield (
        f"projection {projection.name} {projection.source} {projection.target}.{projection.port} {connection.kind}"
        f" {connection.target_size}x{connection.source_size} exponent={projection.exponent}"
        f" delay_steps={projection.delay_steps}" + (f" origin={projection.origin}" if projection.origin else "")
    )
    if isinstance(connection, Dense):
        yield from _matrix_lines(connection.weights)
    else:
        yield from _sparse_lines(connection)


def _extent(values: IntArray) -> str:
    return "x".join(str(extent) for extent in values.shape)


def _matrix_lines(values: IntArray) -> Iterator[str]:
    for row in values.reshape(-1, values.shape[-1]) if values.size else ():
        yield "    " + " ".join(map(str, row.tolist()))


def _sparse_lines(connection: Sparse) -> Iterator[str]:
    for row in range(connection.target_size):
        here = connection.rows == row
        pairs = zip(connection.columns[here].tolist(), connection.values[here].tolist(), strict=True)
        yield "    " + " ".join(f"{column}:{value}" for column, value in pairs)


class _Reader:
    """Lines of a program's text with their numbers, for errors that say where."""

    def __init__(self, text: str, name: str) -> None:
        self.name = name
        self.lines = text.split("\n")
        self.at = 0

    def peek(self) -> str:
        """The next line that is not empty, or "" at the end."""
        while self.at < len(self.lines) and not self.lines[self.at].strip():
            self.at += 1
        return self.lines[self.at] if self.at < len(self.lines) else ""

    def take(self) -> str:
        """The next line, blank or not."""
        line = self.lines[self.at] if self.at < len(self.lines) else ""
        self.at += 1
        return line

    def fault(self, what: str) -> InputError:
        """An error about the line taken last."""
        return InputError(f"{self.name}:{self.at}", what, "compare with a program.txt that seamount wrote")


def read_program(text: str, name: str = "program.txt") -> Program:
    """Read a program from its text.

    Raises:
        InputError: with the line that is not understood, or a version of the meaning that is not this one.
    """
    reader = _Reader(text, name)
    header: dict[str, str] = {}
    notes: dict[str, str] = {}
    parts: dict[str, list[object]] = {"input": [], "population": [], "projection": [], "output": []}
    _read_version(reader)
    while line := reader.peek():
        reader.take()
        word, _, rest = line.partition(" ")
        try:
            if word in ("name:", "latency_steps:"):
                header[word] = rest
            elif word == "note":
                key, _, value = rest.partition(": ")
                notes[key] = value
            else:
                parts[word].append(_READERS[word](reader, rest.split(" ")))
        except InputError:
            raise
        except (KeyError, ValueError, IndexError, TypeError) as error:
            raise reader.fault(f"cannot read {line[:60]!r} ({type(error).__name__}: {error})") from error
    return Program(
        name=header.get("name:", ""),
        inputs=tuple(cast(list[Input], parts["input"])),
        populations=tuple(cast(list[Population], parts["population"])),
        projections=tuple(cast(list[Projection], parts["projection"])),
        outputs=tuple(cast(list[Output], parts["output"])),
        latency_steps=int(header.get("latency_steps:", "0")),
        notes=notes,
    )


def _read_version(reader: _Reader) -> None:
    first = reader.take()
    if not first.startswith(HEADER + " "):
        raise reader.fault(f"does not begin with {HEADER!r}")
    version = first.removeprefix(HEADER + " ").strip()
    if version != str(SEMANTICS_VERSION):
        raise reader.fault(f"was written under semantics version {version}, this is {SEMANTICS_VERSION}")


def _options(words: list[str]) -> dict[str, str]:
    return dict(word.split("=", 1) for word in words)


def _read_input(reader: _Reader, words: list[str]) -> Input:
    options = {key: int(value) for key, value in _options(words[1:]).items()}
    return Input(words[0], options["size"], options["bits"], options["exponent"])


def _read_population(reader: _Reader, words: list[str]) -> Population:
    name, neuron, *rest = words
    options = _options(rest)
    settings: dict[str, int] = {}
    coefficients: dict[str, IntArray] = {}
    while (line := reader.peek()).startswith("  "):
        reader.take()
        kind, key, value = line.split()
        if kind == "setting":
            settings[key] = int(value)
        elif kind == "coefficient":
            coefficients[key] = _read_matrix(reader, tuple(map(int, value.split("x"))))
        else:
            raise reader.fault(f"expected 'setting' or 'coefficient', found {kind!r}")
    return Population(
        name,
        neuron,
        size=int(options["size"]),
        modes=int(options["modes"]),
        settings=settings,
        coefficients=coefficients,
        start_step=int(options["start_step"]),
        origin=options.get("origin", ""),
    )


def _read_projection(reader: _Reader, words: list[str]) -> Projection:
    name, source, end, kind, extent, *rest = words
    options = _options(rest)
    target, _, port = end.rpartition(".")
    shape = cast(tuple[int, int], tuple(map(int, extent.split("x"))))
    connection: Connection = Dense(_read_matrix(reader, shape)) if kind == "dense" else _read_sparse(reader, shape)
    return Projection(
        name,
        source,
        target,
        connection,
        port,
        exponent=int(options["exponent"]),
        delay_steps=int(options["delay_steps"]),
        origin=options.get("origin", ""),
    )


def _read_matrix(reader: _Reader, shape: tuple[int, ...]) -> IntArray:
    count = int(np.prod(shape[:-1]))
    rows = [reader.take().split() for _ in range(count)]
    width = shape[-1]
    for offset, row in enumerate(rows):
        if len(row) != width:
            reader.at -= count - 1 - offset
            raise reader.fault(f"{len(row)} numbers in a row of {width}")
    return np.array([[int(number) for number in row] for row in rows], dtype=np.int64).reshape(shape)


def _read_sparse(reader: _Reader, shape: tuple[int, int]) -> Sparse:
    rows, columns, values = [], [], []
    for row in range(shape[0]):
        for pair in reader.take().split():
            column, _, value = pair.partition(":")
            rows.append(row)
            columns.append(int(column))
            values.append(int(value))
    return Sparse(shape, np.array(rows, dtype=np.int64), np.array(columns, np.int64), np.array(values, np.int64))


def _read_output(reader: _Reader, words: list[str]) -> Output:
    population, _, register = words[1].partition(".")
    return Output(words[0], population, register)


_READERS = {
    "input": _read_input,
    "population": _read_population,
    "projection": _read_projection,
    "output": _read_output,
}
