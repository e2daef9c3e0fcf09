"""Choose every scale of a program: each unit chooses its own, once those of its sources are known.

Symbols: a *drive* d is held as the integer d 2^drive_exponent; a weight w as w 2^weight_exponent; the projection's
shift makes up the difference.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from toolchain.errors import UnsupportedError
from toolchain.lower.calibrate import Calibration
from toolchain.quantize.inputs import InputForm, input_forms
from toolchain.quantize.scheme import LinkScale, Payload, Scheme, UnitScale, with_columns
from toolchain.quantize.settings import Settings
from toolchain.units.base import Unit
from toolchain.units.input import Input
from toolchain.units.network import Network

MOST_LOST = 1 / 64
"""Rounding error of what a typical input brings, rms over the weights and relative to them."""


def hide_the_usual(network: Network, calibration: Calibration, settings: Settings) -> tuple[str, ...]:
    """The inputs whose outliers leave no payload that holds their typical values finely.

    Raises:
        QuantizationError: as `choose_scales`.
    """
    forms = choose_scales(network, calibration, settings).inputs
    return tuple(name for name, form in forms.items() if form.coarse)


def choose_scales(network: Network, calibration: Calibration, settings: Settings) -> Scheme:
    """Choose all scales from calibrated ranges; of each input the first payload that serves.

    Raises:
        QuantizationError: a unit that finds no scale, with the numbers.
        InputError: the settings have widths for what is no part of the network.
    """
    _check_names(network, settings)
    tried = {name: tuple(input_forms(seen, settings)) for name, seen in calibration.inputs.items()}
    chosen = {name: forms[-1] for name, forms in tried.items()}
    for name, forms in tried.items():
        for form in forms:
            chosen[name] = form
            scheme = _with_inputs(chosen, network, calibration, settings)
            # The last form is safe.
            if form.safe or _arrives(name, calibration.inputs[name].typical, network, scheme):
                break
    return scheme


def _with_inputs(
    forms: Mapping[str, InputForm], network: Network, calibration: Calibration, settings: Settings
) -> Scheme:
    """All scales with the inputs' payloads given."""
    payload = {unit.name: unit.payload(None) for unit in network.units if not unit.graded}
    units: dict[str, UnitScale] = {}
    links: dict[tuple[str, str, int], LinkScale] = {}
    for unit in _known_first(network):
        if isinstance(unit, Input):
            form = forms[unit.name]
            payload[unit.name] = Payload(form.exponent, 2.0 ** (form.bits - 1 - form.exponent))
            continue
        incoming = tuple(with_columns(link, payload[link.source].finer) for link in network.into(unit.name))
        scale, own = unit.scaled(incoming, payload, calibration.units[unit.name], settings)
        units[unit.name], links = scale, links | own
        if unit.graded:
            payload[unit.name] = unit.payload(scale)
    fitted = calibration.moments if settings.weight_rounding == "fitted" else {}
    return Scheme(settings, dict(forms), units, links, calibration.notes, fitted)


def _known_first(network: Network) -> Iterator[Unit]:
    """The units in an order in which all sources with graded messages come first, in loops too.

    Raises:
        UnsupportedError: a loop of units with graded messages alone.
    """
    waiting = list(network.units)
    while waiting:
        graded = {unit.name for unit in waiting if unit.graded}
        ready = [u for u in waiting if not graded & {k.source for k in network.into(u.name) if k.source != u.name}]
        if not ready:
            what = "a loop of neurons that all send numbers"
            raise UnsupportedError(" -> ".join(sorted(graded)), what, "put a neuron that spikes into the loop")
        yield ready[0]
        waiting.remove(ready[0])


def _check_names(network: Network, settings: Settings) -> None:
    populations = {unit.name: unit.has_modes for unit in network.populations}
    settings.check_names(populations, tuple(link.name for link in network.links))


def _arrives(source: str, typical: float, network: Network, scheme: Scheme) -> bool:
    """Whether what a typical input brings is rounded little: a wide payload leaves sums less room."""
    for link in network.links:
        if link.source == source and link.weights.nnz:
            unit, scale = network.unit(link.target), scheme.units[link.target]
            steps = typical * 2.0 ** scale.port_exponent(unit.ports.index(link.port))
            brought = link.weights.multiply(scale.gain[:, None]).tocsr().data * steps
            lost = np.sqrt(np.mean((brought - np.rint(brought)) ** 2) / np.mean(brought**2))
            if lost > MOST_LOST:
                return False
    return True
