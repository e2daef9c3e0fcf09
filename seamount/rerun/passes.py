"""`seamount passes`: compiler passes on a program that is there, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from toolchain.errors import InputError
from toolchain.ir.program import Program
from toolchain.ir.storage import load_program
from toolchain.ir.text import read_program, write_program
from toolchain.passes.pipeline import parse_passes, run_passes
from toolchain.reading import text_of


def read_either(path: Path) -> Program:
    """The program of a text or an `.npz` file.

    Raises:
        InputError: there is no such file, or it is no program.
    """
    if path.suffix == ".npz":
        return load_program(path)
    try:
        return read_program(text_of(path), str(path))
    except (OSError, ValueError) as error:
        raise InputError(str(path), f"cannot be read ({error})", "give a program.txt or program.npz") from error


def texts_of_passes(program: Program, passes: str, tell: Callable[[str], None]) -> Iterator[tuple[str, str]]:
    """The program's text as it is given, then after each pass, each with a name.

    Args:
        program: to start from.
        passes: as text, ``"prune-zeros,split-fan-in:max_sources=1024"``.
        tell: is called with each remark of a pass.

    Raises:
        InputError: an unknown pass or option.
        UnsupportedError: a pass cannot do exactly what it was asked for.
        VerificationError: the program breaks a rule, before the passes or after one.
    """
    chosen = parse_passes(passes)
    program = run_passes(program, (), tell).program
    yield "as given", write_program(program)
    for one in chosen:
        program = run_passes(program, [one], tell).program
        yield one.text, write_program(program)
