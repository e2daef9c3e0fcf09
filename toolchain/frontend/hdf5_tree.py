"""What a damaged or hostile HDF5 file may do, it does here: the bytes as groups and arrays, in a process of their own.

libhdf5 can hang or die on bytes that no writer wrote. `apart.py` therefore runs this file in a child with limits of
time and memory, and takes what comes back: JSON, then the arrays' bytes. It imports h5py and numpy alone, so that the
child starts quickly, and judges form alone: links, sizes, types. What the network is, is judged by the parent.

HDF5 resolves links silently. A file whose weights lie in another one is not the network that its hash stands for, and a
group that contains itself never ends: every object must be in the file itself and be reached once.
"""

from __future__ import annotations

import json
import mmap
import os
import struct
import sys
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import h5py
import numpy as np

MOST_BYTES = 1 << 30
"""Bytes of all datasets together, unpacked; far beyond any network that fits a chip."""
MOST_OBJECTS, MOST_DEPTH, MOST_TEXT = 100_000, 32, 1 << 24
"""Groups and datasets; groups within each other; bytes of all names and texts together."""
PACKED_AT_MOST, UNSTORED = 1040, 1 << 20
"""deflate packs at most 1032 to 1; so many bytes more may a dataset declare, since numbers never written are zeros."""
ALIGNMENT = 16
HEAD = struct.Struct("<QQ")
"""Before an answer: the length of its JSON and of its arrays."""

_COPY = "write the network again, with everything in one file"
_AGAIN = "get the file again"
_SMALLER = "get the file again, or export a smaller network"
_FILTERS = {1: "deflate", 2: "shuffle", 3: "fletcher32", 32000: "lzf"}
_PACKING = (1, 32000)
_READ_WHOLE = ("metadata", "input_type", "output_type", "shape")
"""Groups whose datasets are read whatever they are called."""
_HEAP = b"GCOL\x01\x00\x00\x00"
"""How a collection of the global heap begins: signature, version 1, three zeros; then its size."""
_HEAP_HEADER, _OBJECT_HEADER = 16, 16
_REFERENCE = struct.Struct("<IQI")
"""A text in a dataset: its length, the address of its heap, its number there."""


class RefusedError(Exception):
    """A file that is refused: where, what and what to do, as `InputError` takes them."""

    def __init__(self, where: str, what: str, remedy: str) -> None:
        super().__init__(where, what, remedy)


@dataclass
class _Walk:
    """What is known of a file while its objects are visited.

    Attributes:
        path: the file.
        wanted: names of the datasets that are read.
        entries: for each object its parent's number, its name, and what it is; the root has number 0.
        blobs: the arrays' bytes.
        seen: address of each object visited, with its path.
    """

    path: Path
    wanted: Collection[str]
    entries: list[list[Any]] = field(default_factory=list)
    blobs: list[bytes] = field(default_factory=list)
    seen: dict[int, str] = field(default_factory=dict)
    declared: int = 0
    texts: int = 0
    length: int = 0

    @property
    def where(self) -> str:
        return self.path.name


def answer(path: Path, wanted: Collection[str], out: BinaryIO) -> None:
    """Write what a file holds, or why it is refused.

    Args:
        path: the file.
        wanted: names of datasets to read; of the others, the names are told.
        out: takes `HEAD`, then JSON with either ``refused`` (where, what, remedy) or ``entries``, then the arrays.
    """
    walk = _Walk(path, wanted)
    try:
        _read(walk)
        told: dict[str, Any] = {"entries": walk.entries}
    except RefusedError as refused:
        told = {"refused": refused.args}
    except MemoryError:
        told = {"refused": [str(path), "asks for more memory than a network may take", _SMALLER]}
    except Exception as error:  # whatever h5py raises on bytes that no writer wrote
        reason = str(error).strip("'\"")[:300]
        told = {"refused": [str(path), f"is damaged or cut off ({reason})", _AGAIN]}
    if "refused" in told:
        walk.blobs.clear()
    text = json.dumps(told).encode()
    out.write(HEAD.pack(len(text), sum(map(len, walk.blobs))))
    out.write(text)
    for blob in walk.blobs:
        out.write(blob)
    out.flush()


