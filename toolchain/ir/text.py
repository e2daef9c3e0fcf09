"""Programs as text, both ways: readable, complete, and one line a row so that it diffs well.

    seamount program 2
    name: digits
    latency_steps: 3
    note task: digits

    input pixels size=1 bits=6 exponent=4 overflow=saturate

    population block0 ssm_lif size=64 modes=8 start_step=1 origin=block0.soma
      setting c_shift 4
      coefficient a_re 64x8
        31000 30112 ...

    projection pixels->block0 pixels block0.input dense 64x1 exponent=2 delay_steps=1
        12
        ...
    output classes readout.total reading=last exponents=9 early_steps=0

    end

Names hold no blanks; an origin may, and stands last in its line. A matrix is one line a row; `connection_text` says how
each kind of connection is written. `end` tells a whole text from a truncated one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import cast

from toolchain.ir.connection_text import connection_lines, read_connection
from toolchain.ir.integer import IntArray
from toolchain.ir.program import SEMANTICS_VERSION, Input, Output, Population, Program, Projection
from toolchain.ir.text_rows import Reader, extent_text, matrix_lines, read_extent, read_options

HEADER = "seamount program"
ORIGIN = " origin="


def write_program(program: Program) -> str:
    """Return the whole program as text."""
    return "\n".join(_lines(program)) + "\n"


def program_hash(program: Program) -> str:
    """Return the sha256 of the program's text: its identity in traces and manifests. The text is never held whole."""
    digest = hashlib.sha256()
    for line in _lines(program):
        digest.update(f"{line}\n".encode())
    return digest.hexdigest()


def _lines(program: Program) -> Iterator[str]:
    """The text, line by line."""
    yield f"{HEADER} {program.semantics_version}"
    yield f"name: {program.name}"
    yield f"latency_steps: {program.latency_steps}"
    yield from (f"note {key}: {value}" for key, value in sorted(program.notes.items()))
    yield ""
    yield from map(_input_line, program.inputs)
    for population in program.populations:
        yield ""
        yield from _population_lines(population)
    for projection in program.projections:
        yield ""
        yield from _projection_lines(projection)
    yield ""
    yield from map(_output_line, program.outputs)
    yield from ("", "end")


def _population_lines(population: Population) -> Iterator[str]:
    yield (
        f"population {population.name} {population.neuron} size={population.size} modes={population.modes}"
        f" start_step={population.start_step}" + (f"{ORIGIN}{population.origin}" if population.origin else "")
    )
    for name, value in sorted(population.settings.items()):
        yield f"  setting {name} {value}"
    for name, values in sorted(population.coefficients.items()):
        yield f"  coefficient {name} {extent_text(values.shape)}"
        yield from matrix_lines(values)


def _input_line(source: Input) -> str:
    return (
        f"input {source.name} size={source.size} bits={source.bits} exponent={source.exponent}"
        f" overflow={source.overflow}"
    )


def _output_line(output: Output) -> str:
    target = f"{output.population}.{output.register}" if output.register else output.population
    exponents = ",".join(map(str, output.exponents))
    return (
        f"output {output.name} {target} reading={output.reading} exponents={exponents} early_steps={output.early_steps}"
    )


def _projection_lines(projection: Projection) -> Iterator[str]:
    connection = projection.connection
    yield (
        f"projection {projection.name} {projection.source} {projection.target}.{projection.port} {connection.kind}"
        f" {connection.target_size}x{connection.source_size} exponent={projection.exponent}"
        f" delay_steps={projection.delay_steps}" + (f"{ORIGIN}{projection.origin}" if projection.origin else "")
    )
    yield from connection_lines(connection)


