"""Run the float network on calibration data and keep the ranges that scales are chosen from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from toolchain.errors import InputError
from toolchain.frontend.conventions import Conventions
from toolchain.frontend.discretize import discretize
from toolchain.frontend.execute import run
from toolchain.frontend.graph import FloatArray, Graph
from toolchain.frontend.ssm import SsmBlock
from toolchain.frontend.units import Link, Network, Unit

MAX_INPUT_EXPONENT = 16


@dataclass(frozen=True)
class UnitRange:
    """What calibration saw at one unit (maxima over samples and steps).

    Attributes:
        drive: greatest magnitude of each neuron's input, (size,).
        state: greatest magnitude of a mode's real or imaginary part with B folded into C, (size,); 0 without modes.
        readout: greatest magnitude of each state space's output, (size,).
        voltage: greatest magnitude of each membrane voltage (or running sum), (size,).
        rate: share of steps with a message, over samples and neurons.
    """

    drive: FloatArray
    state: FloatArray
    readout: FloatArray
    voltage: FloatArray
    rate: float


@dataclass(frozen=True)
class Calibration:
    """Ranges by unit name, and the input's resolution.

    Attributes:
        units: by unit name.
        samples, steps: extent of the calibration data.
        input_peak: greatest magnitude of the input.
        input_exponent: least e for which every input value times 2^e is an integer, None if there is none up to 16.
    """

    units: Mapping[str, UnitRange]
    samples: int
    steps: int
    input_peak: float
    input_exponent: int | None


def calibrate(graph: Graph, network: Network, data: FloatArray, conventions: Conventions) -> Calibration:
    """Run the float network and record ranges.

    Args:
        graph, network: the network as NIR and as units.
        data: (sample, step, channel) calibration inputs; an input of several axes is flattened in C order.
        conventions: what NIR leaves open.

    Raises:
        InputError: the data are not finite, empty, or of the wrong width.
    """
    source = network.units[0]
    check_data(data, source.size, source.name)
    shaped = data.reshape(*data.shape[:2], *graph.nodes[source.exit].input_shape)
    _, recorded = run(graph, shaped, conventions, record=tuple(unit.exit for unit in network.units))
    messages = {unit.name: _flat(recorded[unit.exit]) for unit in network.units}
    ranges = {unit.name: _range(network, unit, messages, conventions) for unit in network.units}
    peak = float(np.abs(data).max())
    return Calibration(ranges, data.shape[0], data.shape[1], peak, _exponent(data))


def check_data(data: FloatArray, width: int, name: str) -> None:
    """Refuse data of the wrong shape, empty data, NaN and infinities."""
    if data.ndim != 3 or data.shape[2] != width:
        expected = f"(samples, steps, {width})"
        raise InputError(
            name, f"data of shape {data.shape} for a network of {width} input channels", f"give {expected}"
        )
    if not data.size:
        raise InputError(name, f"data of shape {data.shape} are empty", "give at least one sample of one step")
    if not np.isfinite(data).all():
        bad = tuple(int(i) for i in np.argwhere(~np.isfinite(data))[0])
        raise InputError(name, f"{int((~np.isfinite(data)).sum())} values are not finite, first at {bad}", "clean them")


def _flat(values: FloatArray) -> FloatArray:
    return values.reshape(*values.shape[:2], -1)


def _exponent(data: FloatArray) -> int | None:
    for exponent in range(MAX_INPUT_EXPONENT + 1):
        scaled = data * 2.0**exponent
        if np.array_equal(scaled, np.rint(scaled)):
            return exponent
    return None


def drive_of(network: Network, unit: Unit, messages: Mapping[str, FloatArray]) -> FloatArray:
    """The drive of a unit, (sample, step, neuron), from the messages of all units."""
    total = unit.bias + np.zeros_like(messages[unit.name])
    for link in network.into(unit.name):
        total = total + _through(link, messages[link.source])
    return total


def _through(link: Link, messages: FloatArray) -> FloatArray:
    samples, steps, width = messages.shape
    arrived = np.asarray((link.weights @ messages.reshape(-1, width).T).T).reshape(samples, steps, -1)
    if link.steps:
        arrived = np.concatenate([np.zeros_like(arrived[:, : link.steps]), arrived[:, : -link.steps]], axis=1)
    return arrived


def _peak(values: FloatArray) -> FloatArray:
    """Greatest magnitude of each neuron over samples and steps."""
    peaks: FloatArray = np.abs(values).max(axis=(0, 1))
    return peaks


def _range(network: Network, unit: Unit, messages: Mapping[str, FloatArray], conventions: Conventions) -> UnitRange:
    sent = messages[unit.name]
    rate = float(np.count_nonzero(sent) / sent.size)
    nothing = np.zeros(unit.size)
    if unit.role in ("input", "relay"):
        return UnitRange(_peak(sent), nothing, nothing, nothing, rate)
    drive = drive_of(network, unit, messages)
    if unit.role == "integrator":
        return UnitRange(_peak(drive), nothing, nothing, _peak(sent), rate)
    if unit.ssm is not None:
        state, readout = state_space(unit.ssm, drive)
        return UnitRange(_peak(drive), state, _peak(readout), _voltage_peak(unit, readout, sent, conventions), rate)
    return UnitRange(_peak(drive), nothing, nothing, _voltage_peak(unit, drive, sent, conventions), rate)


def folded_readout(block: SsmBlock) -> np.ndarray[tuple[int, int], np.dtype[np.complex128]]:
    """C of the form with B = 1 and the conjugate modes' factor 2 folded in: y = Re(sum c x) + d u, (size, modes)."""
    folded: np.ndarray[tuple[int, int], np.dtype[np.complex128]] = 2.0 * block.c * block.b
    return folded


def state_space(block: SsmBlock, drive: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Run a state space with B folded into C.

    Args:
        block: poles and matrices, (size, modes).
        drive: (sample, step, neuron).

    Returns:
        The greatest magnitude of a real or imaginary part of each neuron's modes, (size,), and the readout,
        (sample, step, neuron).
    """
    samples, steps, size = drive.shape
    readout_matrix = folded_readout(block)
    state = np.zeros((samples, size, block.poles.shape[1]), dtype=np.complex128)
    peak = np.zeros(size)
    readout = np.empty_like(drive)
    for t in range(steps):
        state = block.poles * state + drive[:, t, :, None]
        peak = np.maximum(peak, np.maximum(np.abs(state.real), np.abs(state.imag)).max(axis=(0, 2)))
        readout[:, t] = (readout_matrix * state).real.sum(axis=2) + block.d * drive[:, t]
    return peak, readout


def _voltage_peak(unit: Unit, drive: FloatArray, sent: FloatArray, conventions: Conventions) -> FloatArray:
    """Greatest membrane voltage before reset, given the spikes that the network's own run emitted."""
    assert unit.node is not None
    neuron = discretize(unit.node, conventions)
    shape = unit.node.input_shape
    drive, sent = (values.reshape(*values.shape[:2], *shape) for values in (drive, sent))
    current = np.zeros(drive[:, 0].shape)
    voltage, peak = np.zeros_like(current), np.zeros(shape)
    for t in range(drive.shape[1]):
        current = neuron.current_decay * current + neuron.input_gain * drive[:, t]
        voltage = neuron.voltage_decay * voltage + neuron.current_gain * current + neuron.leak
        peak = np.maximum(peak, np.abs(voltage).max(axis=0))
        voltage = np.where(sent[:, t] != 0, 0.0, voltage)
    return peak.ravel()
