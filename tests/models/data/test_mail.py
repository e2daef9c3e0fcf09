"""Mails: what is kept of them, what their label is, and that near copies stay together."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from models.data import SOURCES, digest, write_data
from models.data.mail import from_mail, group, split
from models.tasks import load_task
from toolchain.errors import InputError

MAIL = b"From a@b\nReceived: from x\nSubject: Two\n lines \xe9\nTo: c\n\nSubject: not this\n\nHello"


def test_subject_and_body_are_kept() -> None:
    assert split(MAIL) == (b"Two\n lines \xe9", b"Subject: not this\n\nHello")
    assert split(MAIL.replace(b"\n", b"\r\n"))[0] == b"Two\r\n lines \xe9"
    assert split(b"Received: x\n\nbody") == (b"", b"body") and split(b"no body") == (b"", b"")


def test_near_copies_share_a_group() -> None:
    first = (
        b"<b>Dear 123 Friend</b>, this is your LUCKY day. Come and see what we have in store for you at once: number 1"
    )
    second = (
        b"Dear friend,\nthis is your lucky  day! Come and <i>see</i> what we have in store for you at once! (another)"
    )
    assert group(first) == group(second) != group(b"Dear friend, this is not")


def test_order_labels_and_length() -> None:
    files = {"p/data/spam-2/1.txt": b"\n\n" + b"x" * 5000, "p/data/easy-ham-1/2.txt": MAIL}
    found = from_mail(files)
    assert found["labels"].tolist() == [0, 1] and found["lengths"].tolist() == [37, 4096]
    assert found["text"][:37].tobytes() == b"Two\n lines \xe9\nSubject: not this\n\nHello"
    with pytest.raises(InputError, match=r"p/other/1\.txt: lies in a folder of neither spam nor ham"):
        from_mail({"p/other/1.txt": MAIL})


def test_the_task(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    groups = np.array([0, 13, 14, 16, 17, 19, 33, 20], dtype=np.uint32)
    lengths = np.arange(1, 9, dtype=np.int32)
    text = np.arange(36, dtype=np.uint8) * 7 + 1
    labels = np.array([0, 1, 0, 1, 0, 1, 0, 1], dtype=np.uint8)
    arrays: dict[str, np.ndarray] = {"text": text, "lengths": lengths, "labels": labels, "groups": groups}
    monkeypatch.setenv("SEAMOUNT_DATA", str(tmp_path))
    monkeypatch.setitem(SOURCES, "mail", replace(SOURCES["mail"], digest=digest(arrays)))
    write_data("mail", arrays)
    task = load_task("mail")
    assert (task.steps, task.inputs, task.classes) == (4096, 129, 2)
    lengths_of = [
        part.lengths.tolist() for part in (task.train, task.validation, task.test) if part.lengths is not None
    ]
    assert lengths_of == [[1, 2, 7, 8], [3, 4], [5, 6]]
    assert task.test.labels.tolist() == [0, 1]
    assert task.test.inputs[0, :6].tolist() == [71, 78, 85, 92, 99, 0]
    assert task.train.inputs[3, :9].tolist() == [*[128] * 8, 0]
