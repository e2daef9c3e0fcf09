"""What others may have written is looked at before anything is allocated: one kind of error, no gigabytes."""

from __future__ import annotations

import io
import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from toolchain.files import UNREADABLE, read_npz, write_npz
from toolchain.reading import arrays_of, json_of, names_of, parse_json, text_of, toml_of


@pytest.mark.parametrize(
    "array",
    [np.arange(6).reshape(2, 3), np.asfortranarray(np.eye(3)), np.float32(2), np.zeros((0, 4)), np.array(["a", "bc"])],
)
def test_arrays_come_as_numpy_stores_them(tmp_path: Path, array: np.ndarray) -> None:
    for name, save in (("plain", np.savez), ("packed", np.savez_compressed)):
        save(tmp_path / f"{name}.npz", x=array, other=np.ones(2))
        (read,) = arrays_of(tmp_path / f"{name}.npz", ["x", "absent"]).values()
        assert read.dtype == np.asarray(array).dtype and np.array_equal(read, array)
    assert names_of(tmp_path / "plain.npz") == ["x", "other"]


def declaring(path: Path, shape: tuple[int, ...], dtype: str = "<f8", data: bytes = bytes(16)) -> None:
    """An archive with an array whose header says what its bytes do not."""
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": dtype, "fortran_order": False, "shape": shape})
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x.npy", header.getvalue() + data)


def with_header(path: Path, text: bytes) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x.npy", b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text)


def with_size(path: Path, size: int) -> None:
    """An archive whose directory says that more bytes come out of it."""
    np.savez_compressed(path, x=np.zeros(100))
    data = bytearray(path.read_bytes())
    directory = data.rfind(b"PK\x01\x02")
    data[directory + 24 : directory + 28] = size.to_bytes(4, "little")
    path.write_bytes(data)


BAD: dict[str, tuple[Callable[[Path], object], str]] = {
    "a shape of terabytes": (lambda path: declaring(path, (1 << 40,)), "declares 8,796,093,022,208 bytes of values"),
    "a negative shape": (lambda path: declaring(path, (-1, 2)), "holds float64 of 2 axes"),
    "too many axes": (lambda path: declaring(path, (1,) * 17), "of 17 axes"),
    "objects": (lambda path: np.savez(path, x=np.array([{}], dtype=object)), "Object arrays"),
    "records": (lambda path: np.savez(path, x=np.zeros(2, "i4,f8")), "holds"),
    "more than is packed": (lambda path: with_size(path, 1 << 30), "declares 1,073,741,824 bytes, and"),
    "a header that ends early": (
        lambda path: with_header(path, b"{'descr': '<f8', 'shape': ("),
        "never closed|EOF|syntax",
    ),
    "a header of something else": (lambda path: with_header(path, b"[1, 2]"), "has no header of npy"),
    "no archive": (lambda path: path.write_text("x"), "zip file"),
    "a folder": (lambda path: path.mkdir(), "no file"),
    "a pipe": (os.mkfifo, "no file"),
}


@pytest.mark.parametrize("kind", BAD)
def test_arrays_that_cannot_be_are_refused(tmp_path: Path, kind: str) -> None:
    make, message = BAD[kind]
    make(tmp_path / "x.npz")
    with pytest.raises(UNREADABLE, match=message):
        arrays_of(tmp_path / "x.npz")


def test_a_header_that_lists_other_arrays_is_refused(tmp_path: Path) -> None:
    write_npz(tmp_path / "a.npz", {}, {"x": np.ones(2)})
    with zipfile.ZipFile(tmp_path / "a.npz", "a") as archive:
        archive.writestr("y.npy", zipfile.ZipFile(tmp_path / "a.npz").read("x.npy"))
    with pytest.raises(ValueError, match=r"holds the arrays \['x', 'y'\] where its header lists \['x'\]"):
        read_npz(tmp_path / "a.npz")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[" * 100_000 + "]" * 100_000, "nested too deeply"),
        ('{"a": 1, "b": 2, "a": 3}', "'a' is there twice"),
        ("[" + "9" * 5000 + "]", "digits"),
        ("{", "Expecting"),
    ],
)
def test_json_that_cannot_be_is_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_json(text)


def test_texts_are_bounded_and_are_files(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text(json.dumps({"a": [1, 2]}))
    assert json_of(path) == {"a": [1, 2]}
    with pytest.raises(ValueError, match="13 bytes, more than 5"):
        text_of(path, 5)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ValueError, match="a pipe or a device"):
        text_of(tmp_path / "pipe")
    path.write_text("a = " + "[" * 5000 + "]" * 5000)
    with pytest.raises(ValueError, match="nested too deeply"):
        toml_of(path)
