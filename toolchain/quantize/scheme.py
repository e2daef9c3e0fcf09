"""Choose every scale of a program: exponents of weights and drives, gains of state-space neurons.

Symbols: a *drive* d is held as the integer d 2^drive_exponent; a weight w as w 2^weight_exponent; the projection's
shift makes up the difference. A state-space neuron is a comparison, so its readout, D and threshold share a free
positive gain of the neuron's own, by which its C is stretched over the whole coefficient width. Where the readout
itself leaves as a graded message that gain is a power of two, which the receivers' weights take back.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from toolchain.errors import QuantizationError
from toolchain.frontend.conventions import Conventions
from toolchain.frontend.discretize import DiscreteNeuron
from toolchain.frontend.graph import FloatArray
from toolchain.frontend.roles import GRADED
from toolchain.frontend.units import Link, Network, Unit
from toolchain.quantize.calibrate import Calibration, UnitRange
from toolchain.quantize.floating import ComplexArray, folded_readout, link_name, neuron_of, own_gain, soma_threshold
from toolchain.quantize.gates import SMALLEST, Scaled, gate_scales
from toolchain.quantize.ports import drive_limit
from toolchain.quantize.readout import choose_readout, features
from toolchain.quantize.scales import (
    LinkScale,
    Payload,
    Scheme,
    UnitScale,
    graded_payload,
    key,
    link_scale,
    room,
    small_payload,
    with_columns,
)
from toolchain.quantize.settings import Settings
from toolchain.quantize.voltage import UNREACHED, Layer, choose_voltage
from toolchain.quantize.weights import row_gains, weight_exponent

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
MAX_FINER = 64.0
"""Most by which a neuron's graded readout is finer than its layer's coarsest: a weight of 8 bits holds 1 to 64."""


def choose_scales(network: Network, conventions: Conventions, calibration: Calibration, settings: Settings) -> Scheme:
    """Choose all scales from calibrated ranges.

    Raises:
        QuantizationError: a unit that finds no scale, with the numbers.
        InputError: the settings have widths for what is no part of the network.
    """
    _check_names(network, settings)
    exponent, bits = _input_scale(calibration, settings)
    payload = {unit.name: small_payload(unit) for unit in network.units if unit.role not in GRADED}
    units: dict[str, UnitScale] = {}
    links: dict[tuple[str, str, int], LinkScale] = {}
    for unit in network.units:
        if unit.role == "input":
            payload[unit.name] = Payload(exponent, 2.0 ** (bits - 1 - exponent))
            continue
        incoming = tuple(with_columns(link, payload[link.source].finer) for link in network.into(unit.name))
        seen = calibration.units[unit.name]
        scale, own = _scaled(unit, incoming, payload, seen, settings, conventions)
        units[unit.name], links = scale, links | own
        if unit.role in GRADED:
            payload[unit.name] = graded_payload(scale)
    return Scheme(settings, exponent, bits, units, links)


def _scaled(
    unit: Unit,
    incoming: tuple[Link, ...],
    payload: Mapping[str, Payload],
    seen: UnitRange,
    settings: Settings,
    conventions: Conventions,
) -> Scaled:
    """Scales of a unit and of the links into it."""
    if len(unit.ports) == 2:
        return gate_scales(unit, incoming, payload, seen, settings)
    gain = own_gain(unit, conventions) * row_gains(unit, incoming, settings)
    weights = {key(link): weight_exponent(link, gain, settings) for link in incoming}
    limit = drive_limit(incoming, gain, weights, payload, settings)
    wanted = max((weights[key(k)] + payload[k.source].exponent for k in incoming), default=0)
    scale = _unit_scale(unit, gain, wanted, limit, seen, settings.for_population(unit.name), conventions)
    links = {key(k): link_scale(weights[key(k)], scale.drive_exponent, payload[k.source]) for k in incoming}
    return scale, links


def _check_names(network: Network, settings: Settings) -> None:
    populations = {unit.name: unit.ssm is not None for unit in network.units if unit.role != "input"}
    settings.check_names(populations, tuple(link_name(link) for link in network.links))


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


def lif_form(unit: Unit, conventions: Conventions) -> str:
    """The neuron type that a NIR LIF, CubaLIF or IF becomes.

    Lava's own LIF where it can hold the neuron: it resets to zero only, has no bias inside its current, and its decays
    are 4096ths, of which it keeps one at least (a Threshold keeps nothing).
    """
    neuron = neuron_of(unit, conventions)
    if unit.node is not None and unit.node.kind == "Threshold":
        return "lif"
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


def _unit_scale(
    unit: Unit,
    gain: FloatArray,
    wanted: int,
    limit: int,
    seen: UnitRange,
    settings: Settings,
    conventions: Conventions,
) -> UnitScale:
    if unit.ssm is not None:
        return _ssm_scale(unit, gain, wanted, limit, seen, settings, conventions)
    if unit.role == "lif":
        return _lif_scale(unit, gain, limit, seen, settings, conventions)
    threshold = float(unit.node.params["threshold"].max()) if unit.role == "ternary" and unit.node is not None else 0.0
    peak = float(max(seen.voltage.max(), seen.drive.max(), threshold, SMALLEST))
    exponent = min(wanted + BIAS_EXTRA_BITS, limit, room(peak, settings.headroom_bits))
    return UnitScale(exponent, gain, message_exponent=exponent)


def _lif_scale(
    unit: Unit, gain: FloatArray, limit: int, seen: UnitRange, settings: Settings, conventions: Conventions
) -> UnitScale:
    """The finest scale at which threshold, voltage, current and bias fit; decays then round least."""
    neuron = neuron_of(unit, conventions)
    threshold = float(threshold_of(neuron, unit.size).max())
    peak = float(max(seen.voltage.max(), threshold, SMALLEST))
    fits = room(peak, settings.headroom_bits)
    if lif_form(unit, conventions) != "cuba_lif":
        return UnitScale(min(limit, fits), gain)
    by_threshold = math.floor(math.log2(((1 << THRESHOLD_BITS) - 1) / threshold)) if threshold > 0 else limit
    constant = float(np.abs(constant_drive(unit, gain, neuron)).max())
    top = BIAS_MANTISSA << MAX_BIAS_EXPONENT
    by_bias = math.floor(math.log2(top / constant)) - CUBA_SHIFT if constant > 0 else limit
    return UnitScale(min(limit, by_threshold, by_bias, fits - CUBA_SHIFT), gain)


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
    state_room = room(max(float((gain * seen.state).max()), SMALLEST), settings.headroom_bits, settings.state_bits)
    exponent = min(wanted + BIAS_EXTRA_BITS, limit, state_room)
    state_shift = min(state_room - exponent, MAX_STATE_SHIFT)
    c, d = folded_readout(unit.ssm) / gain[:, None], unit.ssm.d / gain
    graded = unit.role == "ssm_graded"
    voltage = choose_voltage(_layer(unit, gain, (exponent, state_shift), seen, settings, conventions))
    most, c_shift = voltage.most, voltage.shift
    if c_shift > 31:
        raise QuantizationError(
            unit.origin,
            f"the readout needs a shift of {c_shift} bits, at most 31 are there",
            "rescale the layer or lower state_bits",
        )
    most = _shared_powers(most) if graded else most
    # The moments are those of the network's own states; the row's gain scales them all alike and changes no choice.
    readout = choose_readout(c, d, seen.moments, most, c_shift - state_shift, settings, free=not graded)
    voltage_gain = readout.c_gain * 2.0 ** (exponent + state_shift - c_shift)
    scale = UnitScale(exponent, gain, state_shift, c_shift, readout, voltage_gain, coarser=voltage.coarser)
    if not graded:
        return scale
    coarsest = float(voltage_gain.min())
    return replace(scale, message_exponent=round(math.log2(coarsest)), finer=voltage_gain / coarsest)


def _layer(
    unit: Unit,
    gain: FloatArray,
    exponents: tuple[int, int],
    seen: UnitRange,
    settings: Settings,
    conventions: Conventions,
) -> Layer:
    """What the choice of a voltage's scale depends on, at exponents of the drive and of the state beyond it."""
    assert unit.ssm is not None
    c, d = folded_readout(unit.ssm) / gain[:, None], unit.ssm.d / gain
    top, graded = (1 << (settings.c_bits - 1)) - 1, unit.role == "ssm_graded"
    skip = np.abs(d) * 2.0 ** exponents[1]
    state, readout = _root_mean_squares(unit, gain, seen)
    return Layer(
        most=_most_gain(c, top, graded, settings),
        most_skip=np.divide(top, skip, out=np.full_like(skip, np.inf), where=skip > 0),
        unit=2.0 ** sum(exponents),
        threshold=np.zeros(unit.size) if graded else soma_threshold(unit, conventions),
        reached=np.maximum(np.maximum(seen.readout, seen.voltage), UNREACHED),
        state=state,
        readout=readout,
        products=2 * c.shape[1] + 1,
        headroom=settings.headroom_bits,
        # Without moments nothing is known of what rounding costs.
        shared=graded or settings.c_scale == "layer" or not seen.rows,
    )


