"""The inputs that a task's networks are quantized on: the same wherever they are compiled."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.tasks.task import Task

CALIBRATION_SAMPLES = 256


def calibration_samples(task: Task) -> NDArray[np.int64]:
    """Indices of training samples, spread evenly."""
    total = len(task.train)
    return np.unique(np.linspace(0, total - 1, min(total, CALIBRATION_SAMPLES)).astype(np.int64))


def calibration_inputs(task: Task) -> NDArray[np.float64]:
    """Their inputs, (sample, step, channel); symbols as unit vectors, padding too."""
    inputs = task.train.inputs[calibration_samples(task)]
    values: NDArray[np.float64] = inputs.astype(np.float64) if task.symbols is None else np.eye(task.symbols)[inputs]
    return values
