"""Scales of gates, products and other units without state: what arrives at each port, and what leaves.

A port gets the finest exponent at which what calibration saw fits 24 bits and no possible sum overflows. A gate's
message has the scale of its value; a product's is shifted to the finest at which it fits.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from toolchain.errors import QuantizationError
from toolchain.frontend.graph import FloatArray
from toolchain.frontend.units import Link, Unit
from toolchain.quantize.calibrate import UnitRange
from toolchain.quantize.floating import port_slice
from toolchain.quantize.ports import drive_limit
from toolchain.quantize.scales import LinkScale, Payload, UnitScale, key, link_scale, room
from toolchain.quantize.settings import Settings
from toolchain.quantize.weights import weight_exponent

SMALLEST = 2.0**-20
MAX_PRODUCT_SHIFT = 31
SIGMOID_REACH = 11.0
"""Drive at which a sigmoid of 15 bits is 0 or 1: beyond, a table holds nothing new."""
TABLE_MARGIN = 1.25
"""Factor between the greatest drive that calibration saw and the table's end."""

Scaled = tuple[UnitScale, dict[tuple[str, str, int], LinkScale]]


def gate_scales(
    unit: Unit, incoming: tuple[Link, ...], payload: Mapping[str, Payload], seen: UnitRange, settings: Settings
) -> Scaled:
    """Scales of a unit of two ports and of the links into it.

    Raises:
        QuantizationError: a product that finds no shift.
    """
    gain, headroom = np.ones(unit.size), settings.for_population(unit.name).headroom_bits
    exponents, weights = [], dict[tuple[str, str, int], int]()
    for port in unit.ports:
        own = tuple(link for link in incoming if link.port == port)
        weights |= {key(link): weight_exponent(link, gain, settings) for link in own}
        # As fine as fits, beyond the sums' own steps: what leaves is a share of it.
        exponents.append(
            min(drive_limit(own, gain, weights, payload, settings), room(_peak(unit, port, seen), headroom))
        )
    scale = _message(unit, gain, exponents[0], exponents[1], seen, settings.for_population(unit.name))
    links = {
        key(k): link_scale(weights[key(k)], scale.port_exponent(unit, k.port), payload[k.source]) for k in incoming
    }
    return scale, links


def _peak(unit: Unit, port: str, seen: UnitRange) -> float:
    peak = float(seen.drive[port_slice(unit, port)].max())
    if unit.role == "binary_gate" and port == unit.ports[1]:
        assert unit.node is not None
        peak = max(peak, float(np.abs(unit.node.params["threshold"]).max()))
    return max(peak, SMALLEST)


def _message(unit: Unit, gain: FloatArray, first: int, second: int, seen: UnitRange, settings: Settings) -> UnitScale:
    if unit.role == "product":
        fits = room(max(float(seen.voltage.max()), SMALLEST), settings.headroom_bits)
        first, second = _coarser(unit, first, second, fits)
        shift = max(0, first + second - fits)
        return UnitScale(first, gain, second_exponent=second, message_exponent=first + second - shift, shift=shift)
    shift = 0
    if unit.role == "sigmoid_gate":
        reach = min(TABLE_MARGIN * _peak(unit, unit.ports[1], seen), SIGMOID_REACH)
        entries_a_unit = math.floor(math.log2(2.0 ** (settings.table_bits - 1) / reach))
        shift = max(0, second - entries_a_unit)
    return UnitScale(first, gain, second_exponent=second, message_exponent=first, shift=shift)


def _coarser(unit: Unit, first: int, second: int, fits: int) -> tuple[int, int]:
    """Take bits off the finer factor until the shift of the product is one that neurons have."""
    excess = first + second - fits - MAX_PRODUCT_SHIFT
    while excess > 0:
        first, second, excess = (first - 1, second, excess - 1) if first > second else (first, second - 1, excess - 1)
    if first < 0 or second < 0:
        what = f"factors of 2^-{first} and 2^-{second} for a product of 2^-{fits}"
        raise QuantizationError(unit.origin, what, "rescale the layer: its product is far smaller than its factors")
    return first, second
