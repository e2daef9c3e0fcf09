"""Choose every scale of a program: each unit chooses its own, once those of its sources are known.

Symbols: a *drive* d is held as the integer d 2^drive_exponent; a weight w as w 2^weight_exponent; the projection's
shift makes up the difference.
"""

from __future__ import annotations

import math

from toolchain.lower.calibrate import Calibration
from toolchain.quantize.scales import LinkScale, Payload, Scheme, UnitScale, with_columns
from toolchain.quantize.settings import Settings
from toolchain.units.base import SMALLEST
from toolchain.units.input import Input
from toolchain.units.network import Network


def choose_scales(network: Network, calibration: Calibration, settings: Settings) -> Scheme:
    """Choose all scales from calibrated ranges.

    Raises:
        QuantizationError: a unit that finds no scale, with the numbers.
        InputError: the settings have widths for what is no part of the network.
    """
    _check_names(network, settings)
    exponent, bits = _input_scale(calibration, settings)
    payload = {unit.name: unit.payload(None) for unit in network.units if not unit.graded}
    units: dict[str, UnitScale] = {}
    links: dict[tuple[str, str, int], LinkScale] = {}
    for unit in network.units:
        if isinstance(unit, Input):
            payload[unit.name] = Payload(exponent, 2.0 ** (bits - 1 - exponent))
            continue
        incoming = tuple(with_columns(link, payload[link.source].finer) for link in network.into(unit.name))
        scale, own = unit.scaled(incoming, payload, calibration.units[unit.name], settings)
        units[unit.name], links = scale, links | own
        if unit.graded:
            payload[unit.name] = unit.payload(scale)
    return Scheme(settings, exponent, bits, units, links)


def _check_names(network: Network, settings: Settings) -> None:
    populations = {unit.name: unit.has_modes for unit in network.populations}
    settings.check_names(populations, tuple(link.name for link in network.links))


def _input_scale(calibration: Calibration, settings: Settings) -> tuple[int, int]:
    """Exponent and width of the payload: exact where the data allow it in the given bits, else the finest that fits.

    Inexact inputs get head-room beyond their peak.
    """
    peak = max(calibration.input_peak, SMALLEST)
    above = _bits_above(peak)
    exact = calibration.input_exponent
    if exact is not None and exact <= settings.input_bits - 1 - above:
        return exact, max(2, exact + above + 1)
    return settings.input_bits - 1 - _bits_above(peak * settings.input_headroom), settings.input_bits


def _bits_above(value: float) -> int:
    """The least n with value < 2^n."""
    return math.frexp(value)[1]
