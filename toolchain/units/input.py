"""The input: what the host sends."""

from __future__ import annotations

import numpy as np

from toolchain.errors import UnsupportedError
from toolchain.frontend.graph import FloatArray
from toolchain.quantize.scheme import UnitScale
from toolchain.quantize.settings import Settings
from toolchain.units.base import Loop, Reals, Rounded, Seen, Tensors, Unit, seen_without_modes


class Input(Unit):
    """An Input node. It is not a population: its messages are the data."""

    node_kinds = ("Input",)
    driven_by = "none"
    spikes = False
    graded = True

    def run(self, tensors: Tensors, drive: FloatArray, loop: Loop, moment_rows: int) -> Seen:
        return seen_without_modes(drive, drive, np.zeros_like(drive[:1, :1]))

    def rounded(self, scale: UnitScale, settings: Settings, start_step: int) -> Rounded:
        raise UnsupportedError(self.origin, "an input is not a population", "lower the others")

    def moved(self, reals: Reals) -> Input:
        return self
