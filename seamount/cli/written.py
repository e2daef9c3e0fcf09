"""Files that a command is told to write: refused before work starts where they would replace something else."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from toolchain.errors import InputError


def check_written(option: str, path: Path | None, suffix: str, reads: Iterable[Path] = ()) -> None:
    """Refuse a file that may not be written; one of its own kind is replaced.

    Args:
        option: that names it.
        path: the file; None is nothing to write.
        suffix: of files of its kind, with the dot.
        reads: what the command reads.

    Raises:
        InputError: it is a folder, one of the files that are read, or a file of another kind.
    """
    if path is None:
        return
    if path.is_dir():
        raise InputError(f"{option} {path}", "is a folder", "name a file in it")
    if not path.exists():
        return
    if any(other.exists() and path.samefile(other) for other in reads):
        raise InputError(f"{option} {path}", "is a file that this command reads", "name another file to write")
    if path.suffix.lower() != suffix:
        what = f"is there already and does not end in {suffix}"
        raise InputError(f"{option} {path}", what, f"name a new file, or one that ends in {suffix}")
