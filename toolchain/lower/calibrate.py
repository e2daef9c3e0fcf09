"""Run the float network on calibration data and keep the ranges that scales are chosen from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from toolchain.errors import InputError
from toolchain.frontend.graph import FloatArray
from toolchain.lower.floating import Signals, float_network, run_units
from toolchain.quantize.fitted import MOST_SOURCES, trace_moments
from toolchain.quantize.inputs import InputStatistics, input_statistics
from toolchain.quantize.scan import MOMENT_ROWS
from toolchain.units.base import Seen, Unit, UnitRange
from toolchain.units.network import Network

MODE_STEPS = 1 << 29
"""Neuron and mode updates that calibration may take: about five seconds of one core."""
MEMORY_WORDS = 1 << 25
"""Float64 words that the signals of all units may take together: 256 MiB."""
SIGNALS_A_UNIT = 4


@dataclass(frozen=True)
class Calibration:
    """Ranges by unit name, and the inputs' resolution.

    Attributes:
        units: by unit name.
        samples, steps: extent of the calibration data.
        inputs: what each input holds, by name.
        moments: of the traces that arrive by a link, where its weights are fitted to them (`quantize.fitted`), by link.
        notes: what was done to an input's data before, in words, by name; none where nothing was.
    """

    units: Mapping[str, UnitRange]
    samples: int
    steps: int
    inputs: Mapping[str, InputStatistics]
    notes: Mapping[str, str] = field(default_factory=dict)
    moments: Mapping[str, FloatArray] = field(default_factory=dict)


def calibrate(network: Network, data: FloatArray) -> Calibration:
    """Run the float network and record ranges.

    Long sequences through wide networks are run on fewer samples, spread evenly, so that it takes seconds:
    `Calibration.samples` says how many.

    Args:
        network: as units.
        data: (sample, step, channel) calibration inputs; an input of several axes is flattened in C order, and the
            channels of several inputs stand side by side.

    Raises:
        InputError: the data are not finite, empty, or of the wrong width.
    """
    check_data(data, sum(unit.size for unit in network.inputs), " + ".join(unit.name for unit in network.inputs))
    chosen = data[_affordable(network, data)]
    floats = float_network(network)
    ranges = _Ranges(network)
    moments: dict[str, FloatArray] = {}
    for part in _parts(network, chosen):
        rows = -(-MOMENT_ROWS * len(part) // len(chosen))
        messages = run_units(floats, part, observe=ranges.see, moment_rows=rows)
        # One part of the data says enough of how sources go together.
        moments = moments or _moments(network, messages)
        for unit in network.inputs:
            ranges.see_input(unit, network.by_input(part)[unit.name])
    found = {name: input_statistics(values) for name, values in network.by_input(data).items()}
    return Calibration(ranges.found(), len(chosen), data.shape[1], found, moments=moments)


def _moments(network: Network, messages: Signals) -> dict[str, FloatArray]:
    """Of the traces at neurons that keep a share of their voltage."""
    found = {}
    for link in network.links:
        kept = network.unit(link.target).kept_share
        if kept and not link.shared and link.kernel is None and link.weights.shape[1] <= MOST_SOURCES:
            found[link.name] = trace_moments(messages[link.source], kept, link.steps + link.delay)
    return found


def _affordable(network: Network, data: FloatArray) -> slice:
    """Samples, evenly spread, that take at most `MODE_STEPS`."""
    loops = [unit.updates for group in network.together() if len(group) > 1 for unit in group]
    a_step = sum(unit.updates for unit in network.units) + data.shape[1] // 2 * sum(loops)
    most = max(1, MODE_STEPS // (a_step * data.shape[1]))
    return slice(0, None, -(-len(data) // most))


def _parts(network: Network, data: FloatArray) -> Iterator[FloatArray]:
    """The data a few samples at a time, so that the signals of all units fit `MEMORY_WORDS`."""
    words = data.shape[1] * sum(unit.size for unit in network.units) * SIGNALS_A_UNIT
    together = max(1, MEMORY_WORDS // words)
    return (data[start : start + together] for start in range(0, len(data), together))


class _Ranges:
    """Maxima by unit over all parts of the data."""

    def __init__(self, network: Network) -> None:
        self.sizes = {unit.name: unit.size for unit in network.units}
        self.peaks: dict[str, list[FloatArray]] = {}
        self.moments: dict[str, FloatArray] = {}
        self.rows: dict[str, int] = {}
        self.steps = 0
        self.sent: dict[str, list[int]] = {name: [0, 0] for name in self.sizes}

    def see(self, unit: Unit, seen: Seen) -> None:
        """Take in what a unit did."""
        self.steps = seen.messages.shape[1]
        peaks = [_peak(seen.drive), seen.state_peak, _peak(seen.readout), _peak(seen.voltage), _peak(seen.messages)]
        self._add(unit, peaks, seen.messages)
        self.moments[unit.name] = self.moments.get(unit.name, 0.0) + seen.moments
        self.rows[unit.name] = self.rows.get(unit.name, 0) + seen.rows

    def see_input(self, unit: Unit, data: FloatArray) -> None:
        """Take in the input itself."""
        self._add(unit, [_peak(data), *[np.zeros(unit.size)] * 3, _peak(data)], data)

    def _add(self, unit: Unit, peaks: list[FloatArray], messages: FloatArray) -> None:
        before = self.peaks.get(unit.name, peaks)
        self.peaks[unit.name] = [np.maximum(a, b) for a, b in zip(before, peaks, strict=True)]
        self.sent[unit.name][0] += int(np.count_nonzero(messages))
        self.sent[unit.name][1] += messages.size

    def found(self) -> dict[str, UnitRange]:
        """The ranges by unit."""
        return {name: self._range(name, peaks) for name, peaks in self.peaks.items()}

    def _range(self, name: str, peaks: list[FloatArray]) -> UnitRange:
        sent, chances = self.sent[name]
        drive, state, readout, voltage, message = peaks
        moments = self.moments.get(name, np.zeros((self.sizes[name], 0, 0)))
        return UnitRange(
            drive, state, readout, voltage, sent / chances, message, moments, self.rows.get(name, 0), self.steps
        )


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


def _peak(values: FloatArray) -> FloatArray:
    """Greatest magnitude of each neuron over samples and steps."""
    peaks: FloatArray = np.maximum(values.max(axis=(0, 1)), -values.min(axis=(0, 1)))
    return peaks
