"""State of the Union addresses as characters: the text from 1790 on, split by year, for next-character prediction."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.data import read_data
from models.tasks.task import Part, Task

FIRST_VALIDATION_YEAR = 1996
FIRST_TEST_YEAR = 2006
STEPS = 1024


@dataclass(frozen=True)
class Text:
    """Symbols of three parts, one address after the other.

    Attributes:
        alphabet: the byte of each symbol.
        train, validation, test: symbols, uint8, of the years before 1996, 1996 to 2005, and from 2006 on.
    """

    alphabet: bytes
    train: NDArray[np.uint8]
    validation: NDArray[np.uint8]
    test: NDArray[np.uint8]


def load() -> Text:
    """All addresses; the alphabet is that of the whole text (102 bytes)."""
    arrays = read_data("sotu")
    used, symbols = np.unique(arrays["text"], return_inverse=True)
    year = np.repeat(arrays["years"], arrays["lengths"])
    coded = symbols.astype(np.uint8)
    recent = year >= FIRST_VALIDATION_YEAR
    last = year >= FIRST_TEST_YEAR
    return Text(used.astype(np.uint8).tobytes(), coded[~recent], coded[recent & ~last], coded[last])


def task() -> Task:
    """Windows of 1024 characters; the label of a step is the character after it."""
    text = load()
    parts = [next_symbols(symbols, STEPS) for symbols in (text.train, text.validation, text.test)]
    size = len(text.alphabet)
    return Task("sotu", size, parts[0], parts[1], parts[2], symbols=size)


def next_symbols(symbols: NDArray[np.uint8], steps: int) -> Part:
    """Windows of a text and, as labels, the symbol after each: together, all symbols but the first and a last rest."""
    cut = windows(symbols, steps)
    return Part(np.ascontiguousarray(cut[:, :-1]), cut[:, 1:].astype(np.int64))


def windows(symbols: NDArray[np.uint8], steps: int) -> NDArray[np.uint8]:
    """Sequences (count, steps + 1) that share one symbol: what goes in, and, one step on, what is to be predicted."""
    starts = np.arange(0, len(symbols) - steps, steps)
    cut: NDArray[np.uint8] = symbols[starts[:, None] + np.arange(steps + 1)]
    return cut
