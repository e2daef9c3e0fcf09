"""From the files of a package to plain arrays."""

from __future__ import annotations

import gzip
import re
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.data.frames import frame_columns, read_pickled
from toolchain.errors import InputError

Files = Mapping[str, bytes]
"""Path inside the archive to content."""

Arrays = dict[str, NDArray[Any]]

IDX_UBYTE = 0x08
ACCELERATION_STEP = 1 / 720
"""g a count: every acceleration in HAPT is a multiple of it."""

ROTATION_STEP = 0.0175 * np.pi / 180
"""rad/s a count: 17.5 millidegrees per second, the step of the phone's gyroscope."""

CHANNELS = ("acc-x", "acc-y", "acc-z", "gyro-x", "gyro-y", "gyro-z")
SPOKEN = re.compile(r"(\d{4})[^/]*\.txt$")


def read_idx(content: bytes, where: str) -> NDArray[np.uint8]:
    """An array in the IDX format of MNIST: two zero bytes, type, number of axes, sizes (big-endian), bytes.

    Raises:
        InputError: another format, or a length that does not fit the header.
    """
    if len(content) < 4 or content[:3] != bytes((0, 0, IDX_UBYTE)):
        raise InputError(where, f"starts with {content[:4].hex()}, not with an IDX header of bytes", "fetch it again")
    header = 4 + 4 * content[3]
    if len(content) < header:
        raise InputError(where, f"has {len(content)} bytes, its header alone needs {header}", "fetch it again")
    shape = tuple(int(size) for size in np.frombuffer(content[4:header], dtype=">u4"))
    values = np.frombuffer(content[header:], dtype=np.uint8)
    if values.size != np.prod(shape):
        raise InputError(where, f"has {values.size} values, its header says {shape}", "fetch it again")
    return values.reshape(shape)


def from_idx(files: Files) -> Arrays:
    """Images (sample, row, column) and labels (sample,) of both parts of MNIST or Fashion-MNIST."""
    parts = {("train", "images"): "train-images", ("train", "labels"): "train-labels"}
    parts |= {("test", "images"): "t10k-images", ("test", "labels"): "t10k-labels"}
    found = {}
    for (part, kind), stem in parts.items():
        path, content = next((path, content) for path, content in files.items() if stem in path)
        found[f"{part}_{kind}"] = read_idx(gzip.decompress(content) if path.endswith(".gz") else content, path)
    return found


def from_hapt(files: Files) -> Arrays:
    """All recordings one after the other, in whole counts of the sensors.

    ``samples`` (time, 6) int16: acceleration in 1/720 g, rotation in 17.5 millidegrees per second; ``labels`` (time,)
    int8: 1 walking, 2 upstairs, 3 downstairs, 4 sitting, 5 standing, 6 lying, 7-12 transitions, -1 none; ``users``
    and ``lengths``, one a recording.
    """
    ((path, content),) = files.items()
    steps = np.array([ACCELERATION_STEP] * 3 + [ROTATION_STEP] * 3)
    samples, labels, users = [], [], []
    for user, recordings in sorted(read_pickled(gzip.decompress(content), path).items()):
        for columns in map(frame_columns, recordings):
            counts = np.stack([columns[name] for name in CHANNELS], axis=1) / steps
            if np.abs(counts - np.rint(counts)).max() > 0.01:
                raise InputError(path, f"a recording of user {user} is not in whole sensor counts", "fetch it again")
            samples.append(np.clip(np.rint(counts), -32768, 32767).astype(np.int16))
            labels.append(columns["label"].astype(np.int8))
            users.append(user)
    lengths = np.array([len(part) for part in labels], dtype=np.int32)
    people = np.array(users, dtype=np.int16)
    return {"samples": np.concatenate(samples), "labels": np.concatenate(labels), "users": people, "lengths": lengths}


def from_sotu(files: Files) -> Arrays:
    """All addresses in the order of their file names: ``text`` (bytes,), ``lengths`` and ``years``, one an address."""
    chosen = sorted((path, content) for path, content in files.items() if SPOKEN.search(path))
    years = [int(match[1]) for path, _ in chosen if (match := SPOKEN.search(path))]
    text = np.frombuffer(b"".join(content for _, content in chosen), dtype=np.uint8)
    lengths = np.array([len(content) for _, content in chosen], dtype=np.int32)
    return {"text": text, "lengths": lengths, "years": np.array(years, dtype=np.int16)}
