"""What rounding did to each population's activity: rates, silent and always-firing neurons, spikes that changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from toolchain.frontend.graph import FloatArray
from toolchain.ir.program import Program
from toolchain.ir.trace import Trace
from toolchain.lower.floating import Signals
from toolchain.units.network import Network


@dataclass(frozen=True)
class ActivityRow:
    """One spiking population, as the float network and as the program, on the same data.

    Attributes:
        population: its name.
        neurons: how many.
        float_rate, integer_rate: spikes a neuron and step.
        float_silent, integer_silent: neurons that never fired.
        float_always, integer_always: neurons that fired at every step of every sample.
        agreement: share of (sample, step, neuron) with the same spike or none in both.
        saturated: values of its registers that did not fit, over the whole run.
    """

    population: str
    neurons: int
    float_rate: float
    integer_rate: float
    float_silent: int
    integer_silent: int
    float_always: int
    integer_always: int
    agreement: float
    saturated: int


def aligned_messages(program: Program, network: Network, trace: Trace, steps: int) -> Signals:
    """Messages of each population at the step of the float network that they belong to, (sample, step, neuron)."""
    levels = unit_levels(network)
    return {
        population.name: trace.messages[population.name][:, levels[population.name] :][:, :steps].astype(np.float64)
        for population in program.populations
        if population.name in trace.messages
    }


def unit_levels(network: Network) -> dict[str, int]:
    """By how many steps a unit's messages come after the input that they belong to."""
    levels = {unit.name: 0 for unit in network.inputs}
    for unit in network.populations:
        before = [levels[link.source] for link in network.into(unit.name) if link.steps == 0]
        levels[unit.name] = max(before, default=0) + 1
    return levels


def activity_rows(
    network: Network, floats: Signals, integers: Signals, overflows: Mapping[str, int]
) -> tuple[ActivityRow, ...]:
    """Compare the activity of every spiking population.

    Args:
        network: the units.
        floats, integers: messages, (sample, step, neuron), of the same samples and steps.
        overflows: by ``"population.register"``.
    """
    spiking = [unit.name for unit in network.units if unit.spikes]
    return tuple(_row(name, floats[name] != 0, integers[name] != 0, overflows) for name in spiking)


def _row(name: str, before: FloatArray, after: FloatArray, overflows: Mapping[str, int]) -> ActivityRow:
    lost = sum(count for key, count in overflows.items() if key.rpartition(".")[0] == name)
    return ActivityRow(
        population=name,
        neurons=before.shape[2],
        float_rate=float(before.mean()),
        integer_rate=float(after.mean()),
        float_silent=int((~before.any(axis=(0, 1))).sum()),
        integer_silent=int((~after.any(axis=(0, 1))).sum()),
        float_always=int(before.all(axis=(0, 1)).sum()),
        integer_always=int(after.all(axis=(0, 1)).sum()),
        agreement=float(np.mean(before == after)),
        saturated=lost,
    )
