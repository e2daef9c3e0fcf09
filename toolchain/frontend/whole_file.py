"""Whether a NIR file holds its network by itself: no links out of it, no cycles, no more data than a file can hold.

HDF5 resolves links silently. A file whose weights lie in another one is not the network that its hash stands for, and a
group that contains itself never ends.
"""

from __future__ import annotations

import h5py

from toolchain.errors import InputError

MOST_BYTES = 1 << 31
"""Bytes of all datasets together, unpacked; far beyond any network that fits a chip."""
_COPY = "write the network again, with everything in one file"


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


def _address(group: h5py.Group) -> int:
    return int(h5py.h5o.get_info(group.id).addr)
