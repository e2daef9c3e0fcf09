"""A seamount.Ternary: sends the sign of what arrives where its magnitude reaches a threshold."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from toolchain.frontend.extensions import TERNARY
from toolchain.frontend.graph import FloatArray, Node
from toolchain.quantize.scheme import Payload, UnitScale
from toolchain.quantize.settings import Settings
from toolchain.units.base import (
    Loop,
    Reals,
    Rounded,
    Seen,
    Tensors,
    Unit,
    rounded_bias,
    seen_without_modes,
)
from toolchain.units.reading import Reading
from toolchain.units.stateless import Stateless, rounded_threshold


@dataclass(frozen=True, eq=False)
class Ternary(Stateless):
    """-1, 0 or 1.

    Attributes:
        threshold: least magnitude that is sent, (size,).
    """

    threshold: FloatArray

    node_kinds = (TERNARY,)
    graded = False
    neuron = "ternary"

    @classmethod
    def of_node(cls, node: Node, reading: Reading, name: str, size: int, bias: FloatArray) -> Unit:
        return cls(name, size, node.name, bias, np.ravel(node.params["threshold"]))

    def tensors(self) -> Tensors:
        return {**super().tensors(), "threshold": self.threshold}

    def emitted(self, tensors: Tensors, drive: FloatArray) -> FloatArray:
        threshold = tensors["threshold"]
        return (drive >= threshold).astype(np.float64) - (-drive >= threshold)

    def run(self, tensors: Tensors, drive: FloatArray, loop: Loop, moment_rows: int) -> Seen:
        seen = super().run(tensors, drive, loop, moment_rows)
        return seen_without_modes(drive, seen.messages, drive)

    def payload(self, scale: UnitScale | None) -> Payload:
        """Two bits, which could hold -2 and are counted as if they did."""
        return Payload(0, 2.0)

    def threshold_peak(self) -> float:
        return float(self.threshold.max())

    def rounded(self, scale: UnitScale, settings: Settings, start_step: int) -> Rounded:
        bias, rows = rounded_bias(self, "bias", self.gain * self.bias, scale.drive_scale, scale.scale_text)
        threshold, more = rounded_threshold(self, self.threshold, scale.drive_exponent, 1)
        return self.populated(bias | threshold, [*rows, *more], start_step)

    def moved(self, reals: Reals) -> Self:
        return replace(super().moved(reals), threshold=reals.get("theta", self.threshold))
