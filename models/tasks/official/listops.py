"""Long Range Arena's own ListOps trees, from its tables with the columns Source and Target."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from models.data.listops import CLOSE, DIGITS, MAX_LENGTH, OPERATORS
from models.data.official import contents, official_folder
from models.tasks.listops import STEPS, SYMBOLS, padded
from models.tasks.task import Part, Task
from toolchain.errors import InputError

FILES = ("basic_train.tsv", "basic_val.tsv", "basic_test.tsv")
HEADER = "Source\tTarget"
CODES = {str(digit): digit for digit in range(DIGITS)}
CODES |= {f"[{name}": DIGITS + number for number, name in enumerate(OPERATORS)} | {"]": CLOSE}
DROPPED = str.maketrans("()", "  ")


def lra_listops() -> Task:
    """96000, 2000 and 2000 trees, in the symbols of `models.tasks.listops`."""
    folder = official_folder("lra-listops")
    parts = [read_trees(folder / name) for name in FILES]
    return Task("lra-listops", DIGITS, parts[0], parts[1], parts[2], symbols=SYMBOLS)


def read_trees(path: Path) -> Part:
    """The trees of one file; parentheses are left out.

    Raises:
        InputError: another header, an unknown token, a value that is no digit, or a tree that is too long.
    """
    header, *rows = contents(path).decode("utf-8", "replace").splitlines() or [""]
    if header != HEADER:
        raise InputError(str(path), f"begins with {header[:40]!r}, not {HEADER!r}", "copy it again")
    symbols, labels, lengths = [], [], []
    for number, row in enumerate(rows, 2):
        source, _, target = row.partition("\t")
        tokens = source.translate(DROPPED).split()
        unknown = next((token for token in tokens if token not in CODES), None)
        if unknown or target not in CODES or CODES[target] >= DIGITS or not 0 < len(tokens) <= MAX_LENGTH:
            found = f"has {len(tokens)} tokens, among them {unknown!r}, and the value {target[:20]!r}"
            raise InputError(f"{path}, row {number}", found, f"known are {', '.join(CODES)}; values are 0..9")
        symbols += [CODES[token] for token in tokens]
        labels.append(CODES[target])
        lengths.append(len(tokens))
    counts = np.array(lengths, dtype=np.int64)
    return Part(padded(np.array(symbols, dtype=np.uint8), counts, STEPS), np.array(labels, dtype=np.int64), counts)