def _read(walk: _Walk) -> None:
    with walk.path.open("rb") as stream:
        head = stream.read(40)
    if not h5py.is_hdf5(walk.path):
        what = f"is not an HDF5 file (it begins with {head[:16]!r})" if head else "is empty (0 bytes)"
        raise RefusedError(str(walk.path), what, "give a file written by nir or Seamount")
    _refuse_endless_heaps(walk.path)
    with h5py.File(walk.path, "r") as file:
        walk.seen[_address(file)] = "/"
        walk.entries.append([-1, "", "group"])
        waiting = [(0, 0, file)]
        while waiting:
            number, depth, group = waiting.pop()
            for name, item in _members(group, walk):
                if not isinstance(item, h5py.Group):
                    walk.entries.append([number, _text(name), *_dataset(item, walk)])
                    continue
                if depth == MOST_DEPTH:
                    what = f"lies in more than {MOST_DEPTH} groups within each other"
                    raise RefusedError(f"{walk.where}: {item.name}", what, _SMALLER)
                walk.entries.append([number, _text(name), "group"])
                waiting.append((len(walk.entries) - 1, depth + 1, item))


def _members(group: h5py.Group, walk: _Walk) -> Iterator[tuple[str, Any]]:
    """Each object of a group that is reached for the first time, and by a hard link."""
    for name in group:
        path = f"{group.name.rstrip('/')}/{_text(name)}"
        walk.texts += len(path)
        if walk.texts > MOST_TEXT or len(walk.seen) > MOST_OBJECTS:
            what = f"has more than {MOST_OBJECTS:,} entries, or {MOST_TEXT:,} bytes of names and texts"
            raise RefusedError(f"{walk.where}: {path}", what, _SMALLER)
        item = _followed(group, name, f"{walk.where}: {path}")
        address = _address(item)
        if address in walk.seen:
            kind = "group" if isinstance(item, h5py.Group) else "dataset"
            what = f"is a link to the {kind} {walk.seen[address]}, which is read already"
            raise RefusedError(f"{walk.where}: {path}", what, _COPY)
        walk.seen[address] = path
        yield name, item


def _followed(group: h5py.Group, name: str, where: str) -> Any:
    link = group.get(name, getlink=True)
    if isinstance(link, h5py.ExternalLink):
        raise RefusedError(where, f"is a link into the file {link.filename} ({link.path})", _COPY)
    if isinstance(link, h5py.SoftLink):
        lost = "" if group.get(name) is not None else " that leads nowhere"
        raise RefusedError(where, f"is a link to {link.path}{lost}", _COPY)
    item = group.get(name) if isinstance(link, h5py.HardLink) else None
    if not isinstance(item, h5py.Group | h5py.Dataset):
        what = f"is a {type(item or link).__name__} of HDF5 where a group or a dataset should be"
        raise RefusedError(where, what, _COPY)
    return item


def _dataset(item: h5py.Dataset, walk: _Walk) -> list[Any]:
    """What a dataset is, once all that it declares has been looked at."""
    path = _text(item.name)
    _refuse_outside(item, f"{walk.where}: {path}")
    _refuse_sizes(item, path, walk)
    *groups, name = path.split("/")
    if name not in walk.wanted and not set(groups).intersection(_READ_WHOLE):
        return ["unread", "is no field that is known"]
    if item.shape is None:
        return ["array", "<f8", [0], 0]
    kind = item.dtype.kind
    if kind in "iufbc":
        return _array(np.asarray(item[()]), walk)
    if kind == "S" or (kind == "O" and h5py.check_string_dtype(item.dtype) is not None):
        _refuse_lost_texts(item, path, walk)
        texts = [_text(value) for value in np.ravel(item[()]).tolist()]
        walk.texts += sum(map(len, texts))
        return ["texts", texts, list(item.shape)]
    return ["unread", f"holds values of the type {item.dtype}"]


def _array(values: np.ndarray[Any, Any], walk: _Walk) -> list[Any]:
    data = values.tobytes()
    found = ["array", values.dtype.str, list(values.shape), walk.length]
    padded = data + bytes(-len(data) % ALIGNMENT)
    walk.blobs.append(padded)
    walk.length += len(padded)
    return found


