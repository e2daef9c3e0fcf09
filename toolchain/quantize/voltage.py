"""How fine the voltages of a layer of state spaces are: one shift of the readout for all of its neurons.

A neuron's threshold is held in the scale of its voltage, which its C, stretched over the whole width, sets. The shift
is as great as the neuron needs whose voltage or threshold is greatest in that scale; a channel that training has
switched off, whose threshold is far beyond all that its C brings, so takes as many bits from the voltages of all the
others. Where that leaves a threshold coarse, the shift is chosen again: the one at which rounding errs least over the
layer, if neurons that do not fit hold their C in fewer bits. Per neuron, in its own units,

    error^2 = (1/12) s^2 sum_n E[x_n^2] / g^2  +  (m / 2 / V)^2,     counted up to 1, over  max(theta, rms of y)^2

with g the integer C per real C, V the integer voltage per real voltage at the shift, m the products that are floored
into one readout, s the gain of what enters, x the states and y the readout that calibration saw.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from toolchain.frontend.graph import FloatArray
from toolchain.quantize.scheme import REGISTER_BITS, room

FINE_BITS = 7
"""A threshold of fewer bits is coarse: each of a neuron's products is rounded by up to one unit of it."""
LEFT_FOR_ROUNDING = 1.02
TOLD = 1.05
"""What is coarser by less is not worth a word."""
UNREACHED = 2.0**-200
"""Stands for 0 where a logarithm is taken."""


@dataclass(frozen=True, eq=False)
class Layer:
    """What is known of a layer, arrays (size,).

    Attributes:
        most: greatest gain at which each neuron's C fits its width.
        most_skip: the same for its D, at a shift of 0; infinite without D.
        unit: integer readout, before its shift, of a real one at gain 1.
        threshold: 0 for a neuron without one.
        reached: greatest magnitude of readout and voltage in calibration, above 0.
        state: root of the mean square over time of all of a neuron's states, times the gain of what enters.
        readout: root of the mean square of the readout.
        products: that are floored into a readout.
        headroom: bits beyond what was reached.
        shared: whether all neurons must keep their whole width.
    """

    most: FloatArray
    most_skip: FloatArray
    unit: float
    threshold: FloatArray
    reached: FloatArray
    state: FloatArray
    readout: FloatArray
    products: int
    headroom: int
    shared: bool = False

    @property
    def held(self) -> FloatArray:
        """What a neuron's register must hold."""
        return np.maximum(self.reached, self.threshold)

    def gain(self, shift: int) -> FloatArray:
        """The greatest gains at which everything fits at a shift."""
        fits = 2.0 ** (REGISTER_BITS - 1 - self.headroom + shift) / (LEFT_FOR_ROUNDING * self.held * self.unit)
        return np.minimum(np.minimum(self.most, fits), self.most_skip * 2.0**shift)

    def error(self, shift: int) -> float:
        """The sum over neurons that the module's equation names."""
        gain = self.gain(shift)
        rounded = np.square(self.state / gain) / 12
        floored = np.square(self.products / 2 * 2.0**shift / (gain * self.unit))
        scale = np.square(np.maximum(np.maximum(self.threshold, self.readout), UNREACHED))
        return float(np.minimum((rounded + floored) / scale, 1.0).sum())


@dataclass(frozen=True, eq=False)
class Voltage:
    """What was chosen.

    Attributes:
        shift: of the readout of all neurons; whether it is one that a core has is not asked here.
        most: greatest gain of each neuron's coefficients, (size,).
        coarser: by how much less that is than their width allows, (size,); 1 where it is not.
    """

    shift: int
    most: FloatArray
    coarser: FloatArray


def choose_voltage(layer: Layer) -> Voltage:
    """The shift of a layer, and what it leaves of each neuron's gain."""
    fine = layer.most * layer.unit
    shift = max(0, -room(float((layer.held * fine).max()), layer.headroom))
    limits = (layer.threshold * fine)[layer.threshold > 0]
    whole = np.minimum(layer.most, layer.most_skip * 2.0**shift)
    if layer.shared or not limits.size or math.log2(float(limits.min())) - shift >= FINE_BITS:
        return Voltage(shift, whole, np.ones_like(whole))
    shift = min(range(shift, -1, -1), key=layer.error)
    gain = layer.gain(shift)
    return Voltage(shift, gain, np.maximum(np.minimum(layer.most, layer.most_skip * 2.0**shift) / gain, 1.0))


def voltage_findings(name: str, coarser: FloatArray) -> list[str]:
    """What was taken from neurons of a unit."""
    count = int((coarser > TOLD).sum())
    if not count:
        return []
    bits = math.log2(float(coarser.max()))
    what = f"{count} of {coarser.size} neurons hold C up to {bits:.1f} bits more coarsely than their width allows"
    return [f"{name}.c: {what}, so that their thresholds fit and the other neurons' voltages stay fine"]
