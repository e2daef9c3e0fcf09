"""MNIST and Fashion-MNIST read pixel by pixel: 784 steps of one value, or 196 of the mean of 2 x 2 pixels.

Pixels are given as k / 256, which eight fraction bits hold exactly, means as k / 1024. The last 5000 of the 60000
training images are the validation part. In psMNIST all images are read in one random order, drawn once from a fixed
seed.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.data import read_data
from models.tasks.task import Distortion, Part, Task

SIDE = 28
LEVELS = 256
POOL = 2
VALIDATION_SAMPLES = 5000
PERMUTATION_SEED = 0
IN_ROWS = np.arange(SIDE * SIDE)


def permutation() -> NDArray[np.int64]:
    """The order of psMNIST: step t is pixel ``permutation()[t]`` of the image read row by row."""
    # PCG64 and its permutation are part of numpy's stable streams; a test holds the result.
    return np.random.default_rng(PERMUTATION_SEED).permutation(SIDE * SIDE)


def smnist() -> Task:
    """Handwritten digits, row by row."""
    return _load("smnist", "mnist", Distortion(SIDE, IN_ROWS, degrees=12, stretch=0.12, shear=0.15, pixels=2))


def smnist196() -> Task:
    """Handwritten digits of 14 x 14 mean values, row by row: a quarter of the steps."""
    side = SIDE // POOL
    gentle = Distortion(side, np.arange(side**2), degrees=12, stretch=0.12, shear=0.15, pixels=1)
    return _load("smnist196", "mnist", gentle)


def psmnist() -> Task:
    """Handwritten digits in a fixed random order."""
    return _load("psmnist", "mnist", Distortion(SIDE, permutation(), degrees=12, stretch=0.12, shear=0.15, pixels=1.5))


def sfashion() -> Task:
    """Pieces of clothing, row by row."""
    mild = Distortion(SIDE, IN_ROWS, degrees=4, stretch=0.08, shear=0.04, pixels=1.5, mirror=True)
    return _load("sfashion", "fashion", mild)


def _load(name: str, data: str, distortion: Distortion) -> Task:
    arrays = read_data(data)
    train, validation = (
        _part(arrays["train_images"][chosen], arrays["train_labels"][chosen], distortion)
        for chosen in (slice(None, -VALIDATION_SAMPLES), slice(-VALIDATION_SAMPLES, None))
    )
    test = _part(arrays["test_images"], arrays["test_labels"], distortion)
    return Task(name, 10, train, validation, test, distortion=distortion)


def _part(images: NDArray[np.uint8], labels: NDArray[np.uint8], distortion: Distortion) -> Part:
    side = distortion.side
    if side == SIDE:
        values = images / np.float32(LEVELS)
    else:
        blocks = images.reshape(len(images), side, SIDE // side, side, SIDE // side)
        values = blocks.sum(axis=(2, 4), dtype=np.uint16) / np.float32(LEVELS * (SIDE // side) ** 2)
    pixels = values.reshape(len(images), side**2, 1)[:, distortion.order]
    return Part(pixels.astype(np.float32, copy=False), labels.astype(np.int64))
