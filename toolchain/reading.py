"""Text, JSON, TOML and arrays that others may have written: looked at before anything is allocated.

All that goes wrong here is an OSError, a ValueError or one of zipfile's and zlib's own errors: readers say in their own
words which file it is and what to do.
"""

from __future__ import annotations

import ast
import json
import math
import stat
import tomllib
import zipfile
from collections.abc import Collection
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

MOST_TEXT = 1 << 29
"""Bytes of a text; the program of a network that fills a chip has a tenth of it."""
MOST_ARRAYS, MOST_AXES = 100_000, 16
PACKED_AT_MOST, OF_NOTHING = 1040, 1 << 12
"""deflate packs at most 1032 to 1; so many bytes may an entry declare beyond that."""
_CHUNK = 1 << 20
_PACKINGS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_NPY = ".npy"
_NPY_1, _NPY_2 = b"\x93NUMPY\x01\x00", b"\x93NUMPY\x02\x00"
MOST_HEADER = 10_000
"""Bytes before an array's values, as numpy has it."""


def text_of(path: Path, most: int = MOST_TEXT) -> str:
    """A text file in UTF-8.

    Raises:
        OSError: it cannot be read.
        ValueError: it is no file, more than `most` bytes, or no UTF-8.
    """
    return bytes_of(path, most).decode("utf-8")


def bytes_of(path: Path, most: int = MOST_TEXT) -> bytes:
    """The bytes of a file; raises as `text_of`."""
    found = path.stat()
    if not stat.S_ISREG(found.st_mode) and not stat.S_ISDIR(found.st_mode):
        raise ValueError("it is a pipe or a device")
    if found.st_size > most:
        raise ValueError(f"{found.st_size:,} bytes, more than {most:,}")
    return path.read_bytes()


def parse_json(text: str | bytes) -> Any:
    """JSON in which no object has a name twice.

    Raises:
        ValueError: something else, or nested too deeply.
    """
    try:
        return json.loads(text, object_pairs_hook=_once)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def json_of(path: Path, most: int = MOST_TEXT) -> Any:
    """JSON in a file; raises as `text_of` and `parse_json`."""
    return parse_json(text_of(path, most))


def toml_of(path: Path, most: int = 1 << 20) -> dict[str, Any]:
    """TOML in a file; raises as `text_of`, tomllib's errors being ValueErrors."""
    try:
        return tomllib.loads(text_of(path, most))
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{twice!r} is there twice")
    return found


def names_of(path: Path) -> list[str]:
    """Names of the arrays of an npz file; raises as `arrays_of`."""
    with path.open("rb") as file, zipfile.ZipFile(file) as archive:
        return list(_entries(archive, path.stat().st_size))


def arrays_of(path: Path, names: Collection[str] | None = None) -> dict[str, NDArray[Any]]:
    """Arrays of an npz file: booleans, numbers and texts, never objects.

    Args:
        path: the file.
        names: those to read; all by default. One that is not there is left out.

    Raises:
        OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error, NotImplementedError: it cannot be read, or
            declares more than it can hold.
    """
    if not path.is_file():
        raise ValueError("it is no file")
    with path.open("rb") as file, zipfile.ZipFile(file) as archive:
        entries = _entries(archive, path.stat().st_size)
        chosen = {name: info for name, info in entries.items() if names is None or name in names}
        return {name: _array(archive, info) for name, info in chosen.items()}


def _entries(archive: zipfile.ZipFile, size: int) -> dict[str, zipfile.ZipInfo]:
    """An archive's entries by array name, once their declared sizes were looked at."""
    infos = archive.infolist()
    if len(infos) > MOST_ARRAYS or sum(info.compress_size for info in infos) > size:
        raise ValueError(f"{len(infos):,} entries that {size:,} bytes cannot hold")
    found: dict[str, zipfile.ZipInfo] = {}
    for info in infos:
        name = info.filename.removesuffix(_NPY)
        if name in found:
            raise ValueError(f"{name!r} is there twice")
        if info.compress_type not in _PACKINGS or info.flag_bits & 1:
            raise ValueError(f"{name!r} is packed by method {info.compress_type}, or encrypted")
        if info.file_size > info.compress_size * PACKED_AT_MOST + OF_NOTHING:
            raise ValueError(f"{name!r} declares {info.file_size:,} bytes, and {info.compress_size:,} are stored")
        found[name] = info
    return found


def _array(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> NDArray[Any]:
    with archive.open(info) as member:
        shape, fortran, dtype = _header(member, info.filename)
        if dtype.hasobject:
            raise ValueError("Object arrays cannot be loaded: only a pickle stores them")
        if dtype.kind not in "biufcSU" or len(shape) > MOST_AXES or min(shape, default=0) < 0:
            raise ValueError(f"{info.filename!r} holds {dtype} of {len(shape)} axes")
        size, left = math.prod(shape) * dtype.itemsize, info.file_size - member.tell()
        if size != left:
            raise ValueError(f"{info.filename!r} declares {size:,} bytes of values and holds {left:,}")
        values = np.empty(math.prod(shape), dtype)
        _fill(member, values)
    return values.reshape(shape, order="F" if fortran else "C")


def _header(member: IO[bytes], name: str) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Shape, order and type that an array declares. numpy's own reader takes headers of Python 2, and fails on more.

    Source: the format's description in numpy, `numpy.lib.format`.
    """
    start = member.read(8)
    if start not in (_NPY_1, _NPY_2):
        raise ValueError(f"{name!r} is no npy file of version 1 or 2")
    size = int.from_bytes(member.read(2 if start == _NPY_1 else 4), "little")
    if size > MOST_HEADER:
        raise ValueError(f"{name!r} has a header of {size:,} bytes")
    found = ast.literal_eval(member.read(size).decode("latin1").strip())
    if not isinstance(found, dict) or found.keys() != {"descr", "fortran_order", "shape"}:
        raise ValueError(f"{name!r} has no header of npy")
    shape, order, descr = found["shape"], found["fortran_order"], found["descr"]
    if not isinstance(shape, tuple) or not all(type(extent) is int for extent in shape) or type(order) is not bool:
        raise ValueError(f"{name!r} has the shape {shape!r}")
    if not isinstance(descr, str):
        raise ValueError(f"{name!r} holds records")
    return shape, order, np.dtype(descr)


def _fill(member: IO[bytes], values: NDArray[Any]) -> None:
    """Take an array's bytes; reading on to the end makes zipfile look at their checksum."""
    if not values.nbytes:
        return
    view, at = values.view(np.uint8).data, 0
    while at < len(view):
        part = member.read(min(_CHUNK, len(view) - at))
        if not part:
            raise EOFError("the archive ends too early")
        view[at : at + len(part)] = part
        at += len(part)
    if member.read(1):
        raise ValueError("the archive holds more than it declares")
