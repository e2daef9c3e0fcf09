"""What two trees wrote, compared: for each thing that differs the first line, array or field that does."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path
from typing import Any

import h5py
import numpy as np

VOLATILE = {
    "report.json": ("versions", "command"),
    "evidence.json": ("versions", "command"),
    "MANIFEST.json": ("versions", "command", "files", "options", "digest"),
}
"""Fields that say who made a build and how it was asked for, not what came of it; `files` are hashes of the others."""
LEFT_OUT = ("report.html",)
"""Made of what evidence.json and program.npz hold."""
WIDTH = 160


def compare_jobs(old: Path, new: Path, name: str, only: str = "") -> list[str]:
    """Differences between what one job left in two folders, each with where and the first thing that differs.

    Args:
        old, new: folders of the drivers.
        name: of the job.
        only: a regular expression that names of compared files hold.
    """
    left, right = (json.loads((side / f"{name}.said.json").read_text(encoding="utf-8")) for side in (old, new))
    if (left["code"], left["error"]) != (right["code"], right["error"]):
        return [_two("outcome", *(f"exit code {said['code']} {said['error']}" for said in (left, right)))]
    files = {path.relative_to(side / name) for side in (old, new) for path in _files(side / name)}
    pairs = {str(file): (old / name / file, new / name / file) for file in files}
    if any((side / f"{name}.json").exists() for side in (old, new)):
        pairs["quantize.json"] = (old / f"{name}.json", new / f"{name}.json")
    return [line for file in sorted(pairs) if re.search(only, file) for line in _compare_file(*pairs[file], file)]


def _files(folder: Path) -> Iterator[Path]:
    for path in folder.rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts and path.name not in LEFT_OUT:
            yield path


def _compare_file(old: Path, new: Path, name: str) -> Iterator[str]:
    for path, side in ((old, "only in the new tree's"), (new, "only in the base's")):
        if not path.is_file():
            yield f"{name}: {side}"
            return
    left, right = old.read_bytes(), new.read_bytes()
    if left == right:
        return
    found = [_READERS.get(old.suffix, _text)(path, name) for path in (old, new)]
    for one, other in zip_longest(*found, fillvalue=""):
        if one != other:
            yield _two(name, one, other)
            return
    if old.suffix != ".json":
        yield f"{name}: bytes differ, what they hold does not"


def _two(what: str, left: str, right: str) -> str:
    """Both lines, each from a little before the first character that differs."""
    start = next((i for i, (a, b) in enumerate(zip(left, right, strict=False)) if a != b), min(len(left), len(right)))
    start = 0 if start < WIDTH - 40 else start - 40
    cut = "..." if start else ""
    return f"{what}:\n      - {cut}{left[start : start + WIDTH]}\n      + {cut}{right[start : start + WIDTH]}"


def _text(path: Path, name: str) -> list[str]:
    text = path.read_text(encoding="utf-8", errors="backslashreplace")
    return [f"{number}: {line}" for number, line in enumerate(text.splitlines(), 1)]


def _json(path: Path, name: str) -> list[str]:
    value = json.loads(path.read_text(encoding="utf-8"))
    if isinstance(value, dict):
        value = {key: found for key, found in value.items() if key not in VOLATILE.get(Path(name).name, ())}
    return list(_leaves(value, ""))


def _leaves(value: Any, where: str) -> Iterator[str]:
    """One line a leaf, keys in order: ``mapping.cores = 3``."""
    if isinstance(value, dict):
        for key in sorted(value):
            yield from _leaves(value[key], f"{where}.{key}" if where else key)
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _leaves(item, f"{where}[{number}]")
    else:
        yield f"{where} = {json.dumps(value)}"


def _npz(path: Path, name: str) -> Iterator[str]:
    with np.load(path, allow_pickle=False) as arrays:
        for key in sorted(arrays.files):
            yield from _array(key, arrays[key])


def _nir(path: Path, name: str) -> Iterator[str]:
    found: list[tuple[str, Any]] = []
    with h5py.File(path) as file:
        file.visititems(lambda key, item: found.append((key, item[()] if isinstance(item, h5py.Dataset) else "")))
    for key, value in found:
        yield from _array(key, np.asarray(value))


def _array(key: str, array: Any) -> Iterator[str]:
    """Its form, then each value."""
    yield f"{key}: {array.dtype} {array.shape}"
    flat = array.reshape(-1)
    yield from (f"{key}{list(map(int, np.unravel_index(i, array.shape)))} = {flat[i]}" for i in range(flat.size))


def _onnx(path: Path, name: str) -> list[str]:
    try:
        import onnx
    except ImportError:
        return [path.read_bytes().hex()]
    return str(onnx.load(path)).splitlines()


_READERS: dict[str, Any] = {".json": _json, ".npz": _npz, ".nir": _nir, ".onnx": _onnx}
