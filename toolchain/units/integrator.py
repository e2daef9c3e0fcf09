"""An I node that Outputs alone read: adds up what arrives over time, for the host to read."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from toolchain.errors import InputError
from toolchain.frontend.discretize import DiscreteNeuron
from toolchain.frontend.graph import FloatArray, Node
from toolchain.ir.program import Population
from toolchain.quantize.scheme import UnitScale
from toolchain.quantize.settings import Settings
from toolchain.units.base import (
    Loop,
    Rounded,
    Seen,
    Tensors,
    Unit,
    rounded_bias,
    seen_without_modes,
)
from toolchain.units.reading import Reading
from toolchain.units.soma import gain_of


@dataclass(frozen=True, eq=False)
class Integrator(Unit):
    """A running sum.

    Attributes:
        soma: its step, (size,) each; without leak and threshold.
    """

    soma: DiscreteNeuron

    node_kinds = ("I",)
    output_register = "total"
    spikes = False
    graded = False

    @classmethod
    def of_node(cls, node: Node, reading: Reading, name: str, size: int, bias: FloatArray) -> Unit:
        return cls(name, size, node.name, bias, reading.neuron(node))

    @property
    def gain(self) -> FloatArray:
        return gain_of(self.soma)

    def run(self, tensors: Tensors, drive: FloatArray, loop: Loop, moment_rows: int) -> Seen:
        if loop is not None:
            raise InputError(self.origin, "a loop around an integrator cannot be calibrated", "put a LIF into the loop")
        total = np.cumsum(drive, axis=1)
        return seen_without_modes(drive, total, total)

    def rounded(self, scale: UnitScale, settings: Settings, start_step: int) -> Rounded:
        bias, rows = rounded_bias(self, "bias", self.gain * self.bias, scale.drive_scale, scale.scale_text)
        population = Population(
            self.name, "integrator", self.size, coefficients=bias, start_step=start_step, origin=self.origin
        )
        return Rounded(population, tuple(rows))
