"""How fine the drive of a LIF population is: one exponent for all, beside each neuron's own factor.

A neuron whose factor fills the width of its weights may reach voltages that a register does not hold at the exponent
which the others could have: a slow one, or one whose threshold is far above its weights. Either all are held more
coarsely, or it alone gives up bits of its weights. The exponent e is the one at which this costs least over the layer:

    cost(e) = sum_i min(1, (2^max(0, e - e_i) / 254)^2 + (k_i 2^(wanted - e) / 254)^2)

with e_i the finest at which neuron i keeps its weights whole, `wanted` the fraction bits of the sums that arrive, and
k_i how many units of rounding its voltage gathers: 1, and 1 / (1 - b) for a leak that is floored at every step, of the
current too, whose units arrive in the voltage 1 / (1 - a) times.
A threshold that nothing can reach, or not within `PATIENCE` times the calibrated sequences, takes no room.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from toolchain.frontend.discretize import DiscreteNeuron
from toolchain.frontend.graph import FloatArray
from toolchain.frontend.links import Link
from toolchain.quantize.factors import channels, group_peak, neuron_factors
from toolchain.quantize.ports import drive_limit
from toolchain.quantize.scheme import REGISTER_BITS, Payload, key
from toolchain.quantize.settings import Settings
from toolchain.quantize.weights import weight_exponent
from toolchain.units.base import UnitRange

LEFT_FOR_ROUNDING = 1.02
PATIENCE = 16
"""Lengths of the calibrated sequences in which a neuron that forgets nothing may still come to its threshold."""
MOST_GATHERED = 4096.0
"""Units of rounding beyond which a slow leak's neuron is judged by its weights alone."""
CUBA_SHIFT, CUBA_THRESHOLD_BITS = 6, 17
STEPS_OF_WEIGHTS = 254.0
"""Half steps of a weight of 8 bits in the greatest."""


@dataclass(frozen=True, eq=False)
class Neurons:
    """What the choice depends on.

    Attributes:
        name: of the population.
        soma: its step, (size,) each; with a threshold.
        gain: factor from what arrives to the voltage, (size,).
        entering: constant that enters with what arrives, in units of the voltage, (size,).
        cuba: whether Lava's LIF holds it, whose voltage has 6 more bits and whose threshold has 17.
    """

    name: str
    soma: DiscreteNeuron
    gain: FloatArray
    entering: FloatArray
    cuba: bool

    @property
    def threshold(self) -> FloatArray:
        """(size,)."""
        assert self.soma.threshold is not None
        return self.soma.threshold


@dataclass(frozen=True, eq=False)
class Drive:
    """What was chosen.

    Attributes:
        factor: each neuron's own, (size,).
        exponent: fraction bits of all drives.
    """

    factor: FloatArray
    exponent: int


def choose_drive(
    neurons: Neurons, incoming: tuple[Link, ...], payload: Mapping[str, Payload], seen: UnitRange, settings: Settings
) -> Drive:
    """Choose the factors and the exponent of a population.

    Args:
        neurons: of the population.
        incoming, payload, seen, settings: as for `Unit.scaled`.
    """
    gain = neurons.gain
    factor = neuron_factors(incoming, gain, payload, settings) if settings.equalize else np.ones(len(gain))
    total, rising = _arriving(incoming, gain, payload)
    held = _held(neurons, rising, seen)
    if settings.equalize:  # a neuron that nothing enters has no weights to be scaled for
        factor = np.where(total > 0, factor, np.divide(1.0, held, out=np.ones_like(held), where=held > 0))
    weights = {key(link): weight_exponent(link, gain * factor, settings) for link in incoming}
    wanted = max((weights[key(k)] + payload[k.source].exponent for k in incoming), default=0)
    headroom = settings.for_population(neurons.name).headroom_bits
    finest = _finest(neurons, held * factor, total * factor, factor, headroom)
    finest = -group_peak(-finest, channels(len(gain), incoming))
    exponent = _cheapest(finest, wanted, neurons.soma) if settings.equalize else int(finest.min())
    factor = factor * np.exp2(np.minimum(0.0, finest - exponent))
    weights = {key(link): weight_exponent(link, gain * factor, settings) for link in incoming}
    return Drive(factor, min(exponent, drive_limit(incoming, gain * factor, weights, payload, settings)))


