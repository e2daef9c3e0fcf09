"""Data that training uses, kept in one local folder and checked by hash before every use.

Nothing is fetched by itself: `seamount data get NAME` does, and says what from where. Each set is one `.npz` file in
``./data`` or in the folder that the variable SEAMOUNT_DATA names.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.data.sources import SOURCES, Source
from toolchain.errors import InputError
from toolchain.files import UNREADABLE, read_npz, write_npz

__all__ = ["SOURCES", "data_folder", "digest", "read_data", "source", "write_data"]

FORMAT = 1
VARIABLE = "SEAMOUNT_DATA"


def data_folder() -> Path:
    """Where data sets lie: ``$SEAMOUNT_DATA``, or ``data`` in the current folder."""
    return Path(os.environ.get(VARIABLE) or "data")


def source(name: str) -> Source:
    """Where a data set comes from.

    Raises:
        InputError: there is none of that name.
    """
    if name not in SOURCES:
        raise InputError("data", f"there is no data set {name!r}", f"choose from {sorted(SOURCES)}")
    return SOURCES[name]


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
    wanted, found = source(name).digest, digest(arrays)
    if found != wanted:
        raise InputError(name, f"has SHA-256 {found[:16]}, expected {wanted[:16]}", "fetch the version that is named")
    path = (folder or data_folder()) / f"{name}.npz"
    write_npz(path, {"format": FORMAT, "name": name, "source": source(name).package}, arrays)
    return path


def read_data(name: str) -> dict[str, NDArray[Any]]:
    """The arrays of a data set.

    Raises:
        InputError: not fetched yet, damaged, or with other content than the one that was fetched.
    """
    path = data_folder() / f"{name}.npz"
    again = f"run: seamount data get {name}"
    wanted = source(name).digest
    if not path.is_file():
        raise InputError(str(path), "no such file", again)
    try:
        _, arrays = read_npz(path)
    except UNREADABLE as error:
        raise InputError(str(path), f"cannot be read ({error})", again) from error
    found = digest(arrays)
    if found != wanted:
        raise InputError(str(path), f"holds data with SHA-256 {found[:16]}, expected {wanted[:16]}", again)
    return arrays
