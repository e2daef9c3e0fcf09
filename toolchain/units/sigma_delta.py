"""A seamount.SigmaDelta: sums changes that arrive, and sends changes of its activation that reach a threshold."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from toolchain.errors import InputError, UnsupportedError
from toolchain.frontend.extensions import SIGMA_DELTA
from toolchain.frontend.graph import FloatArray, Node
from toolchain.frontend.stepped import SigmaDelta as Sums
from toolchain.ir.program import Population
from toolchain.quantize.rounding import round_to, row
from toolchain.quantize.scheme import UnitScale
from toolchain.quantize.settings import Settings
from toolchain.units.base import Loop, Rounded, Seen, Tensors, Unit, rounded_bias, seen_without_modes
from toolchain.units.reading import Reading


@dataclass(frozen=True, eq=False)
class SigmaDelta(Unit):
    """A rectified sum that is sent by its changes.

    Attributes:
        offset: added to the sum, (size,).
        threshold: least change that is sent, (size,).
    """

    offset: FloatArray
    threshold: FloatArray

    node_kinds = (SIGMA_DELTA,)
    spikes = False
    graded = True

    @classmethod
    def of_node(cls, node: Node, reading: Reading, name: str, size: int, bias: FloatArray) -> Unit:
        if np.any(bias != 0):
            what = f"a constant of up to {np.abs(bias).max():g} enters it, and is summed, at every step"
            raise UnsupportedError(node.name, what, "give it as the node's own bias, which is added once")
        own = (np.ravel(node.params[name]) for name in ("bias", "threshold"))
        return cls(name, size, node.name, bias, *own)

    @property
    def moves_alone(self) -> bool:
        return bool(np.any(self.offset > 0))

    def tensors(self) -> Tensors:
        return {"bias": self.offset, "threshold": self.threshold}

    def start(self, tensors: Tensors) -> FloatArray:
        return np.zeros(self.size)

    def run(self, tensors: Tensors, drive: FloatArray, loop: Loop, moment_rows: int) -> Seen:
        if loop is not None:
            raise InputError(self.origin, "a loop around a sigma-delta cannot be calibrated", "remove the loop")
        state = Sums(tensors["bias"], tensors["threshold"], len(drive))
        messages, reached = np.empty_like(drive), np.empty_like(drive)
        for t in range(drive.shape[1]):
            messages[:, t] = state.step(drive[:, t])
            reached[:, t] = np.maximum(np.abs(state.sigma), state.activation)
        return seen_without_modes(drive, messages, reached)

    def threshold_peak(self) -> float:
        return float(max(self.threshold.max(), np.abs(self.offset).max()))

    def rounded(self, scale: UnitScale, settings: Settings, start_step: int) -> Rounded:
        coefficients, rows = rounded_bias(self, "bias", self.offset, scale.drive_scale, scale.scale_text)
        threshold = np.maximum(round_to(self.threshold, scale.drive_scale), 1)
        name = f"{self.name}.threshold"
        rows = [*rows, row(name, 23, scale.scale_text, self.threshold, threshold, scale.drive_scale)]
        population = Population(
            name=self.name,
            neuron="sigma_delta",
            size=self.size,
            settings={"rectified": 1},
            coefficients={**coefficients, "threshold": threshold},
            start_step=start_step,
            origin=self.origin,
        )
        return Rounded(population, tuple(rows))
