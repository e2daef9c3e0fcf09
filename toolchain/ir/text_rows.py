"""Rows of numbers in a program's text, both ways, and a reader that knows which line it is at."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from toolchain.errors import InputError
from toolchain.ir.integer import IntArray

ROW = "    "


def extent_text(shape: tuple[int, ...]) -> str:
    """A shape as it is written: ``16x2x5x5``."""
    return "x".join(map(str, shape))


def read_extent(extent: str) -> tuple[int, ...]:
    """Read a shape; ValueError where it holds nothing."""
    shape = tuple(map(int, extent.split("x")))
    if min(shape) < 1:
        raise ValueError(f"{extent} holds nothing")
    return shape


def matrix_lines(values: IntArray) -> Iterator[str]:
    """One line for each row, the last axis."""
    for row in values.reshape(-1, values.shape[-1]) if values.size else ():
        yield ROW + " ".join(map(str, row.tolist()))


def read_options(words: list[str], *names: str) -> dict[str, str]:
    """The `name=value` words: all of the names, nothing else, nothing twice; else ValueError."""
    options = dict(word.split("=", 1) for word in words)
    if len(options) != len(words) or options.keys() != set(names):
        raise ValueError(f"expected {', '.join(names)}")
    return options


class Reader:
    """Lines of a program's text with their numbers, for errors that say where."""

    def __init__(self, text: str, name: str) -> None:
        self.name = name
        self.lines = text.removesuffix("\n").split("\n")
        self.at = 0

    def peek(self) -> str:
        """The next line that is not empty, or "" at the end."""
        while self.at < len(self.lines) and not self.lines[self.at].strip():
            self.at += 1
        return self.lines[self.at] if self.at < len(self.lines) else ""

    def take(self) -> str:
        """The next line, blank or not; InputError at the end."""
        if self.at >= len(self.lines):
            raise self.fault("the text ends too early")
        self.at += 1
        return self.lines[self.at - 1]

    def row(self) -> list[str]:
        """The words of the next line, which must be indented as rows are."""
        line = self.take()
        if not line.startswith(ROW):
            raise self.fault(f"expected a row of numbers, found {line[:60]!r}")
        return line.split()

    def matrix(self, shape: tuple[int, ...]) -> IntArray:
        """An array of that shape, one line for each row."""
        *rows, width = shape
        read = []
        for _ in range(math.prod(rows)):
            words = self.row()
            if len(words) != width:
                raise self.fault(f"{len(words)} numbers in a row of {width}")
            read.append(np.array([int(word) for word in words], dtype=np.int64))
        return np.concatenate(read).reshape(shape)

    def finish(self) -> None:
        """Take the line `end` and see that nothing follows."""
        self.take()
        if self.peek():
            self.take()
            raise self.fault("there is more after 'end'")

    def fault(self, what: str) -> InputError:
        """An error about the line taken last."""
        return InputError(f"{self.name}:{self.at}", what, "compare with a program.txt that seamount wrote")
