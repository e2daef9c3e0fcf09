"""program.txt, by docs/program_format.md."""

from __future__ import annotations

from math import prod

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


def read_text(text: str) -> Program:
    lines = text.split("\n")
    if lines[0] != "seamount program 2" or "end" not in lines:
        raise ValueError("no program of version 2")
    program, at = Program(), 1
    while lines[at] != "end":
        word, _, rest = lines[at].partition(" ")
        at += 1
        if word == "latency_steps:":
            program.latency = int(rest)
        elif word == "input":
            name, options = rest.split(" ", 1)
            program.inputs[name] = int(_options(options)["size"])
        elif word == "population":
            population, at = _population(rest, lines, at)
            program.populations[population.name] = population
        elif word == "projection":
            projection, at = _projection(rest, lines, at)
            program.projections.append(projection)
        elif word == "output":
            name, read, *_ = rest.split(" ")
            program.outputs.append((name, *_parted(read)))
        elif word not in ("", "name:", "note"):
            raise ValueError(f"unknown line {lines[at - 1]!r}")
    return program


def _options(text: str) -> dict[str, str]:
    return dict(word.split("=", 1) for word in text.split(" "))


def _parted(text: str) -> tuple[str, str]:
    first, _, second = text.partition(".")
    return first, second


def _shape(text: str) -> list[int]:
    return [int(number) for number in text.split("x")]


def _numbers(lines: list[str], at: int, count: int) -> tuple[list[int], int]:
    """The numbers of so many lines."""
    found = [int(word) for line in lines[at : at + count] for word in line.split()]
    return found, at + count


def _population(rest: str, lines: list[str], at: int) -> tuple[Population, int]:
    name, kind, text = rest.partition(" origin=")[0].split(" ", 2)
    options = _options(text)
    found = Population(name, kind, int(options["size"]), int(options["modes"]), int(options["start_step"]))
    while lines[at].startswith("  "):
        word, key, value = lines[at].split()
        at += 1
        if word == "setting":
            found.settings[key] = int(value)
        else:
            *rows, _ = _shape(value)
            found.coefficients[key], at = _numbers(lines, at, prod(rows))
    return found, at


def _projection(rest: str, lines: list[str], at: int) -> tuple[Projection, int]:
    name, source, end, kind, extent, text = rest.partition(" origin=")[0].split(" ", 5)
    options = _options(text)
    targets, sources = _shape(extent)
    rows, at = _connection(kind, targets, sources, lines, at)
    target, port = _parted(end)
    return Projection(name, source, target, port, rows, int(options["exponent"]), int(options["delay_steps"])), at


def _connection(kind: str, targets: int, sources: int, lines: list[str], at: int) -> tuple[list[Row], int]:
    if kind == "dense":
        numbers, at = _numbers(lines, at, targets)
        return matrix_of(numbers, sources), at
    if kind == "one-to-one":
        numbers, at = _numbers(lines, at, 1)
        return diagonal(numbers), at
    if kind == "sparse":
        return [_sparse_row(line) for line in lines[at : at + targets]], at + targets
    return _windowed(kind, lines, at)


def _sparse_row(line: str) -> Row:
    if line.strip() == "-":
        return []
    pairs = (word.split(":") for word in line.split())
    return [(int(column), int(weight)) for column, weight in pairs]


def _windowed(kind: str, lines: list[str], at: int) -> tuple[list[Row], int]:
    options, at = _options(lines[at].strip()), at + 1
    shape, stride = _shape(options["input"]), _shape(options["stride"])
    padding = [[int(number) for number in pair.split(":")] for pair in options["padding"].split("x")]
    if kind == "convolution":
        weights = _shape(options["weights"])
        geometry = Geometry(shape, weights[2:], stride, padding, _shape(options["dilation"]))
        numbers, at = _numbers(lines, at, prod(weights[:-1]))
        return convolution(geometry, numbers, weights, int(options["groups"])), at
    kernel = _shape(options["kernel"])
    geometry = Geometry(shape, kernel, stride, padding, [1] * len(kernel))
    weight = 1 if kind == "sum-pooling" else average_weight(kernel, int(options["fraction_bits"]))
    return pooling(geometry, weight), at
