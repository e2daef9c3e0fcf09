"""The labels of the test set in a build, so that decisions can be counted again from what lies there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from seamount.build.folder import BuildFolder
from seamount.build.whole import is_read_stepwise
from seamount.samples import Samples
from toolchain.errors import InputError
from toolchain.files import UNREADABLE, read_npz, write_npz
from toolchain.ir.integer import IntArray
from toolchain.ir.program import Program
from toolchain.ir.text import program_hash

LABELS = "labels"
_OF = "y/"
_ROWS = "rows"


@dataclass(frozen=True, eq=False)
class Labels:
    """Labels of the test set.

    Attributes:
        rows: which samples were compared, (compared,).
        by_output: classes (sample,) by the program's name of the output.
        first: the first output's name.
    """

    rows: IntArray
    by_output: Mapping[str, IntArray]
    first: str

    def of(self, output: str) -> IntArray | None:
        """Labels of an output, "" for the first; None where it has none."""
        return self.by_output.get(output or self.first)


def save_labels(folder: BuildFolder, program: Program, test: Samples, rows: IntArray) -> None:
    """Write the labels where there is one a sample; decisions at every step cannot be counted again from counts."""
    parts = [part for part in test.by_output() if part.y is not None]
    if not parts or any(is_read_stepwise(program, part) for part in parts):
        return
    arrays = {f"{_OF}{program.output(part.output).name}": part.y for part in parts if part.y is not None}
    write_npz(folder.trace(LABELS), {"program": program_hash(program)}, {**arrays, _ROWS: rows})


def read_labels(path: Path, program: Program) -> Labels:
    """Read them.

    Raises:
        InputError: the file is damaged, or of another program.
    """
    try:
        header, arrays = read_npz(path)
        rows = arrays.pop(_ROWS).astype(np.int64)
        found = {name.removeprefix(_OF): values.astype(np.int64) for name, values in arrays.items()}
        length = min(map(len, found.values()))
        if header["program"] != program_hash(program) or rows.ndim != 1 or not ((rows >= 0) & (rows < length)).all():
            raise ValueError("of another program, or of samples that are not there")
    except UNREADABLE as error:
        raise InputError(str(path), f"holds no labels ({error})", "deploy again") from error
    return Labels(rows, found, program.output().name)