def read_program(text: str, name: str = "program.txt") -> Program:
    """Read a program from its text.

    Raises:
        InputError: with the line that is not understood, or a version of the meaning that is not this one.
    """
    reader = Reader(text, name)
    _read_version(reader)
    parts: dict[str, dict[str, object]] = {word: {} for word in ("name:", "latency_steps:", "note", *_READERS)}
    while (line := reader.peek()) != "end":
        reader.take()
        try:
            word, key, part = _read_part(reader, line)
            if key in parts[word]:
                raise ValueError(f"{key or word} is given twice")
            parts[word][key] = part
        except (KeyError, ValueError, IndexError, TypeError, OverflowError) as error:
            found = reader.lines[reader.at - 1][:60]
            raise reader.fault(f"cannot read {found!r} ({type(error).__name__}: {error})") from error
    reader.finish()
    if not parts["name:"] or not parts["latency_steps:"]:
        raise reader.fault("the lines 'name:' and 'latency_steps:' are not both there")
    return Program(
        name=cast(str, parts["name:"][""]),
        inputs=tuple(cast(dict[str, Input], parts["input"]).values()),
        populations=tuple(cast(dict[str, Population], parts["population"]).values()),
        projections=tuple(cast(dict[str, Projection], parts["projection"]).values()),
        outputs=tuple(cast(dict[str, Output], parts["output"]).values()),
        latency_steps=cast(int, parts["latency_steps:"][""]),
        notes=cast(dict[str, str], parts["note"]),
    )


def _read_part(reader: Reader, line: str) -> tuple[str, str, object]:
    """One part of a program: its kind, its name among that kind, and itself."""
    word, _, rest = line.partition(" ")
    if word == "name:":
        return word, "", rest
    if word == "latency_steps:":
        return word, "", int(rest)
    if word == "note":
        key, _, value = rest.partition(": ")
        return word, key, value
    words = rest.split(" ")
    if word in ("population", "projection"):
        rest, _, origin = rest.partition(ORIGIN)
        words = [*rest.split(" "), f"origin={origin}"]
    return word, words[0], _READERS[word](reader, words)


def _read_version(reader: Reader) -> None:
    first = reader.take()
    if not first.startswith(HEADER + " "):
        raise reader.fault(f"does not begin with {HEADER!r}")
    version = first.removeprefix(HEADER + " ").strip()
    if version != str(SEMANTICS_VERSION):
        raise reader.fault(f"was written under semantics version {version}, this is {SEMANTICS_VERSION}")


def _read_input(reader: Reader, words: list[str]) -> Input:
    options = read_options(words[1:], "size", "bits", "exponent", "overflow")
    size, bits, exponent = (int(options[name]) for name in ("size", "bits", "exponent"))
    return Input(words[0], size, bits, exponent, options["overflow"])


def _read_population(reader: Reader, words: list[str]) -> Population:
    name, neuron, *rest = words
    options = read_options(rest, "size", "modes", "start_step", "origin")
    settings: dict[str, int] = {}
    coefficients: dict[str, IntArray] = {}
    while (line := reader.peek()).startswith("  "):
        reader.take()
        kind, key, value = line.split()
        if key in settings or key in coefficients:
            raise ValueError(f"{key} is given twice")
        if kind == "setting":
            settings[key] = int(value)
        elif kind == "coefficient":
            coefficients[key] = reader.matrix(read_extent(value))
        else:
            raise ValueError(f"expected 'setting' or 'coefficient', found {kind!r}")
    return Population(
        name,
        neuron,
        size=int(options["size"]),
        modes=int(options["modes"]),
        settings=settings,
        coefficients=coefficients,
        start_step=int(options["start_step"]),
        origin=options["origin"],
    )


def _read_projection(reader: Reader, words: list[str]) -> Projection:
    name, source, end, kind, extent, *rest = words
    options = read_options(rest, "exponent", "delay_steps", "origin")
    target, _, port = end.rpartition(".")
    target_size, source_size = read_extent(extent)
    return Projection(
        name,
        source,
        target,
        read_connection(reader, kind, (target_size, source_size)),
        port,
        exponent=int(options["exponent"]),
        delay_steps=int(options["delay_steps"]),
        origin=options["origin"],
    )


def _read_output(reader: Reader, words: list[str]) -> Output:
    name, read, *rest = words
    options = read_options(rest, "reading", "exponents", "early_steps")
    population, _, register = read.partition(".")
    exponents = tuple(map(int, options["exponents"].split(",")))
    return Output(name, population, register, options["reading"], exponents, int(options["early_steps"]))


_READERS = {
    "input": _read_input,
    "population": _read_population,
    "projection": _read_projection,
    "output": _read_output,
}