def _root_mean_squares(unit: Unit, gain: FloatArray, seen: UnitRange) -> tuple[FloatArray, FloatArray]:
    """Of all states of each neuron together, times the gain of what enters, and of its readout: (size,) each."""
    assert unit.ssm is not None
    moments = seen.moments / max(seen.rows, 1)
    if not moments.size:
        return np.zeros(unit.size), np.zeros(unit.size)
    real = features(folded_readout(unit.ssm), unit.ssm.d)
    squares = np.einsum("hf,hfg,hg->h", real, moments, real)
    states = np.einsum("hff->hf", moments)[:, :-1].sum(axis=1)
    return gain * np.sqrt(states), np.sqrt(np.maximum(squares, 0.0))


def _most_gain(c: ComplexArray, top: int, graded: bool, settings: Settings) -> FloatArray:
    """The greatest gain of each neuron at which its C fits, (size,)."""
    peak = np.maximum(np.abs(c.real), np.abs(c.imag)).max(axis=1)
    most: FloatArray = top / np.where(peak > 0, peak, 1.0)
    if settings.c_scale == "layer":
        most = np.full_like(most, most.min())
    return _shared_powers(np.where(peak > 0, most, np.inf)) if graded else most


def _shared_powers(most: FloatArray) -> FloatArray:
    """Powers of two at most these, the greatest no more than `MAX_FINER` times the least: what weights can undo."""
    powers = np.floor(np.log2(most))
    least = float(powers.min())
    least = least if math.isfinite(least) else 0.0
    shared: FloatArray = np.exp2(np.minimum(powers, least + math.log2(MAX_FINER)))
    return shared
