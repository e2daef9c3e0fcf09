"""Choose every scale of a program: exponents of weights and drives, gains of state-space neurons.

Symbols: a *drive* d is held as the integer d 2^drive_exponent; a weight w as w 2^weight_exponent; the projection's
shift makes up the difference. A state-space neuron is a comparison, so its readout, D and threshold share a free
positive gain of the neuron's own, by which its C is stretched over the whole coefficient width.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from toolchain.errors import QuantizationError
from toolchain.frontend.conventions import Conventions
from toolchain.frontend.discretize import DiscreteNeuron
from toolchain.frontend.graph import FloatArray
from toolchain.frontend.units import Link, Network, Unit
from toolchain.quantize.calibrate import Calibration, UnitRange
from toolchain.quantize.floating import folded_readout, link_name, neuron_of, own_gain, soma_threshold
from toolchain.quantize.readout import Readout, choose_readout
from toolchain.quantize.settings import Settings
from toolchain.quantize.weights import row_gains, weight_exponent

REGISTER_BITS = 24
THRESHOLD_BITS = 17
CUBA_SHIFT = 6
CUBA_FRACTION = 12
BIAS_MANTISSA = 4095
MAX_BIAS_EXPONENT = 7
MAX_LEAK_FRACTION = 20
DECAY_TOLERANCE = 1 / 64
MAX_STATE_SHIFT = 16
BIAS_EXTRA_BITS = 4
"""Fraction bits that a drive gets beyond its projections' own, so that biases are not rounded to weight steps."""


@dataclass(frozen=True)
class LinkScale:
    """Scales of one link.

    Attributes:
        weight_exponent: an integer weight is weight * 2^weight_exponent, rounded.
        shift: power of two from the sum of products to the target's drive; below 0 it rounds (floor).
    """

    weight_exponent: int
    shift: int


@dataclass(frozen=True, eq=False)
class UnitScale:
    """Scales of one unit.

    Attributes:
        drive_exponent: fraction bits of the drive.
        gain: factor from the network's drive to the unit's voltage, folded into its weights, (size,).
        state_shift: fraction bits that the modes have beyond the drive.
        c_shift: shift of the readout.
        readout: C and D, divided by `gain`, in integers; None without modes.
        readout_gain: integer voltage per real voltage, (size,).
    """

    drive_exponent: int
    gain: FloatArray
    state_shift: int = 0
    c_shift: int = 0
    readout: Readout | None = None
    readout_gain: FloatArray = field(default_factory=lambda: np.zeros(0))

    @property
    def stretch(self) -> FloatArray:
        """The part of `gain` that is none of the network's own: divided out of C and D again, (size,)."""
        return np.ones_like(self.gain) if self.readout is None else self.gain


@dataclass(frozen=True, eq=False)
class Scheme:
    """All scales of a program.

    Attributes:
        settings: the widths they were chosen for.
        input_exponent, input_bits: of the input's payload.
        units: by unit name.
        links: by (source, target, steps).
    """

    settings: Settings
    input_exponent: int
    input_bits: int
    units: Mapping[str, UnitScale]
    links: Mapping[tuple[str, str, int], LinkScale]


def choose_scales(network: Network, conventions: Conventions, calibration: Calibration, settings: Settings) -> Scheme:
    """Choose all scales from calibrated ranges.

    Raises:
        QuantizationError: a unit that finds no scale, with the numbers.
        InputError: the settings have widths for what is no part of the network.
    """
    _check_names(network, settings)
    exponent, bits = _input_scale(calibration, settings)
    payload = {unit.name: _payload(unit, exponent, bits) for unit in network.units}
    units, links = {}, {}
    for unit in network.units:
        if unit.role == "input":
            continue
        incoming = network.into(unit.name)
        gain = own_gain(unit, conventions) * row_gains(unit, incoming, settings)
        weights = {key(link): weight_exponent(link, gain, settings) for link in incoming}
        limit = _port_limit(incoming, gain, payload)
        wanted = max((weights[key(k)] + payload[k.source].exponent for k in incoming), default=0)
        own = settings.for_population(unit.name)
        scale = _unit_scale(unit, gain, wanted, limit, calibration.units[unit.name], own, conventions)
        units[unit.name] = scale
        for link in incoming:
            held = weights[key(link)]
            links[key(link)] = LinkScale(held, scale.drive_exponent - held - payload[link.source].exponent)
    return Scheme(settings, exponent, bits, units, links)


