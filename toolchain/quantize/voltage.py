"""How fine the voltages of a layer of state spaces are: one shift of the readout for all of its neurons.

A neuron's threshold is held in the scale of its voltage, which its C, stretched over the whole width, sets. A neuron
that stays far below its threshold (a channel that training has switched off, say) would have the shift so great that
its threshold fits, and take as many bits from the voltages of all the others. Where that leaves one of them too
coarse, the silent ones hold their C in fewer bits instead: by at most as much as their voltage stayed below the
threshold, so that what rounding does to them is, measured by the threshold, no more than what it does to a neuron that
reaches it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from toolchain.frontend.graph import FloatArray
from toolchain.quantize.scales import REGISTER_BITS, room

FINE_BITS = 7
"""A threshold of fewer bits is coarse: each of a neuron's modes is rounded by up to one unit of it."""
LEFT_FOR_ROUNDING = 1.02
TOLD = 1.05
"""What is coarser by less is not worth a word."""
UNREACHED = 2.0**-200
"""Stands for 0 where a logarithm is taken."""


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


def voltage_scale(most: FloatArray, unit: float, threshold: FloatArray, reached: FloatArray, headroom: int) -> Voltage:
    """Choose the shift of a layer.

    Args:
        most: greatest gain at which each neuron's coefficients fit their width, (size,).
        unit: integer readout, before its shift, of a real one at gain 1.
        threshold: of each neuron, (size,); 0 where it has none.
        reached: greatest magnitude of each neuron's readout and voltage in calibration, (size,), above 0.
        headroom: bits beyond those.
    """
    fine, held = most * unit, np.maximum(reached, threshold)
    by_threshold, by_reach = (max(0, -room(float((peak * fine).max()), headroom)) for peak in (held, reached))
    limits = (threshold * fine)[threshold > 0]
    wanted = math.floor(math.log2(float(limits.min()))) - FINE_BITS if limits.size else by_threshold
    shift = max(by_reach, min(by_threshold, wanted))
    if shift == by_threshold:
        return Voltage(shift, most, np.ones_like(most))
    fits = 2.0 ** (REGISTER_BITS - 1 - headroom + shift) / (LEFT_FOR_ROUNDING * held * unit)
    return Voltage(shift, np.minimum(most, fits), np.maximum(most / fits, 1.0))


def voltage_findings(name: str, coarser: FloatArray) -> list[str]:
    """What was taken from the silent neurons of a unit."""
    count = int((coarser > TOLD).sum())
    if not count:
        return []
    bits = math.log2(float(coarser.max()))
    what = (
        f"{count} of {coarser.size} neurons that stayed below their threshold in calibration hold C up to {bits:.1f} "
    )
    what += "bits more coarsely, so that the others' voltages stay fine"
    return [f"{name}.c: {what}; calibrate on more data if they matter"]
