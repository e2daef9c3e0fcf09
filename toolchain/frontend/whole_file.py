"""Whether a NIR file holds its network by itself: no links out of it, no cycles, no more data than a file can hold.

HDF5 resolves links silently. A file whose weights lie in another one is not the network that its hash stands for, and a
group that contains itself never ends. Nor does HDF5 (2.0 and before) where the heap of a file's texts is damaged.
"""

from __future__ import annotations

import mmap
import struct
from pathlib import Path

import h5py

from toolchain.errors import InputError

MOST_BYTES = 1 << 31
"""Bytes of all datasets together, unpacked; far beyond any network that fits a chip."""
_COPY = "write the network again, with everything in one file"
_HEAP = b"GCOL\x01\x00\x00\x00"
"""How a collection of the global heap begins: signature, version 1, three zeros; then its size."""
_HEAP_HEADER, _OBJECT_HEADER = 16, 16
_REFERENCE = struct.Struct("<IQI")
"""A text in a dataset: its length, the address of its heap, its number there."""


def refuse_endless_heaps(path: Path) -> None:
    """Follow the sizes of the objects in each collection of texts as HDF5 does, which goes round for ever at a zero.

    Source: HDF5 File Format Specification 3.0, III.E (Disk Format: Level 1E, Global Heap).

    Raises:
        InputError: an object that reaches beyond its collection, or free space of no size.
    """
    with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
        at = data.find(_HEAP)
        while at >= 0:
            if not _is_sound(data, at):
                raise InputError(str(path), f"is damaged or cut off (its texts, at byte {at})", "get the file again")
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


def refuse_links(file: h5py.File, where: str) -> None:
    """Look at every link and dataset without reading any.

    Raises:
        InputError: an external or dangling link, storage outside the file, a virtual dataset, a group that is reached
            twice, or datasets of more than `MOST_BYTES`.
    """
    seen = {_address(file): "/"}
    waiting: list[h5py.Group] = [file]
    total = 0
    while waiting:
        group = waiting.pop()
        for name in group:
            path = f"{group.name.rstrip('/')}/{name}"
            item = _followed(group, name, path, where)
            if isinstance(item, h5py.Group):
                _refuse_second(item, path, seen, where)
                waiting.append(item)
            elif isinstance(item, h5py.Dataset):
                _refuse_outside(item, path, where)
                _refuse_lost_texts(item, path, where, Path(file.filename))
                total += item.nbytes
                if total > MOST_BYTES:
                    what = f"declares {item.nbytes:,} bytes, with others more than {MOST_BYTES:,}"
                    raise InputError(f"{where}: {path}", what, "get the file again, or export a smaller network")


def _followed(group: h5py.Group, name: str, path: str, where: str) -> object:
    link = group.get(name, getlink=True)
    if isinstance(link, h5py.ExternalLink):
        raise InputError(f"{where}: {path}", f"is a link into the file {link.filename} ({link.path})", _COPY)
    item = group.get(name)
    if item is None:
        target = f" to {link.path}" if isinstance(link, h5py.SoftLink) else ""
        raise InputError(f"{where}: {path}", f"is a link{target} that leads nowhere", _COPY)
    return item


def _refuse_second(group: h5py.Group, path: str, seen: dict[int, str], where: str) -> None:
    address = _address(group)
    if address in seen:
        raise InputError(f"{where}: {path}", f"is a link to the group {seen[address]}, which is read already", _COPY)
    seen[address] = path


def _refuse_outside(item: h5py.Dataset, path: str, where: str) -> None:
    if item.external:
        what = f"keeps its data in the file {item.external[0][0]}, by a link of HDF5's external storage"
        raise InputError(f"{where}: {path}", what, _COPY)
    if item.is_virtual:
        sources = ", ".join(sorted({source.file_name for source in item.virtual_sources()}))
        raise InputError(f"{where}: {path}", f"is a virtual dataset, links into {sources}", _COPY)


def _refuse_lost_texts(item: h5py.Dataset, path: str, where: str, place: Path) -> None:
    """Texts lie in heaps that a dataset names by address; HDF5 does not come back from one beyond the file's end."""
    start = item.id.get_offset() if item.dtype.kind == "O" else None
    if start is None:
        return
    size = place.stat().st_size
    with place.open("rb") as stream:
        stream.seek(start)
        stored = stream.read(item.size * _REFERENCE.size)
    for length, heap, _ in _REFERENCE.iter_unpack(stored[: len(stored) // _REFERENCE.size * _REFERENCE.size]):
        if length and not heap + length <= size:
            what = f"is damaged or cut off ({path} names a text at byte {heap} of {size})"
            raise InputError(where, what, "get the file again")


def _address(group: h5py.Group) -> int:
    return int(h5py.h5o.get_info(group.id).addr)
