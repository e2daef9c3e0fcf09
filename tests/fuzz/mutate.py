"""Changes of a file that keep most of its structure, so that what is changed is reached.

Each takes bytes and a generator, and gives other bytes. Nothing here aims at another software's faults: values are
drawn, and what comes of them is never kept but where a reader of ours fails on it.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Callable, Sequence
from typing import Any

import h5py
import numpy as np

Random = np.random.Generator
Mutation = Callable[[bytes, Random], bytes]

NUMBERS = (0, 1, -1, 2, 7, 8, 63, 64, 127, 128, 255, 256, 32767, 65536, 2**31 - 1, 2**31, 2**32, 2**53, 2**63, 10**30)
WORDS = ("", "x", "nan", "-inf", "1e999", "0x10", "1.5", "\x1b[31m", "\u202e", "\x00", "ä", "../x", "a b", "9" * 5000)
VALUES: tuple[Any, ...] = (None, True, [], {}, [[]], 1.5, -0.0, float("nan"), *NUMBERS, *WORDS)


def pick(options: Sequence[Any], rng: Random) -> Any:
    """One of several."""
    return options[int(rng.integers(len(options)))]


def place(data: Sequence[Any] | bytes, rng: Random) -> int:
    """A place in something, its end too."""
    return int(rng.integers(len(data) + 1))


def flip_bits(data: bytes, rng: Random) -> bytes:
    """Some bits turned."""
    changed = bytearray(data)
    for _ in range(int(rng.integers(1, 5))):
        if changed:
            changed[int(rng.integers(len(changed)))] ^= 1 << int(rng.integers(8))
    return bytes(changed)


def set_word(data: bytes, rng: Random) -> bytes:
    """One to eight bytes in place of others: a number's, or the same byte."""
    size = int(pick((1, 2, 4, 8), rng))
    value = int(pick(NUMBERS, rng)) % (1 << 8 * size)
    at = place(data, rng)
    return data[:at] + value.to_bytes(size, "little") + data[at + size :]


def cut(data: bytes, rng: Random) -> bytes:
    """Its end, or a part, is missing."""
    start = place(data, rng)
    return data[:start] if rng.random() < 0.5 else data[:start] + data[start + int(rng.integers(1, 64)) :]


def double(data: bytes, rng: Random) -> bytes:
    """A part of it stands somewhere else too."""
    start, at = place(data, rng), place(data, rng)
    part = data[start : start + int(rng.integers(1, 256))]
    return data[:at] + part + data[at:]


BYTES: tuple[Mutation, ...] = (flip_bits, set_word, cut, double)


def in_text(data: bytes, rng: Random) -> bytes:
    """A number, a word or a line of a text changed, moved, doubled or left out."""
    text = data.decode("utf-8", errors="replace")
    if rng.random() < 0.5:
        words = list(re.finditer(r"[^\s=,:;{}\[\]\"]+", text))
        if not words:
            return data
        found = pick(words, rng)
        new = str(pick((*NUMBERS, *WORDS), rng))
        return (text[: found.start()] + new + text[found.end() :]).encode("utf-8", errors="replace")
    lines = text.splitlines(keepends=True)
    at = int(rng.integers(len(lines))) if lines else 0
    line = lines.pop(at) if lines else ""
    for _ in range(int(rng.integers(3))):
        lines.insert(place(lines, rng), line)
    return "".join(lines).encode("utf-8", errors="replace")


def in_json(data: bytes, rng: Random) -> bytes:
    """A value, a name or a whole part of JSON changed."""
    try:
        root = json.loads(data)
    except (ValueError, RecursionError):
        return in_text(data, rng)
    holders = [holder for holder in _holders(root) if holder]
    if not holders:
        return data
    holder = pick(holders, rng)
    key = pick(list(holder), rng) if isinstance(holder, dict) else int(rng.integers(len(holder)))
    kind = int(rng.integers(4))
    if kind == 0:
        del holder[key]
    elif kind == 1 and isinstance(holder, dict):
        holder[str(pick(WORDS, rng))] = holder.pop(key)
    elif kind == 2:
        other = pick(holders, rng)
        holder[key] = json.loads(json.dumps(other))
    else:
        holder[key] = pick(VALUES, rng)
    return json.dumps(root, ensure_ascii=False).encode("utf-8", errors="replace")


def _holders(root: Any) -> list[Any]:
    found, waiting = [], [root]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict | list):
            found.append(value)
            waiting += list(value.values() if isinstance(value, dict) else value)
    return found


def in_archive(data: bytes, rng: Random) -> bytes:
    """An entry of an npz file changed inside, with checksums that hold."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = {name: archive.read(name) for name in archive.namelist()}
    except Exception:
        return flip_bits(data, rng)
    name = pick(list(entries), rng)
    kind = int(rng.integers(4))
    if kind == 0:
        entries.pop(name)
    elif kind == 1:
        entries[f"{pick(WORDS, rng) or 'y'}.npy"] = entries[name]
    elif kind == 2:
        entries[name] = _array(rng)
    else:
        head = entries[name].find(b"{")
        change = in_json if name.startswith("header") else pick((in_text, *BYTES), rng)
        entries[name] = entries[name][: max(head, 0)] + change(entries[name][max(head, 0) :], rng)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for entry, content in entries.items():
            archive.writestr(entry.replace("\0", "0"), content)
    return out.getvalue()


def _array(rng: Random) -> bytes:
    out = io.BytesIO()
    np.save(out, any_array(rng), allow_pickle=False)
    return out.getvalue()


def any_array(rng: Random) -> Any:
    """An array of some type and some shape, small."""
    shape = tuple(int(size) for size in rng.integers(0, 4, int(rng.integers(0, 5))))
    dtype = pick(("f4", "f8", "i1", "i8", "u1", "?", "c8", "S3"), rng)
    return (np.asarray(rng.normal(size=shape)) * float(pick((1, 1e-30, 1e30, 100), rng))).astype(dtype)


def in_hdf5(data: bytes, rng: Random) -> bytes:
    """A dataset or group of an HDF5 file replaced, renamed, left out or put elsewhere, by h5py."""
    buffer = io.BytesIO(data)
    with h5py.File(buffer, "r+") as file:
        names: list[str] = []
        file.visit(names.append)
        name = pick(names, rng)
        kind = int(rng.integers(5))
        if kind == 0:
            del file[name]
        elif kind == 1:
            file.move(name, f"{name.rpartition('/')[0]}/{pick(('type', 'weight', 'nodes', 'x y', 'ä', '0'), rng)}2")
        elif kind == 2:
            file.copy(name, f"{pick(names, rng)}_again")
        else:
            _replace(file, name, rng)
    return buffer.getvalue()


def _replace(file: h5py.File, name: str, rng: Random) -> None:
    """Another value in place of a dataset: a number, a text, an array, or its own of another shape, sign or type."""
    item = file[name]
    own: Any = item[()] if isinstance(item, h5py.Dataset) else 0
    numbers = isinstance(own, np.ndarray) and own.dtype.kind in "iuf"
    change = int(rng.integers(6))
    del file[name]
    if numbers and change < 3:
        file[name] = (-own, own.T, own[None])[change]
    elif change == 3:
        file[name] = pick(("Linear", "LIF", "NIRGraph", "seamount.Product", *WORDS[:5]), rng)
    elif change == 4:
        file[name] = int(pick(NUMBERS[:18], rng))
    else:
        file[name] = any_array(rng)
