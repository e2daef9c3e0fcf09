"""WikiText-103 as bytes: the symbol of a step is a byte, its label the next one.

Reads `wiki.train.tokens`, `wiki.valid.tokens` and `wiki.test.tokens`. The published figures are perplexities a word
over 267735 words; bits a byte become one by the bytes and words of the same text (`word_perplexity`). All training
windows take 5 GB of memory, most of it labels; `bytes_limit` takes the first part of the training text.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from models.data.official import contents, official_folder, one_of
from models.tasks.sotu import next_symbols
from models.tasks.task import Part, Task
from toolchain.errors import InputError

STEPS = 1024
SYMBOLS = 256


def wikitext103(bytes_limit: int | None = None) -> Task:
    """Windows of 1024 bytes.

    Args:
        bytes_limit: bytes of the training text that are used; None for all.

    Raises:
        InputError: a file that is not there, or too short for a window.
    """
    folder = one_of(official_folder("wikitext-103"), "wikitext-103", ".")
    train = _windows(folder / "wiki.train.tokens", bytes_limit)
    validation, test = (_windows(folder / f"wiki.{kind}.tokens") for kind in ("valid", "test"))
    return Task("wikitext103", SYMBOLS, train, validation, test, symbols=SYMBOLS)


def _windows(path: Path, limit: int | None = None) -> Part:
    text = np.frombuffer(contents(path)[:limit], dtype=np.uint8)
    if len(text) <= STEPS:
        raise InputError(str(path), f"has {len(text)} bytes, a window needs {STEPS + 1}", "unpack it again")
    return next_symbols(text, STEPS)


def word_perplexity(bits_per_byte: float, text: bytes) -> float:
    """What bits a byte are as a perplexity a word of a text: 2 to the bits a word.

    Words are counted as the published figures count them: separated by blanks, and an end for every line.
    """
    words = len(text.split()) + text.count(b"\n")
    return float(2 ** (bits_per_byte * len(text) / words))
