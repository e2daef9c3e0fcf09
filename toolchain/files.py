"""Writing files so that a full disk or a killed run leaves no half artefact."""

from __future__ import annotations

import json
import operator
import os
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from toolchain.folders import PARTIAL, is_dead, is_unfinished, mark, sync
from toolchain.reading import arrays_of, parse_json

UNREADABLE = (
    OSError, ValueError, LookupError, TypeError, AttributeError, EOFError, SyntaxError, RuntimeError, OverflowError,
    MemoryError, struct.error, zlib.error, zipfile.BadZipFile, NotImplementedError,
)  # fmt: skip
"""What numpy, zipfile and json raise on a truncated or damaged `.npz`: readers turn these into an InputError."""


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Yield a path beside `path` to write to; it takes the place of `path` only if the block succeeds.

    What is there after a crash of the machine is the old file or the new one. What killed runs left in the folder is
    removed, once a process.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    _clear_once(path.parent)
    beside = path.with_name(f".{path.stem}.{mark()}.{PARTIAL}{path.suffix}")
    # A folder that is not finished is written to the disk as a whole, when it takes its place.
    whole = not is_unfinished(path.parent)
    try:
        yield beside
        if whole:
            sync(beside)
        os.replace(beside, path)
        if whole:
            sync(path.parent)
    finally:
        beside.unlink(missing_ok=True)


_cleared: set[Path] = set()
_LEFT = re.compile(rf"\..+\.(\d+(@[^/]*)?)\.{PARTIAL}(\.[^.]*)?")


def _clear_once(folder: Path) -> None:
    """Remove files that dead processes had begun to write."""
    place = folder.absolute()
    if place in _cleared:
        return
    _cleared.add(place)
    for path in place.iterdir():
        found = _LEFT.fullmatch(path.name)
        if found and is_dead(found[1]) and not path.is_dir() and found[1].partition("@")[0] != str(os.getpid()):
            path.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a text file whole or not at all, with one newline convention everywhere."""
    with written_whole(path) as beside:
        beside.write_text(text, encoding="utf-8", newline="\n")


def write_npz(path: Path, header: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]], level: int = 6) -> None:
    """Write arrays and a JSON header (array ``header``), whole or not at all; equal content, equal bytes.

    The header's key ``arrays`` is taken: it lists the arrays. `level` is that of compression, 1 (fast) to 9.
    """
    # numpy's integers count as integers in a header; an array's memory order must not reach the file.
    ordered: dict[str, Any] = {name: np.asarray(arrays[name], order="C") for name in sorted(arrays)}
    listed = json.dumps({**header, "arrays": list(ordered)}, sort_keys=True, default=operator.index)
    text = np.frombuffer(listed.encode(), dtype=np.uint8)
    with written_whole(path) as beside:
        _write_archive(beside, {"header": text, **ordered}, level)


def _write_archive(path: Path, arrays: Mapping[str, NDArray[Any]], level: int) -> None:
    """As `numpy.savez_compressed`, which has no say in the level."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=level) as archive:
        for name, array in arrays.items():
            # A date of its own would make equal content unequal bytes.
            entry = zipfile.ZipInfo(f"{name}.npy")
            entry.compress_type, entry.file_size = zipfile.ZIP_DEFLATED, array.nbytes
            with archive.open(entry, "w", force_zip64=True) as file:
                np.lib.format.write_array(file, array, allow_pickle=False)


def read_npz(path: Path) -> tuple[Any, dict[str, NDArray[Any]]]:
    """The header and the arrays of a file that `write_npz` wrote; one of UNREADABLE where it is damaged."""
    stored = arrays_of(path)
    header = parse_json(stored.pop("header").tobytes().decode())
    # A damaged archive may hide some of its entries, so the header lists them.
    listed = header.pop("arrays")
    if sorted(listed) != sorted(stored):
        raise ValueError(f"holds the arrays {sorted(stored)[:8]} where its header lists {sorted(listed)[:8]}")
    return header, {name: stored[name] for name in listed}
