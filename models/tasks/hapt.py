"""HAPT: six activities from a smartphone at the waist, 128 steps (2.56 s) of acceleration and rotation at 50 Hz.

Windows lie inside one labelled stretch, 64 steps apart. The nine test users are those that UCI's own split holds out;
four more users are the validation part, so that no person is in two parts.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from models.data import read_data
from models.data.convert import ACCELERATION_STEP, ROTATION_STEP
from models.tasks.task import Part, Task
from toolchain.errors import InputError

WINDOW_STEPS = 128
HOP_STEPS = 64
ACTIVITIES = 6
USERS = 30
TEST_USERS = (2, 4, 9, 10, 12, 13, 18, 20, 24)
VALIDATION_USERS = (3, 11, 19, 27)
SCALE = np.array([ACCELERATION_STEP] * 3 + [ROTATION_STEP] * 3)
"""g and rad/s a sensor count."""

TURN_RADIANS = 0.12
GAIN = 0.05


@dataclass(frozen=True)
class _Windows:
    """Windows of some users: first steps, labels, and how far each may be moved within its stretch."""

    starts: NDArray[np.int64]
    labels: NDArray[np.int64]
    earliest: NDArray[np.int64]
    latest: NDArray[np.int64]


def load(validation_users: tuple[int, ...] = VALIDATION_USERS) -> Task:
    """Windows of 17, 4 and 9 users; inputs in g and rad/s.

    Args:
        validation_users: who of the 21 users outside the test part is held out; others for a cross-validation
            (`folds`), nobody to fit to all of them once everything is chosen.
    """
    arrays = read_data("hapt")
    samples = (arrays["samples"] * SCALE).astype(np.float32)
    owner = np.repeat(arrays["users"], arrays["lengths"])
    recording = np.repeat(np.arange(len(arrays["users"])), arrays["lengths"])
    held_out = (*TEST_USERS, *validation_users)
    groups = (np.setdiff1d(arrays["users"], held_out), np.array(validation_users), np.array(TEST_USERS))
    parts = [_windows(arrays["labels"], recording, np.isin(owner, group)) for group in groups]

    def augment(_: NDArray[np.float32], rng: np.random.Generator, strength: float) -> NDArray[np.float32]:
        return _vary(samples, parts[0], rng, strength)

    cut = [Part(_cut(samples, windows.starts), windows.labels) for windows in parts]
    return Task("hapt", ACTIVITIES, cut[0], cut[1], cut[2], augment=augment)


def folds(count: int) -> list[tuple[int, ...]]:
    """The 21 people outside the test part in groups of nearly equal size, each to be `load`'s validation part once.

    Four people are few to choose settings on: what is better for them may not be for others.

    Raises:
        InputError: fewer than two groups, or more than people.
    """
    users = [user for user in range(1, USERS + 1) if user not in TEST_USERS]
    if not 2 <= count <= len(users):
        raise InputError("folds", f"{count} groups of {len(users)} people", f"give 2..{len(users)}")
    return [tuple(users[first::count]) for first in range(count)]


def _windows(labels: NDArray[np.int8], recording: NDArray[np.int64], chosen: NDArray[np.bool_]) -> _Windows:
    """All windows inside one stretch of one activity of one recording."""
    change = (np.diff(labels) != 0) | (np.diff(recording) != 0)
    edges = np.concatenate([[0], np.flatnonzero(change) + 1, [len(labels)]])
    rows = []
    for first, end in pairwise(edges):
        if chosen[first] and 1 <= labels[first] <= ACTIVITIES:
            last = end - WINDOW_STEPS
            rows += [(start, labels[first] - 1, first, last) for start in range(first, last + 1, HOP_STEPS)]
    starts, classes, earliest, latest = np.array(rows, dtype=np.int64).reshape(-1, 4).T
    return _Windows(starts, classes, earliest, latest)


def _cut(samples: NDArray[np.float32], starts: NDArray[np.int64]) -> NDArray[np.float32]:
    windows: NDArray[np.float32] = samples[starts[:, None] + np.arange(WINDOW_STEPS)]
    return windows


def _vary(
    samples: NDArray[np.float32], windows: _Windows, rng: np.random.Generator, strength: float
) -> NDArray[np.float32]:
    """The training windows moved by up to half a hop, with the phone turned a little and its gain changed."""
    moved = windows.starts + rng.integers(-HOP_STEPS // 2, HOP_STEPS // 2 + 1, len(windows.starts))
    cut = _cut(samples, np.clip(moved, windows.earliest, windows.latest))
    turns = _rotations(rng.normal(0.0, strength * TURN_RADIANS, (len(cut), 3)))
    gain = rng.normal(1.0, strength * GAIN, (len(cut), 1, 1))
    turned = np.concatenate([cut[:, :, :3] @ turns, cut[:, :, 3:] @ turns], axis=2)
    return (turned * gain).astype(np.float32)


def _rotations(angles: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rotation matrices (n, 3, 3) of rotation vectors (n, 3), by Rodrigues' formula."""
    size = np.linalg.norm(angles, axis=1)[:, None, None]
    x, y, z = (angles / np.maximum(size[:, :, 0], 1e-12)).T
    zero = np.zeros_like(x)
    cross = np.stack([zero, -z, y, z, zero, -x, -y, x, zero], axis=1).reshape(-1, 3, 3)
    result: NDArray[np.float64] = np.eye(3) + np.sin(size) * cross + (1 - np.cos(size)) * (cross @ cross)
    return result
