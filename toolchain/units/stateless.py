"""What units without state share: their message is a function of what arrives in the step."""

from __future__ import annotations

from abc import abstractmethod

import numpy as np

from toolchain.errors import InputError, QuantizationError
from toolchain.frontend.graph import FloatArray
from toolchain.ir.integer import IntArray, limits
from toolchain.ir.program import Population
from toolchain.quantize.rounding import TensorRow, round_to, row
from toolchain.quantize.scheme import REGISTER_BITS, UnitScale
from toolchain.quantize.settings import Settings
from toolchain.units.base import Loop, Rounded, Seen, Tensors, Unit, rounded_bias, seen_without_modes


class Stateless(Unit):
    """A unit whose message is `emitted` of what arrives."""

    spikes = False
    neuron: str
    """The neuron type that it becomes."""

    @abstractmethod
    def emitted(self, tensors: Tensors, drive: FloatArray) -> FloatArray:
        """The messages for what arrives, (sample, step, neuron)."""

    def run(self, tensors: Tensors, drive: FloatArray, loop: Loop, moment_rows: int) -> Seen:
        if loop is not None:
            what = f"a loop around a {self.neuron} cannot be calibrated"
            raise InputError(self.origin, what, "put a LIF into the loop")
        messages = self.emitted(tensors, drive)
        return seen_without_modes(drive, messages, messages)

    def rounded(self, scale: UnitScale, settings: Settings, start_step: int) -> Rounded:
        bias, rows = rounded_bias(self, "bias", self.gain * self.bias, scale.drive_scale, scale.scale_text)
        return self.populated(bias, rows, start_step)

    def populated(
        self,
        coefficients: dict[str, IntArray],
        rows: list[TensorRow],
        start_step: int,
        settings: dict[str, int] | None = None,
        findings: tuple[str, ...] = (),
    ) -> Rounded:
        """The population of given parts."""
        population = Population(
            name=self.name,
            neuron=self.neuron,
            size=self.size,
            settings=settings or {},
            coefficients=coefficients,
            start_step=start_step,
            origin=self.origin,
        )
        return Rounded(population, tuple(rows), findings)


def rounded_threshold(
    unit: Unit, real: FloatArray, exponent: int, least: int
) -> tuple[dict[str, IntArray], list[TensorRow]]:
    """The threshold of a stateless unit at a drive's exponent, and its row.

    Raises:
        QuantizationError: one below `least`, or that no register holds.
    """
    rounded = round_to(real, 2.0**exponent)
    if np.any(rounded < least) or np.any(rounded > limits(REGISTER_BITS)[1]):
        what = f"{real.min():.3g} .. {real.max():.3g} are {rounded.min()} .. {rounded.max()} integer units"
        raise QuantizationError(f"{unit.origin}.threshold", what, "rescale the layer or train other thresholds")
    tensor = row(f"{unit.name}.threshold", REGISTER_BITS - 1, f"2^-{exponent}", real, rounded, 2.0**exponent)
    return {"threshold": rounded}, [tensor]
