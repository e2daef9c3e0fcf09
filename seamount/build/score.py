"""How good outputs are against labels: right decisions, and bits a symbol where there is a label for every step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seamount.samples import Samples
from toolchain.host.decode import at_last_step, bits_of_labels
from toolchain.ir.integer import IntArray


@dataclass(frozen=True)
class Score:
    """Right decisions among those counted.

    Attributes:
        correct, counted: decisions; one a sample, or one a step where there is a label for every step.
        total_bits: sum of -log2 of the labels' probabilities under a softmax over the outputs; None for one a sample.
    """

    correct: int
    counted: int
    total_bits: float | None = None

    def __add__(self, other: Score) -> Score:
        """Both sets of decisions together."""
        bits = None
        if self.total_bits is not None and other.total_bits is not None:
            bits = self.total_bits + other.total_bits
        return Score(self.correct + other.correct, self.counted + other.counted, bits)

    @property
    def bits_per_symbol(self) -> float | None:
        """Mean bits a label; None for one label a sample."""
        return None if self.total_bits is None else self.total_bits / self.counted


def score_classes(classes: IntArray, samples: Samples) -> Score:
    """Decisions (sample,) against one label a sample."""
    return Score(int(np.count_nonzero(classes == samples.y)), len(samples))


def score_steps(outputs: NDArray[Any], samples: Samples) -> Score:
    """Outputs of every step in real units, (sample, step, neuron), against the labels; padding counts nowhere."""
    if not samples.per_step:
        return score_classes(np.argmax(at_last_step(outputs, samples.lengths), axis=1), samples)
    assert samples.y is not None
    counted = np.arange(samples.steps) < samples.counted_steps[:, None]
    labels = np.where(counted, samples.y, 0)
    right = (np.argmax(outputs, axis=2) == labels) & counted
    bits = bits_of_labels(outputs.astype(np.float64), labels)
    return Score(int(right.sum()), int(counted.sum()), float(bits[counted].sum()))
