"""What rounding did to each population's activity: its spikes against the float network's, silent and busy neurons.

Spikes are sparse, so that a share of equal steps would count silence: a program that never fires would score as well.
What is reported is of spikes: precision (of the program's spikes, how many are the float network's), recall (of the
float network's, how many the program has), and overlap (spikes of both over spikes of either).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

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
        float_spikes, integer_spikes, both: spikes of the float network, of the program, and of both at the same
            sample, step and neuron.
        float_rate, integer_rate: spikes a neuron and step.
        precision: both / integer_spikes; None without a spike of the program.
        recall: both / float_spikes; None without a spike of the float network.
        overlap: both / spikes of either; None without any.
        float_silent, integer_silent: neurons that never fired.
        float_always, integer_always: neurons that fired at every step of every sample.
        saturated: values of its registers that did not fit, over the whole run.
    """

    population: str
    neurons: int
    float_spikes: int
    integer_spikes: int
    both: int
    float_rate: float
    integer_rate: float
    precision: float | None
    recall: float | None
    overlap: float | None
    float_silent: int
    integer_silent: int
    float_always: int
    integer_always: int
    saturated: int

    def __str__(self) -> str:
        spikes = f"{self.float_spikes:,} -> {self.integer_spikes:,} spikes"
        parts = [f"{spikes}, rate {self.float_rate:.4f} -> {self.integer_rate:.4f}"]
        if self.overlap is not None:
            parts.append(f"precision {_share(self.precision)}, recall {_share(self.recall)}")
        if self.integer_silent or self.float_silent:
            parts.append(f"silent neurons {self.float_silent} -> {self.integer_silent} of {self.neurons}")
        if self.integer_always or self.float_always:
            parts.append(f"always firing {self.float_always} -> {self.integer_always}")
        if self.saturated:
            parts.append(f"{self.saturated:,} values saturated")
        return f"{self.population}: {', '.join(parts)}"


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


def aligned_messages(
    program: Program, network: Network, trace: Trace, steps: int, shifts: Mapping[str, int] = MappingProxyType({})
) -> Signals:
    """Messages of each population at the step of the float network that they belong to, (sample, step, neuron).

    Args:
        program: what ran.
        network: the units that it was lowered from; populations that are none of them are left out.
        trace: with messages.
        steps: of the input.
        shifts: by how many steps compiler passes moved a population (`PassResult.shifts`).

    A population that a pass moved beyond the outputs' latency has not sent its last messages when the run ends; its
    array is as much shorter.
    """
    levels, sizes = unit_levels(network), {unit.name: unit.size for unit in network.units}
    return {
        name: trace.messages[name][:, levels[name] + shifts.get(name, 0) :][:, :steps].astype(np.float64)
        for name, size in program.sizes().items()
        if name in trace.messages and sizes.get(name) == size
    }


def unit_levels(network: Network) -> dict[str, int]:
    """By how many steps a unit's messages come after the input that they belong to."""
    return network.levels


def activity_rows(
    network: Network, floats: Signals, integers: Signals, overflows: Mapping[str, int]
) -> tuple[ActivityRow, ...]:
    """Compare the activity of every spiking population.

    Args:
        network: the units.
        floats, integers: messages, (sample, step, neuron), of the same samples and steps; those of `integers` may end
            before. A unit without messages in `integers` has no row: a compiler pass took it apart.
        overflows: by ``"population.register"``.
    """
    spiking = [unit.name for unit in network.units if unit.spikes and unit.name in integers]
    return tuple(
        _row(name, floats[name][:, : integers[name].shape[1]] != 0, integers[name] != 0, overflows) for name in spiking
    )


def _row(name: str, before: NDArray[np.bool_], after: NDArray[np.bool_], overflows: Mapping[str, int]) -> ActivityRow:
    floats, integers = int(before.sum()), int(after.sum())
    both, either = int((before & after).sum()), int((before | after).sum())
    return ActivityRow(
        population=name,
        neurons=before.shape[2],
        float_spikes=floats,
        integer_spikes=integers,
        both=both,
        float_rate=float(before.mean()),
        integer_rate=float(after.mean()),
        precision=both / integers if integers else None,
        recall=both / floats if floats else None,
        overlap=both / either if either else None,
        float_silent=int((~before.any(axis=(0, 1))).sum()),
        integer_silent=int((~after.any(axis=(0, 1))).sum()),
        float_always=int(before.all(axis=(0, 1)).sum()),
        integer_always=int(after.all(axis=(0, 1)).sum()),
        saturated=sum(count for key, count in overflows.items() if key.rpartition(".")[0] == name),
    )
