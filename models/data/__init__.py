"""Data that training uses, kept in one local folder and checked by hash before every use.

Nothing is fetched or made by itself: `seamount data get NAME` and `seamount data make NAME` do, and say what from
where. Each set is one `.npz` file in ``./data`` or in the folder that the variable SEAMOUNT_DATA names.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from models.data.generated import GENERATED, Generated
from models.data.sources import SOURCES, Source
from toolchain.errors import InputError
from toolchain.files import UNREADABLE, read_npz, write_npz

__all__ = [
    "GENERATED", "SOURCES", "data_folder", "digest", "generated", "read_data", "samples_of", "source", "write_data",
]  # fmt: skip

FORMAT = 1
VARIABLE = "SEAMOUNT_DATA"
Entry = TypeVar("Entry")


def data_folder() -> Path:
    """Where data sets lie: ``$SEAMOUNT_DATA``, or ``data`` in the current folder."""
    return Path(os.environ.get(VARIABLE) or "data")


def source(name: str) -> Source:
    """Where a fetched data set comes from.

    Raises:
        InputError: there is none of that name.
    """
    return _chosen(name, SOURCES)


def generated(name: str) -> Generated:
    """How a generated data set is made.

    Raises:
        InputError: there is none of that name.
    """
    return _chosen(name, GENERATED)


def _chosen(name: str, entries: Mapping[str, Entry]) -> Entry:
    if name not in entries:
        raise InputError("data", f"there is no data set {name!r}", f"choose from {sorted(entries)}")
    return entries[name]


def digest(arrays: Mapping[str, NDArray[Any]]) -> str:
    """SHA-256 of arrays: names in order, types, shapes and bytes."""
    found = hashlib.sha256()
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        found.update(f"{name} {array.dtype.str} {array.shape}\n".encode())
        found.update(array.tobytes())
    return found.hexdigest()


def write_data(name: str, arrays: Mapping[str, NDArray[Any]], folder: Path | None = None) -> Path:
    """Store a data set.

    Raises:
        InputError: the arrays are not those that the figures of this project were measured on.
    """
    found, header = digest(arrays), {"format": FORMAT, "name": name}
    if name in GENERATED:
        size = samples_of(arrays)
        wanted = GENERATED[name].digests.get(size, found)
        header |= {"source": GENERATED[name].rules, "size": size, "digest": found}
    else:
        wanted = source(name).digest
        header["source"] = source(name).package
    if found != wanted:
        raise InputError(name, f"has SHA-256 {found[:16]}, expected {wanted[:16]}", "fetch the version that is named")
    path = (folder or data_folder()) / f"{name}.npz"
    write_npz(path, header, arrays)
    return path


def samples_of(arrays: Mapping[str, NDArray[Any]]) -> int:
    """How many samples a generated set has: the length of ``labels``."""
    return len(arrays["labels"])


def read_data(name: str) -> dict[str, NDArray[Any]]:
    """The arrays of a data set.

    Raises:
        InputError: not fetched or made yet, damaged, or with other content than it should have.
    """
    entries: dict[str, Source | Generated] = {**SOURCES, **GENERATED}
    entry = _chosen(name, entries)
    path = data_folder() / f"{name}.npz"
    again = f"run: seamount data {'get' if isinstance(entry, Source) else 'make'} {name}"
    if not path.is_file():
        raise InputError(str(path), "no such file", again)
    try:
        header, arrays = read_npz(path)
        wanted = _wanted(entry, header)
    except UNREADABLE as error:
        raise InputError(str(path), f"cannot be read ({error})", again) from error
    found = digest(arrays)
    if found != wanted:
        raise InputError(str(path), f"holds data with SHA-256 {found[:16]}, expected {wanted[:16]}", again)
    return arrays


def _wanted(entry: Source | Generated, header: Mapping[str, Any]) -> str:
    """The digest that a file's arrays must have; for a generated set of an unusual size, what its header says."""
    if isinstance(entry, Source):
        return entry.digest
    return str(entry.digests.get(header["size"], header["digest"]))
