"""Long Range Arena's Text and Retrieval from the publishers' files: bytes as symbols.

Symbols are the 128 ASCII codes and 128 for every other byte; padding is 0. Text: is a film review favorable, from up to
4096 bytes; every tenth training review is validation. Retrieval: does one paper cite the other, from up to 4000 bytes
of each, one after the other with symbol 129 between them, so that one pass reads both; a network of two towers splits
there.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from models.data.official import contents, official_folder, one_of
from models.tasks.task import Part, Task
from toolchain.errors import InputError

OTHER = 128
SEPARATOR = OTHER + 1
TEXT_BYTES = 4096
PAPER_BYTES = 4000
VALIDATION_EVERY = 10
PAIRS = [f"new_aan_pairs.{kind}.tsv" for kind in ("train", "eval", "test")]
COLUMNS = 5


def lra_text() -> Task:
    """22500 / 2500 / 25000 reviews; label 1 is favorable."""
    folder = one_of(official_folder("imdb"), "aclImdb", ".")
    train, validation = _reviews(folder / "train", rest=True), _reviews(folder / "train", rest=False)
    return Task("lra-text", 2, train, validation, _reviews(folder / "test"), symbols=OTHER + 1)


def _reviews(folder: Path, rest: bool | None = None) -> Part:
    """All reviews of a folder; or every tenth (`rest` false), or the others, in the order of their names."""
    texts, labels = [], []
    for label, kind in enumerate(("neg", "pos")):
        paths = sorted((folder / kind).glob("*.txt"))
        if not paths:
            raise InputError(str(folder / kind), "holds no .txt file", "unpack aclImdb_v1.tar.gz again")
        for number, path in enumerate(paths):
            if rest is None or (number % VALIDATION_EVERY != 0) is rest:
                texts.append(contents(path)[:TEXT_BYTES])
                labels.append(label)
    return as_part(texts, labels, TEXT_BYTES)


def as_part(texts: Sequence[bytes], labels: Sequence[int], steps: int, separated: bool = False) -> Part:
    """Texts as symbols, padded; an empty text is one padding symbol long.

    Args:
        texts: at most `steps` bytes each.
        labels: a class each.
        steps: length of the array.
        separated: keep byte 129, which is then the separator.
    """
    inputs = np.zeros((len(texts), steps), dtype=np.uint8)
    for row, text in zip(inputs, texts, strict=True):
        row[: len(text)] = np.frombuffer(text, dtype=np.uint8)
    np.minimum(inputs, SEPARATOR if separated else OTHER, out=inputs)
    lengths = np.array([max(len(text), 1) for text in texts], dtype=np.int64)
    return Part(inputs, np.array(labels, dtype=np.int64), lengths)


def lra_retrieval() -> Task:
    """147086 / 18090 / 17437 pairs of papers; label 1 is related."""
    folder = one_of(official_folder("aan"), "tsv_data", ".")
    parts = [read_pairs(folder / name) for name in PAIRS]
    return Task("lra-retrieval", 2, parts[0], parts[1], parts[2], symbols=SEPARATOR + 1)


def read_pairs(path: Path) -> Part:
    """Pairs of a file with the columns label, two names, and two texts, separated by tabs.

    Raises:
        InputError: not there, or a row of another form.
    """
    csv.field_size_limit(sys.maxsize)
    texts, labels = [], []
    rows = csv.reader(contents(path).decode("utf-8", "replace").splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE)
    for number, row in enumerate(rows, 1):
        if len(row) != COLUMNS or row[0] not in ("0", "1", "0.0", "1.0"):
            found = f"has {len(row)} columns and label {row[0][:20]!r}" if row else "is empty"
            raise InputError(f"{path}, row {number}", found, f"it needs {COLUMNS} columns, the first 0 or 1")
        first, second = (_ascii(text)[:PAPER_BYTES] for text in row[3:])
        texts.append(first + bytes([SEPARATOR]) + second)
        labels.append(int(row[0][0]))
    return as_part(texts, labels, 2 * PAPER_BYTES + 1, separated=True)


def _ascii(text: str) -> bytes:
    """UTF-8 with every byte outside ASCII as `OTHER`."""
    return np.minimum(np.frombuffer(text.encode(), dtype=np.uint8), OTHER).tobytes()
