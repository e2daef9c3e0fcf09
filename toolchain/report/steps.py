"""Step by step: the work of every core in the recorded samples, and how long each step takes by a cost table.

The time of a mean step hides bursts: a step lasts as long as its busiest core. What cores do at a step is taken from
the messages of the recorded samples and the placement; `simulators.placed` runs the cores themselves and finds the
same. A message counts in the step in which it is sent.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from toolchain.ir.integer import IntArray
from toolchain.ir.program import Program, Projection
from toolchain.ir.trace import Trace
from toolchain.mapping.axons import axons
from toolchain.mapping.memory import state_words
from toolchain.mapping.placement import Placement
from toolchain.mapping.slices import Slice
from toolchain.mapping.target import Target
from toolchain.report.costs import SECONDS, CostTable, LatencyCost
from toolchain.report.energy import Banded
from toolchain.report.traffic import stored_as

MOST_WORDS = 1 << 24
"""Messages of a source that are looked at together: samples beyond that are left out."""

FloatArray: TypeAlias = NDArray[np.float64]
End: TypeAlias = Literal["low", "value", "high"]

Work = Mapping[str, IntArray]
"""By field of `CoreCount`, (sample, step, core)."""


@dataclass(frozen=True, eq=False)
class StepTimes:
    """How long steps take, in seconds.

    Attributes:
        samples, steps: extent of what was looked at.
        percentiles: (50, 95, 99, 100) -> time of a step with its band; of each end's own distribution.
        sequences: (50, 95, 100) -> time of a whole sample.
        holds: by bound, in how many steps it is the greatest at nominal constants; empty where bounds add up.
    """

    samples: int
    steps: int
    percentiles: Mapping[int, Banded]
    sequences: Mapping[int, Banded]
    holds: Mapping[str, int]


def core_work(program: Program, trace: Trace, placement: Placement, target: Target) -> Work | None:
    """What every core does at every step of a trace.

    Returns:
        Counts, (sample, step, core), of as many leading samples as are looked at; None where messages are missing.
    """
    if not trace.samples or not trace.steps or program.sizes().keys() - trace.messages.keys():
        return None
    widest = max(program.sizes().values())
    samples = max(1, min(trace.samples, MOST_WORDS // (trace.steps * widest)))
    sent = {name: trace.messages[name][:samples] != 0 for name in program.sizes()}
    gathered = _Gathered(program, placement, target, sent)
    for core in placement.cores:
        for part in core.slices:
            gathered.add(core.index, part)
    gathered.deliver()
    return gathered.work


class _Gathered:
    """Counts of every core, added up slice by slice."""

    def __init__(
        self, program: Program, placement: Placement, target: Target, sent: Mapping[str, NDArray[np.bool_]]
    ) -> None:
        self.program, self.target, self.sent = program, target, sent
        samples, steps = next(iter(sent.values())).shape[:2]
        shape = (samples, steps, len(placement.cores))
        self.work: dict[str, IntArray] = defaultdict(lambda: np.zeros(shape, dtype=np.int64))
        self.homes = {name: placement.core_of(name, size) for name, size in program.sizes().items()}
        self.reached: dict[tuple[int, str], list[IntArray]] = defaultdict(list)

    def add(self, core: int, part: Slice) -> None:
        """Updates, messages out, and synapses of one slice."""
        population = self.program.population(part.population)
        words = max(1, state_words(population, self.target.word_bits.whole))
        self.work["neuron_updates"][:, :, core] += part.count
        self.work["word_updates"][:, :, core] += part.count * words
        self.work["messages_out"][:, :, core] += self.sent[part.population][:, :, part.indices()].sum(axis=2)
        for projection in self.program.into(part.population):
            self._synapses(core, part, projection)

    def _synapses(self, core: int, part: Slice, projection: Projection) -> None:
        found = axons(projection, part, self.target)
        touched = self.sent[projection.source][:, :, found.sources].astype(np.float64)
        sizes = (found.stored, found.nonzero, found.words)
        # Sums of products of small whole numbers: exact in doubles, and then a matrix product.
        stored, nonzero, words = np.moveaxis(touched @ np.stack(sizes, axis=1).astype(np.float64), 2, 0).astype(
            np.int64
        )
        for name, amount in (
            ("synops_dense", stored),
            (stored_as(projection), stored),
            ("synops_nonzero", nonzero),
            ("synapse_words_read", words),
        ):
            self.work[name][:, :, core] += amount
        self.reached[core, projection.name].append(found.sources[found.reached])

    def deliver(self) -> None:
        """Messages to cores: each core gets a message of a projection once."""
        sources = {projection.name: projection.source for projection in self.program.projections}
        for (core, name), parts in self.reached.items():
            reached = parts[0] if len(parts) == 1 else np.unique(np.concatenate(parts))
            arrived = self.sent[sources[name]][:, :, reached]
            self.work["core_messages"][:, :, core] += arrived.sum(axis=2)
            homes = self.homes[sources[name]][reached]
            for home in np.unique(homes[homes >= 0]):
                self.work["core_messages_out"][:, :, home] += arrived[:, :, homes == home].sum(axis=2)


def step_times(work: Work, table: CostTable, chips: int, tiles: int) -> StepTimes | None:
    """How long each step takes by a table; None where it has no times."""
    costs = [cost for cost in table.latency if cost.applies(chips, tiles)]
    if not costs:
        return None
    ends: tuple[End, ...] = ("low", "value", "high")
    times = {end: _seconds(work, costs, end, adds=table.core_time == "sum") for end in ends}
    samples, steps = times["value"].shape
    return StepTimes(
        samples,
        steps,
        {share: _percentile(times, share) for share in (50, 95, 99, 100)},
        {
            share: _percentile({end: value.sum(axis=1) for end, value in times.items()}, share)
            for share in (50, 95, 100)
        },
        {} if table.core_time == "sum" else _holds(work, costs),
    )


def _percentile(times: Mapping[End, FloatArray], share: int) -> Banded:
    low, nominal, high = (float(np.percentile(times[end], share)) for end in ("low", "value", "high"))
    return Banded(nominal, low, high)


def _seconds(work: Work, costs: list[LatencyCost], end: End, adds: bool) -> FloatArray:
    """Time of every step, (sample, step)."""
    shape = next(iter(work.values())).shape
    standing = [_each(cost, end) for cost in costs if cost.count == "step"]
    worked = [work.get(cost.count, np.zeros(shape)) * _each(cost, end) for cost in costs if cost.count != "step"]
    if adds:
        found: FloatArray = np.sum(worked, axis=0).max(axis=2) + sum(standing)
        return found
    greatest: FloatArray = np.max(
        [*(values.max(axis=2) for values in worked), *(np.full(shape[:2], s) for s in standing)], axis=0
    )
    return greatest


def _holds(work: Work, costs: list[LatencyCost]) -> dict[str, int]:
    """In how many steps each bound is the greatest, by name."""
    shape = next(iter(work.values())).shape
    bounds = [
        np.full(shape[:2], _each(cost, "value"))
        if cost.count == "step"
        else work.get(cost.count, np.zeros(shape)).max(axis=2) * _each(cost, "value")
        for cost in costs
    ]
    first = np.argmax(bounds, axis=0)
    return {cost.name: int((first == at).sum()) for at, cost in enumerate(costs)}


def _each(cost: LatencyCost, end: End) -> float:
    number = getattr(cost, end)
    assert number is not None  # a cost is always banded
    return float(number) * SECONDS[cost.unit]