def _refuse_outside(item: h5py.Dataset, where: str) -> None:
    if item.external:
        what = f"keeps its data in the file {item.external[0][0]}, by a link of HDF5's external storage"
        raise RefusedError(where, what, _COPY)
    if item.is_virtual:
        sources = ", ".join(sorted({source.file_name for source in item.virtual_sources()}))
        raise RefusedError(where, f"is a virtual dataset, links into {sources}", _COPY)
    plan = item.id.get_create_plist()
    filters = [plan.get_filter(number)[0] for number in range(plan.get_nfilters())]
    unknown = [number for number in filters if number not in _FILTERS]
    if unknown or sum(number in _PACKING for number in filters) > 1:
        named = ", ".join(_FILTERS.get(number, str(number)) for number in filters)
        raise RefusedError(where, f"is packed by the filters {named}", "pack with gzip alone, or not at all")


def _refuse_sizes(item: h5py.Dataset, path: str, walk: _Walk) -> None:
    """See that a dataset declares no more than a network needs, and than what is stored can be unpacked to."""
    size = item.dtype.itemsize
    for extent in item.shape or (0,):
        size *= int(extent)
    walk.declared += size
    if walk.declared > MOST_BYTES:
        what = f"declares {size:,} bytes, with others more than {MOST_BYTES:,}"
        raise RefusedError(f"{walk.where}: {path}", what, _SMALLER)
    stored = item.id.get_storage_size()
    if size > stored * PACKED_AT_MOST + UNSTORED:
        what = f"declares {size:,} bytes, and {stored:,} are stored"
        raise RefusedError(f"{walk.where}: {path}", what, _AGAIN)


def _refuse_lost_texts(item: h5py.Dataset, path: str, walk: _Walk) -> None:
    """Texts lie in heaps that a dataset names by address: none beyond the file's end, nor longer than may be."""
    start = item.id.get_offset() if item.dtype.kind == "O" else None
    total = item.size * (item.dtype.itemsize if item.dtype.kind == "S" else 1)
    if start is not None:
        size = walk.path.stat().st_size
        with walk.path.open("rb") as stream:
            stream.seek(start)
            stored = stream.read(item.size * _REFERENCE.size)
        for length, heap, _ in _REFERENCE.iter_unpack(stored[: len(stored) // _REFERENCE.size * _REFERENCE.size]):
            total += length
            if length and not heap + length <= size:
                what = f"is damaged or cut off ({path} names a text at byte {heap} of {size})"
                raise RefusedError(walk.where, what, _AGAIN)
    if walk.texts + total > MOST_TEXT:
        what = f"holds {total:,} bytes of text, with others more than {MOST_TEXT:,}"
        raise RefusedError(f"{walk.where}: {path}", what, _SMALLER)


def _refuse_endless_heaps(path: Path) -> None:
    """Follow the sizes of the objects in each collection of texts as HDF5 does, which goes round for ever at a zero.

    Source: HDF5 File Format Specification 3.0, III.E (Disk Format: Level 1E, Global Heap).
    """
    with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
        at = data.find(_HEAP)
        while at >= 0:
            if not _is_sound(data, at):
                raise RefusedError(str(path), f"is damaged or cut off (its texts, at byte {at})", _AGAIN)
            at = data.find(_HEAP, at + 1)


def _is_sound(data: mmap.mmap, start: int) -> bool:
    (size,) = struct.unpack("<Q", data[start + 8 : start + 16].ljust(8, b"\0"))
    at, end = start + _HEAP_HEADER, min(start + size, len(data))
    while at + _OBJECT_HEADER <= end:
        index, _, _, length = struct.unpack("<HHIQ", data[at : at + _OBJECT_HEADER])
        step = length if index == 0 else _OBJECT_HEADER + (length + 7) // 8 * 8
        if step < _OBJECT_HEADER or at + step > start + size:
            return False
        at += step
    return True


def _address(item: Any) -> int:
    return int(h5py.h5o.get_info(item.id).addr)


def _text(value: object) -> str:
    """A name or text of a file; bytes that are no UTF-8 become U+FFFD."""
    data = value if isinstance(value, bytes) else str(value).encode("utf-8", errors="surrogateescape")
    return data.decode("utf-8", errors="replace")


def limit(seconds: int, further_bytes: int) -> None:
    """Hold this process to processor time and to memory beyond what it has; nothing where the system has no such."""
    try:
        import resource
    except ImportError:
        return
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        with open("/proc/self/statm", "rb") as stream:
            mapped = int(stream.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
        resource.setrlimit(resource.RLIMIT_AS, (mapped + further_bytes, mapped + further_bytes))


if __name__ == "__main__":
    limit(int(sys.argv[2]), int(sys.argv[3]))
    answer(Path(sys.argv[1]), sys.argv[4:], sys.stdout.buffer)
