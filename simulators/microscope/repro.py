"""A diverging case as a folder that one command runs: program, input, what was seen."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from simulators.compare import Divergence
from toolchain.errors import InputError
from toolchain.files import UNREADABLE, read_npz, write_npz, write_text
from toolchain.folders import clear_leftovers, partial_of, take_the_place
from toolchain.ir.integer import IntArray
from toolchain.ir.program import Program
from toolchain.ir.text import program_hash, read_program, write_program
from toolchain.reading import json_of, text_of

CASE, PROGRAM, OTHER, INPUT, README = "case.json", "program.txt", "other.txt", "input.npz", "README.md"
PRODUCER = "seamount diff"

TEXT = """# The smallest case found

    seamount diff {folder}

runs {what}. When this folder was written they first differed at

    {divergence}

Cause: {cause}

{files}
"""


@dataclass(frozen=True, eq=False)
class Repro:
    """What a folder holds.

    Attributes:
        program, inputs, steps: the case.
        simulators: names of the two that differ; ("reference", "reference") where two programs differ.
        other: the second program, where two programs differ.
        divergence: as it was seen, in words.
        cause: in words.
    """

    program: Program
    inputs: Mapping[str, IntArray]
    steps: int
    simulators: tuple[str, str]
    divergence: str
    cause: str
    other: Program | None = None


def write_repro(repro: Repro, folder: Path, place: Divergence) -> None:
    """Write the folder, whole or not at all; one of ours that is there is replaced.

    Raises:
        InputError: the folder holds something else.
    """
    refuse_foreign(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    clear_leftovers(folder)
    beside = partial_of(folder)
    try:
        _fill(repro, beside, folder.name, place)
        take_the_place(beside, folder)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def refuse_foreign(folder: Path) -> None:
    """InputError where a folder holds what was not written here."""
    if folder.exists() and not is_repro(folder) and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(str(folder), "is there and was not written by seamount diff", "choose another --out")


def _fill(repro: Repro, folder: Path, name: str, place: Divergence) -> None:
    facts = {
        "producer": PRODUCER,
        "program": program_hash(repro.program),
        "simulators": list(repro.simulators),
        "steps": repro.steps,
        "divergence": asdict(place),
        "cause": repro.cause,
    }
    write_text(folder / PROGRAM, write_program(repro.program))
    if repro.other is not None:
        write_text(folder / OTHER, write_program(repro.other))
    write_npz(folder / INPUT, {"program": program_hash(repro.program)}, repro.inputs)
    write_text(folder / CASE, json.dumps(facts, indent=2, sort_keys=True) + "\n")
    write_text(folder / README, _readme(repro, name))


def _readme(repro: Repro, name: str) -> str:
    shapes = ", ".join(f"{key} {values.shape}" for key, values in repro.inputs.items())
    files = f"`{PROGRAM}`: the program. `{INPUT}`: (sample, step, channel), {shapes}; {repro.steps} steps are run."
    what = f"the program on the simulators {' and '.join(repro.simulators)} and compares them"
    if repro.other is not None:
        files = f"`{PROGRAM}`, `{OTHER}`: the two programs. " + files.partition(". ")[2]
        what = "both programs on the reference and compares them"
    return TEXT.format(folder=name, what=what, divergence=repro.divergence, cause=repro.cause, files=files)


def is_repro(folder: Path) -> bool:
    """Whether a folder is one of ours."""
    try:
        return bool(json_of(folder / CASE)["producer"] == PRODUCER)
    except (OSError, ValueError, LookupError, TypeError):
        return False


def read_repro(folder: Path) -> Repro:
    """Read a folder.

    Raises:
        InputError: a file is missing or damaged.
    """
    try:
        facts: dict[str, Any] = json_of(folder / CASE)
        other = text_of(folder / OTHER) if (folder / OTHER).is_file() else None
        _, arrays = read_npz(folder / INPUT)
        left, right = (str(name) for name in facts["simulators"])
        return Repro(
            program=read_program(text_of(folder / PROGRAM), str(folder / PROGRAM)),
            inputs={name: np.asarray(values, dtype=np.int64) for name, values in arrays.items()},
            steps=int(facts["steps"]),
            simulators=(left, right),
            divergence=json.dumps(facts["divergence"], sort_keys=True),
            cause=str(facts["cause"]),
            other=None if other is None else read_program(other, str(folder / OTHER)),
        )
    except UNREADABLE as error:
        raise InputError(str(folder), f"is not a case of seamount diff ({error})", "write it again") from error