def _check_names(network: Network, settings: Settings) -> None:
    populations = {unit.name: unit.ssm is not None for unit in network.units if unit.role != "input"}
    settings.check_names(populations, tuple(link_name(link) for link in network.links))


def key(link: Link) -> tuple[str, str, int]:
    """The name of a link among others."""
    return link.source, link.target, link.steps


@dataclass(frozen=True)
class _Payload:
    """Fraction bits and greatest real magnitude of a unit's messages."""

    exponent: int
    peak: float


def _payload(unit: Unit, exponent: int, bits: int) -> _Payload:
    if unit.role == "input":
        return _Payload(exponent, 2.0 ** (bits - 1 - exponent))
    return _Payload(0, 1.0)


def _input_scale(calibration: Calibration, settings: Settings) -> tuple[int, int]:
    """Exponent and width of the payload: exact where the data allow it in the given bits, else the finest that fits.

    Inexact inputs get head-room beyond their peak.
    """
    peak = max(calibration.input_peak, 2.0**-20)
    above = _bits_above(peak)
    exact = calibration.input_exponent
    if exact is not None and exact <= settings.input_bits - 1 - above:
        return exact, max(2, exact + above + 1)
    return settings.input_bits - 1 - _bits_above(peak * settings.input_headroom), settings.input_bits


def _bits_above(value: float) -> int:
    """The least n with value < 2^n."""
    return math.frexp(value)[1]


def lif_form(unit: Unit, conventions: Conventions) -> str:
    """The neuron type that a NIR LIF, CubaLIF or IF becomes.

    Lava's own LIF where it can hold the neuron: it resets to zero only, has no bias inside its current, and its decays
    are 4096ths.
    """
    neuron = neuron_of(unit, conventions)
    has_current = bool(np.any(neuron.current_decay != 0))
    expressible = (
        neuron.reset == "to_v_reset" and neuron.compare == ">" and not (has_current and np.any(unit.bias != 0))
    )
    if expressible and leak_fraction(neuron) == CUBA_FRACTION:
        return "cuba_lif"
    return "current_lif" if has_current else "lif"


def leak_fraction(neuron: DiscreteNeuron) -> int:
    """The least of 12, 16 and 20 fraction bits at which every decay is within 1/64 of its value."""
    lost = np.concatenate([np.ravel(1.0 - neuron.current_decay), np.ravel(1.0 - neuron.voltage_decay)])
    lost = lost[(lost > 0) & (lost < 1)]
    for fraction in (CUBA_FRACTION, 16):
        if np.all(np.abs(np.rint(lost * 2.0**fraction) / 2.0**fraction - lost) <= lost * DECAY_TOLERANCE):
            return fraction
    return MAX_LEAK_FRACTION


def constant_drive(unit: Unit, gain: FloatArray, neuron: DiscreteNeuron) -> FloatArray:
    """What a neuron's voltage gets at every step without input: bias and leak, (size,)."""
    constant: FloatArray = gain * unit.bias + np.broadcast_to(np.ravel(neuron.leak), (unit.size,))
    return constant


def threshold_of(neuron: DiscreteNeuron, size: int) -> FloatArray:
    """The threshold of a spiking NIR neuron, one a neuron, (size,)."""
    assert neuron.threshold is not None
    return np.broadcast_to(np.ravel(neuron.threshold), (size,))


def _port_limit(incoming: tuple[Link, ...], gain: FloatArray, payload: Mapping[str, _Payload]) -> int:
    """The greatest drive exponent at which no possible sum overflows a 24-bit port."""
    worst = np.zeros(len(gain))
    for link in incoming:
        rows = np.asarray(abs(link.weights).sum(axis=1)).ravel()
        worst += gain * rows * payload[link.source].peak
    peak = float(worst.max()) if len(worst) else 0.0
    return _room(peak, 0) if peak else REGISTER_BITS