def _arriving(
    incoming: tuple[Link, ...], gain: FloatArray, payload: Mapping[str, Payload]
) -> tuple[FloatArray, FloatArray]:
    """The greatest magnitude and the greatest value that can arrive in a step, in units of the voltage."""
    total, rising = np.zeros(len(gain)), np.zeros(len(gain))
    for link in incoming:
        peak = payload[link.source].peak
        weights = link.weights.multiply(gain[:, None]).tocsr()
        magnitude = np.asarray(abs(weights).sum(axis=1)).ravel() * peak
        total += magnitude
        signed = payload[link.source].signed
        rising += magnitude if signed else (magnitude + np.asarray(weights.sum(axis=1)).ravel() * peak) / 2
    return total, rising


def _held(neurons: Neurons, rising: FloatArray, seen: UnitRange) -> FloatArray:
    """The greatest magnitude that a neuron's voltage register must hold, (size,)."""
    soma, steps = neurons.soma, float(PATIENCE * max(seen.steps, 1))
    entering = np.maximum(rising + neurons.entering, 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        current = np.minimum(entering / (1.0 - soma.current_decay), entering * steps)
        driven = np.maximum(current + soma.leak, 0.0)
        reach = np.minimum(driven / (1.0 - soma.voltage_decay), driven * steps)
    reach = np.where(np.isnan(reach), 0.0, reach)  # nothing enters a neuron that keeps all
    threshold = np.abs(neurons.threshold)
    held = np.maximum(seen.voltage, np.where(neurons.threshold > reach, 0.0, threshold))
    # What is silent in calibration still is some share of what may come.
    return np.where(held > 0, held, np.where(np.isfinite(reach) & (reach > 0), reach, threshold))


def _finest(neurons: Neurons, held: FloatArray, arriving: FloatArray, factor: FloatArray, headroom: int) -> FloatArray:
    """The greatest exponent of each neuron at which its voltage, drive and threshold fit, (size,)."""
    top = 2.0 ** (REGISTER_BITS - 1) / LEFT_FOR_ROUNDING
    voltage = _room(top, held) - headroom - (CUBA_SHIFT if neurons.cuba else 0)
    found = np.minimum(voltage, _room(top, arriving))
    if neurons.cuba:
        found = np.minimum(found, _room(2.0**CUBA_THRESHOLD_BITS - 1, np.minimum(neurons.threshold * factor, held)))
    return np.where(np.isfinite(found), found, 0.0)


def _room(top: float, value: FloatArray) -> FloatArray:
    return np.floor(np.log2(np.divide(top, value, out=np.full_like(value, np.inf), where=value > 0)))


def _gathered(kept: FloatArray) -> FloatArray:
    """Units that the floor of a leak takes off in the end, (size,); 0 where nothing is lost, or all."""
    leaky = (kept > 0) & (kept < 1)
    return np.where(leaky, 1.0 / np.where(leaky, 1.0 - kept, 1.0), 0.0)


def _cheapest(finest: FloatArray, wanted: int, soma: DiscreteNeuron) -> int:
    """The exponent of least cost, by the module's equation; the least of these."""
    voltage, current = _gathered(soma.voltage_decay), _gathered(soma.current_decay)
    gathered = 1.0 + np.minimum(voltage + current * np.maximum(voltage, 1.0), MOST_GATHERED)

    def cost(exponent: int) -> float:
        weights = np.exp2(np.maximum(0.0, exponent - finest))
        rounding = gathered * 2.0 ** (wanted - exponent)
        return float(np.minimum(1.0, (np.square(weights) + np.square(rounding)) / STEPS_OF_WEIGHTS**2).sum())

    return min(range(int(finest.min()), int(finest.max()) + 1), key=cost)
