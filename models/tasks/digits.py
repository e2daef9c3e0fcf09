"""The 1797 handwritten digits that scikit-learn ships too, 8 x 8 pixels read row by row: sequences of 64 steps.

Pixels are whole numbers 0..16, given as k / 16. Source: UCI ML hand-written digits (E. Alpaydin, C. Kaynak, 1998),
test part, CC BY 4.0; `sklearn.datasets.load_digits` has the same rows. `models/data/digits.npz` holds them with the
rows of each part, which were drawn once, stratified, by scikit-learn's `train_test_split` with seed 0.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.tasks.task import Part, Task
from toolchain.files import read_npz

DATA = Path(__file__).parents[1] / "data" / "digits.npz"
SIDE = 8
LEVELS = 16


def load() -> Task:
    """1221 training, 216 validation and 360 test sequences, stratified, always the same."""
    _, stored = read_npz(DATA)
    inputs, labels = (stored["pixels"] / LEVELS).astype(np.float32)[:, :, None], stored["labels"].astype(np.int64)
    parts = [Part(inputs[rows], labels[rows]) for rows in (stored["train"], stored["validation"], stored["test"])]
    return Task("digits", 10, parts[0], parts[1], parts[2], augment=distort)


def distort(inputs: NDArray[np.float32], rng: np.random.Generator, strength: float = 1.0) -> NDArray[np.float32]:
    """Training digits turned, scaled, sheared and shifted a little, each in its own way.

    Bilinear sampling; results are rounded back to sixteenths, which is what the real ones are.

    Args:
        inputs: (samples, 64, 1).
        rng: source of the distortions.
        strength: multiple of the usual distortion.
    """
    samples = len(inputs)
    images = np.pad(inputs.reshape(samples, SIDE, SIDE), ((0, 0), (1, 2), (1, 2)))
    matrices = np.eye(2) + strength * rng.normal(0.0, 0.08, (samples, 2, 2))
    shifts = strength * rng.uniform(-0.7, 0.7, (samples, 2, 1))
    centre = (SIDE - 1) / 2
    grid = np.stack(np.meshgrid(np.arange(SIDE), np.arange(SIDE), indexing="ij")).reshape(2, -1) - centre
    # Positions in the padded image; what falls outside reads its zero border.
    places = np.clip(matrices @ grid + shifts + centre + 1, 0, SIDE + 1)
    sampled = _bilinear(images, places)
    return (np.rint(sampled * LEVELS) / LEVELS).astype(np.float32).reshape(samples, SIDE * SIDE, 1)


def _bilinear(images: NDArray[np.float32], places: NDArray[np.float64]) -> NDArray[np.float64]:
    """Values of images (n, rows, columns) at places (n, 2, points), at least a pixel from the far edge."""
    low = places.astype(np.int64)
    fraction = places - low
    sample = np.arange(len(images))[:, None]
    total = np.zeros(places.shape[::2])
    for row in (0, 1):
        for column in (0, 1):
            weight = np.abs(1 - row - fraction[:, 0]) * np.abs(1 - column - fraction[:, 1])
            total += weight * images[sample, low[:, 0] + row, low[:, 1] + column]
    return total
