"""What the frameworks share here: sizes, weights, inputs, and the files that a script leaves. Needs numpy alone."""

from __future__ import annotations

import itertools
import json
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

SIZES = (8, 12, 5)
STEPS = 40
SAMPLES = 6

Array = NDArray[Any]


def inputs(seed: int = 0, *, rate: float = 0.3) -> Array:
    """Zeros and ones, (sample, step, channel), float32."""
    rng = np.random.default_rng(seed)
    return (rng.random((SAMPLES, STEPS, SIZES[0])) < rate).astype(np.float32)


def weights(seed: int, *, grid: bool = False, gain: float = 1.0) -> list[Array]:
    """A matrix (target, source) of each layer, float32; on a grid of 1/8 sums reach thresholds exactly."""
    rng = np.random.default_rng(seed)
    made = []
    for source, target in itertools.pairwise(SIZES):
        values = rng.integers(-5, 9, (target, source)) / 8 if grid else rng.normal(0.25, 0.6, (target, source))
        made.append((gain * values).astype(np.float32))
    return made


def square(seed: int, size: int = SIZES[1]) -> tuple[Array, Array]:
    """Recurrent weights (size, size) and bias (size,), float32."""
    rng = np.random.default_rng(seed)
    return rng.normal(0, 0.3, (size, size)).astype(np.float32), rng.normal(0.1, 0.1, size).astype(np.float32)


def spread(seed: int, low: float, high: float, size: int) -> Array:
    """A value a neuron, (size,), float32."""
    return np.random.default_rng(seed).uniform(low, high, size).astype(np.float32)


def keep(folder: Path, case: str, preset: str, x: Array, layers: Mapping[str, Array], **facts: Any) -> None:
    """Store what a network was given and sent: ``<case>.npz`` beside the ``<case>.nir`` that the tool wrote.

    Args:
        folder, case: where.
        preset: the conventions that this neuron should be read by.
        x: (sample, step, channel).
        layers: by node name in the file, what the layer sent, (sample, step, neuron).
        facts: for the record; "switches" are conventions in place of the preset's.
    """
    record = {"case": case, "preset": preset, "python": platform.python_version(), **facts}
    header = np.frombuffer(json.dumps(record, sort_keys=True).encode(), dtype=np.uint8)
    spikes: dict[str, Any] = {f"layer/{name}": np.asarray(values) for name, values in layers.items()}
    np.savez_compressed(folder / f"{case}.npz", header=header, x=x, **spikes)
