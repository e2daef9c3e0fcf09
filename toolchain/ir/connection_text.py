"""Connections as rows of text, both ways.

Dense and one-to-one weights are a matrix, one line a row; a sparse connection is one line a target:
`column:weight ...`, or `-` where there is none. A convolution or pooling begins with its geometry:

    input=2x34x34 stride=2x2 padding=1:1x1:1 dilation=1x1 groups=1 weights=16x2x5x5
    input=16x16x16 kernel=2x2 stride=2x2 padding=0:0x0:0

Padding is before:after of each axis. The rows of the kernel follow, its last axis along the line; pooling has none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise

import numpy as np

from toolchain.ir.connections import (
    AveragePooling,
    Connection,
    Convolution,
    Dense,
    OneToOne,
    Sparse,
    SumPooling,
)
from toolchain.ir.text_rows import ROW, Reader, extent_text, matrix_lines, read_extent, read_options
from toolchain.windows import Padding, paired


def connection_lines(connection: Connection) -> Iterator[str]:
    """The rows of a connection."""
    if isinstance(connection, Dense | OneToOne):
        yield from matrix_lines(connection.weights)
    elif isinstance(connection, Sparse):
        yield from _sparse_lines(connection)
    elif isinstance(connection, Convolution):
        yield (
            ROW + _geometry(connection) + f" groups={connection.groups} weights={extent_text(connection.weights.shape)}"
        )
        yield from matrix_lines(connection.weights)
    else:
        yield ROW + _geometry(connection)


def read_connection(reader: Reader, kind: str, shape: tuple[int, int]) -> Connection:
    """Read a connection of a kind that maps (target, source).

    Raises:
        KeyError: an unknown kind.
        ValueError, TypeError: rows that make no such connection.
        InputError: rows that are no rows.
    """
    connection = _READERS[kind](reader, shape)
    found = (connection.target_size, connection.source_size)
    if found != shape:
        raise ValueError(f"a {kind} of {extent_text(found)} where {extent_text(shape)} is declared")
    return connection


def _sparse_lines(connection: Sparse) -> Iterator[str]:
    listed = zip(connection.columns.tolist(), connection.values.tolist(), strict=True)
    pairs = [f"{column}:{value}" for column, value in listed]
    ends = np.searchsorted(connection.rows, np.arange(connection.target_size + 1)).tolist()
    for start, end in pairwise(ends):
        yield ROW + (" ".join(pairs[start:end]) or "-")


def _geometry(connection: Convolution | SumPooling) -> str:
    """The shapes of a convolution or pooling."""
    words = {"input": extent_text(connection.input_shape)}
    if isinstance(connection, SumPooling):
        words["kernel"] = extent_text(connection.kernel)
    words["stride"] = extent_text(connection.stride)
    words["padding"] = "x".join(f"{before}:{after}" for before, after in connection.padding)
    if isinstance(connection, Convolution):
        words["dilation"] = extent_text(connection.dilation)
    if isinstance(connection, AveragePooling):
        words["fraction_bits"] = str(connection.fraction_bits)
    return " ".join(f"{name}={value}" for name, value in words.items())


def _read_dense(reader: Reader, shape: tuple[int, int]) -> Dense:
    return Dense(reader.matrix(shape))


def _read_one_to_one(reader: Reader, shape: tuple[int, int]) -> OneToOne:
    return OneToOne(reader.matrix(shape[:1]))


def _read_sparse(reader: Reader, shape: tuple[int, int]) -> Sparse:
    rows: list[int] = []
    columns: list[int] = []
    values: list[int] = []
    for row in range(shape[0]):
        pairs = [(int(column), int(value)) for column, value in _pairs(reader.row())]
        here = [column for column, _ in pairs]
        if here != sorted({column for column in here if 0 <= column < shape[1]}):
            raise reader.fault(f"columns are outside 0 .. {shape[1] - 1}, out of order or listed twice")
        rows += [row] * len(pairs)
        columns += here
        values += [value for _, value in pairs]
    return Sparse(shape, np.array(rows, np.int64), np.array(columns, np.int64), np.array(values, np.int64))


def _pairs(words: list[str]) -> list[list[str]]:
    return [] if words == ["-"] else [word.split(":") for word in words]


def _read_convolution(reader: Reader, shape: tuple[int, int]) -> Convolution:
    options = read_options(reader.row(), "input", "stride", "padding", "dilation", "groups", "weights")
    return Convolution(
        reader.matrix(read_extent(options["weights"])),
        read_extent(options["input"]),
        read_extent(options["stride"]),
        _read_padding(options["padding"]),
        read_extent(options["dilation"]),
        int(options["groups"]),
    )


def _read_sum_pooling(reader: Reader, shape: tuple[int, int]) -> SumPooling:
    options = read_options(reader.row(), "input", "kernel", "stride", "padding")
    size, kernel, stride = (read_extent(options[name]) for name in ("input", "kernel", "stride"))
    return SumPooling(size, kernel, stride, _read_padding(options["padding"]))


def _read_average_pooling(reader: Reader, shape: tuple[int, int]) -> AveragePooling:
    options = read_options(reader.row(), "input", "kernel", "stride", "padding", "fraction_bits")
    size, kernel, stride = (read_extent(options[name]) for name in ("input", "kernel", "stride"))
    padding, fraction_bits = _read_padding(options["padding"]), int(options["fraction_bits"])
    return AveragePooling(size, kernel, stride, padding, fraction_bits)


def _read_padding(text: str) -> Padding:
    return paired([[int(number) for number in pair.split(":")] for pair in text.split("x")])


_READERS: dict[str, Callable[[Reader, tuple[int, int]], Connection]] = {
    Dense.kind: _read_dense,
    Sparse.kind: _read_sparse,
    OneToOne.kind: _read_one_to_one,
    Convolution.kind: _read_convolution,
    SumPooling.kind: _read_sum_pooling,
    AveragePooling.kind: _read_average_pooling,
}
