"""A seamount.Rectifier: sends the positive part of what arrives as a graded message."""

from __future__ import annotations

import numpy as np

from toolchain.frontend.extensions import RECTIFIER
from toolchain.frontend.graph import FloatArray
from toolchain.units.base import Tensors
from toolchain.units.stateless import Stateless


class Rectifier(Stateless):
    """max(what arrives, 0)."""

    node_kinds = (RECTIFIER,)
    graded = True
    neuron = "rectifier"

    def emitted(self, tensors: Tensors, drive: FloatArray) -> FloatArray:
        return np.maximum(drive, 0.0)
