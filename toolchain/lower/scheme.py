"""Choose every scale of a program: each unit chooses its own, once those of its sources are known.

Symbols: a *drive* d is held as the integer d 2^drive_exponent; a weight w as w 2^weight_exponent; the projection's
shift makes up the difference.
"""

from __future__ import annotations

import numpy as np

from toolchain.lower.calibrate import Calibration
from toolchain.quantize.inputs import InputForm, input_forms
from toolchain.quantize.scales import LinkScale, Payload, Scheme, UnitScale, with_columns
from toolchain.quantize.settings import Settings
from toolchain.units.input import Input
from toolchain.units.network import Network

MOST_LOST = 1 / 64
"""Rounding error of what a typical input brings, rms over the weights and relative to them."""


def choose_scales(network: Network, calibration: Calibration, settings: Settings) -> Scheme:
    """Choose all scales from calibrated ranges.

    Raises:
        QuantizationError: a unit that finds no scale, with the numbers.
        InputError: the settings have widths for what is no part of the network.
    """
    _check_names(network, settings)
    return _chosen(network, calibration, settings)[1]


def hides_the_usual(network: Network, calibration: Calibration, settings: Settings) -> bool:
    """Whether outliers of the input leave no payload that holds its typical values finely.

    Raises:
        QuantizationError: as `choose_scales`.
    """
    return not calibration.note and _chosen(network, calibration, settings)[0].coarse


def _chosen(network: Network, calibration: Calibration, settings: Settings) -> tuple[InputForm, Scheme]:
    """The first payload that serves, and all scales with it."""
    for form in input_forms(calibration.input, settings):
        scheme = _with_input(form, network, calibration, settings)
        if form.safe or _arrives(calibration.input.typical, network, scheme):
            return form, scheme
    raise AssertionError("the last form is safe")


def _with_input(form: InputForm, network: Network, calibration: Calibration, settings: Settings) -> Scheme:
    """All scales with the input's payload given."""
    exponent, bits = form.exponent, form.bits
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
    return Scheme(settings, exponent, bits, units, links, calibration.note)


def _check_names(network: Network, settings: Settings) -> None:
    populations = {unit.name: unit.has_modes for unit in network.populations}
    settings.check_names(populations, tuple(link.name for link in network.links))


def _arrives(typical: float, network: Network, scheme: Scheme) -> bool:
    """Whether what a typical input brings is rounded little: a wide payload leaves sums less room."""
    sources = {unit.name for unit in network.inputs}
    for link in network.links:
        if link.source in sources and link.weights.nnz:
            unit, scale = network.unit(link.target), scheme.units[link.target]
            steps = typical * 2.0 ** scale.port_exponent(unit.ports.index(link.port))
            brought = link.weights.multiply(scale.gain[:, None]).tocsr().data * steps
            lost = np.sqrt(np.mean((brought - np.rint(brought)) ** 2) / np.mean(brought**2))
            if lost > MOST_LOST:
                return False
    return True
