"""Spiking Heidelberg Digits: spoken digits, German and English, as spikes of 700 cochlear channels.

Reads `shd_train.h5` and `shd_test.h5`. Spikes are counted in steps of 10 ms and in groups of 5 neighboring channels, as
is usual: about 140 steps of 140 values. Every tenth training recording is validation.
"""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from models.data.official import official_folder
from models.tasks.task import Part, Task
from toolchain.errors import InputError
from toolchain.files import UNREADABLE

STEP_SECONDS = 0.01
CHANNELS = 700
GROUP = 5
CLASSES = 20
VALIDATION_EVERY = 10

Recording = tuple[NDArray[np.int64], NDArray[np.int64]]
"""Step and group of each spike."""


def shd() -> Task:
    """7340 / 816 / 2264 recordings, each with its true length."""
    folder = official_folder("shd")
    (train, labels), (test, test_labels) = (read_recordings(folder / f"shd_{kind}.h5") for kind in ("train", "test"))
    steps = max(int(at.max()) + 1 for at, _ in [*train, *test] if len(at))
    held_out = np.arange(len(train)) % VALIDATION_EVERY == 0
    fitted, validation = (
        _part([train[number] for number in np.flatnonzero(kept)], labels[kept], steps) for kept in (~held_out, held_out)
    )
    return Task("shd", CLASSES, fitted, validation, _part(test, test_labels, steps))


def _part(recordings: list[Recording], labels: NDArray[np.int64], steps: int) -> Part:
    counts = np.zeros((len(recordings), steps, CHANNELS // GROUP), dtype=np.float32)
    for row, recording in zip(counts, recordings, strict=True):
        np.add.at(row, recording, np.float32(1))
    lengths = np.array([at.max() + 1 if len(at) else 1 for at, _ in recordings], dtype=np.int64)
    return Part(counts, labels, lengths)


def read_recordings(path: Path) -> tuple[list[Recording], NDArray[np.int64]]:
    """Spikes and labels of a file: ``spikes/times`` in seconds, ``spikes/units``, ``labels``.

    Raises:
        InputError: damaged, or with other content.
    """
    try:
        with h5py.File(path) as file:
            times, units = list(file["spikes/times"]), list(file["spikes/units"])
            labels = np.array(file["labels"], dtype=np.int64)
        found = [_spikes(at, unit) for at, unit in zip(times, units, strict=True)]
        if len(labels) != len(found) or not found or labels.min() < 0 or labels.max() >= CLASSES:
            raise ValueError(f"{len(found)} recordings and {len(labels)} labels of 0..{CLASSES - 1}")
    except UNREADABLE as error:
        raise InputError(str(path), f"holds no recordings ({error})", "unpack it again") from error
    return found, labels


def _spikes(times: NDArray[np.floating], units: NDArray[np.integer]) -> Recording:
    at, unit = np.asarray(times, dtype=np.float64), np.asarray(units, dtype=np.int64)
    if at.shape != unit.shape or (len(at) and not (at.min() >= 0 and unit.min() >= 0 and unit.max() < CHANNELS)):
        raise ValueError(f"{len(at)} times of spikes in {len(unit)} channels, or one out of range")
    return (at / STEP_SECONDS).astype(np.int64), unit // GROUP
