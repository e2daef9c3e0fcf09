"""A seamount.BinaryGate: passes its value where its drive reaches a threshold."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from toolchain.frontend.extensions import BINARY_GATE
from toolchain.frontend.graph import FloatArray, Node
from toolchain.ir.integer import limits
from toolchain.quantize.scheme import REGISTER_BITS, UnitScale
from toolchain.quantize.settings import Settings
from toolchain.units.base import Rounded, Tensors, Unit, UnitRange
from toolchain.units.gated import TwoPorts
from toolchain.units.reading import Reading
from toolchain.units.stateless import rounded_threshold


@dataclass(frozen=True, eq=False)
class BinaryGate(TwoPorts):
    """A gate that is open or shut.

    Attributes:
        threshold: least drive that opens it, (size,).
    """

    threshold: FloatArray

    node_kinds = (BINARY_GATE,)
    neuron = "binary_gate"

    @classmethod
    def of_node(cls, node: Node, reading: Reading, name: str, size: int, bias: FloatArray) -> Unit:
        return cls(name, size, node.name, bias, np.ravel(node.params["threshold"]))

    def tensors(self) -> Tensors:
        return {**super().tensors(), "threshold": self.threshold}

    def emitted(self, tensors: Tensors, drive: FloatArray) -> FloatArray:
        value, opening = self.halves(drive)
        return np.where(opening >= tensors["threshold"], value, 0.0)

    def peak(self, port: str, seen: UnitRange) -> float:
        peak = super().peak(port, seen)
        return max(peak, float(np.abs(self.threshold).max())) if port == "drive" else peak

    def message_scale(
        self, gain: FloatArray, exponents: tuple[int, int], seen: UnitRange, settings: Settings
    ) -> UnitScale:
        first, second = exponents
        return UnitScale(first, gain, second_exponent=second, message_exponent=first)

    def rounded(self, scale: UnitScale, settings: Settings, start_step: int) -> Rounded:
        biases, rows = self.rounded_biases(scale)
        least = limits(REGISTER_BITS)[0]
        threshold, more = rounded_threshold(self, self.threshold, scale.second_exponent, least)
        return self.populated(biases | threshold, [*rows, *more], start_step)