def _room(peak: float, headroom_bits: int, bits: int = REGISTER_BITS) -> int:
    """The greatest e with peak * 2^(e + headroom) inside a signed register; 2 % are left for rounding."""
    return math.floor(math.log2((1 << (bits - 1)) / (peak * 1.02))) - headroom_bits


def _unit_scale(
    unit: Unit,
    gain: FloatArray,
    wanted: int,
    limit: int,
    seen: UnitRange,
    settings: Settings,
    conventions: Conventions,
) -> UnitScale:
    if unit.role == "ssm_lif":
        return _ssm_scale(unit, gain, wanted, limit, seen, settings, conventions)
    if unit.role == "lif":
        return _lif_scale(unit, gain, limit, seen, settings, conventions)
    peak = float(max(seen.voltage.max(), seen.drive.max(), 2.0**-20))
    exponent = min(wanted + BIAS_EXTRA_BITS, limit, _room(peak, settings.headroom_bits))
    return UnitScale(exponent, gain)


def _lif_scale(
    unit: Unit, gain: FloatArray, limit: int, seen: UnitRange, settings: Settings, conventions: Conventions
) -> UnitScale:
    """The finest scale at which threshold, voltage, current and bias fit; decays then round least."""
    neuron = neuron_of(unit, conventions)
    threshold = float(threshold_of(neuron, unit.size).max())
    peak = float(max(seen.voltage.max(), threshold, 2.0**-20))
    room = _room(peak, settings.headroom_bits)
    if lif_form(unit, conventions) != "cuba_lif":
        return UnitScale(min(limit, room), gain)
    by_threshold = math.floor(math.log2(((1 << THRESHOLD_BITS) - 1) / threshold)) if threshold > 0 else limit
    constant = float(np.abs(constant_drive(unit, gain, neuron)).max())
    top = BIAS_MANTISSA << MAX_BIAS_EXPONENT
    by_bias = math.floor(math.log2(top / constant)) - CUBA_SHIFT if constant > 0 else limit
    return UnitScale(min(limit, by_threshold, by_bias, room - CUBA_SHIFT), gain)


def _ssm_scale(
    unit: Unit,
    gain: FloatArray,
    wanted: int,
    limit: int,
    seen: UnitRange,
    settings: Settings,
    conventions: Conventions,
) -> UnitScale:
    """The finest state that fits its width, then the finest readout that fits the voltage."""
    assert unit.ssm is not None
    state_room = _room(max(float((gain * seen.state).max()), 2.0**-20), settings.headroom_bits, settings.state_bits)
    exponent = min(wanted + BIAS_EXTRA_BITS, limit, state_room)
    state_shift = min(state_room - exponent, MAX_STATE_SHIFT)
    c, d = folded_readout(unit.ssm) / gain[:, None], unit.ssm.d / gain
    top = (1 << (settings.c_bits - 1)) - 1
    peak_c = np.maximum(np.abs(c.real), np.abs(c.imag)).max(axis=1)
    most = top / np.where(peak_c > 0, peak_c, 1.0)
    if settings.c_scale == "layer":
        most = np.full_like(most, most.min())
    threshold = soma_threshold(unit, conventions)
    reach = np.maximum(np.maximum(seen.readout, seen.voltage), threshold)
    fine = most * 2.0 ** (exponent + state_shift)
    c_shift = max(0, -_room(float((reach * fine).max()), settings.headroom_bits))
    if c_shift > 31:
        raise QuantizationError(
            unit.origin,
            f"the readout needs a shift of {c_shift} bits, at most 31 are there",
            "rescale the layer or lower state_bits",
        )
    skip = np.abs(d) * 2.0 ** (state_shift - c_shift)
    most = np.minimum(most, np.divide(top, skip, out=np.full_like(skip, np.inf), where=skip > 0))
    # The moments are those of the network's own states; the row's gain scales them all alike and changes no choice.
    readout = choose_readout(c, d, seen.moments, most, c_shift - state_shift, settings)
    voltage_gain = readout.c_gain * 2.0 ** (exponent + state_shift - c_shift)
    return UnitScale(exponent, gain, state_shift, c_shift, readout, voltage_gain)
