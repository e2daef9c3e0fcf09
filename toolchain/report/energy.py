"""Energy and time of a run: counts times constants, each with the band of its constant.

    dynamic = sum of count * cost (counted)  +  chips * base power * steps * T_step
    E       = dynamic  +  chips * static power * steps * T_step;  input and output: not modelled
    T_step  = max over the bounds of (count of the busiest core a step) * cost, and the floor of a step

A running chip draws a base power that is measured as dynamic, whatever the network does (two neurons on Loihi 2: 27 mW
against less than 1 mW that operations explain). The third line is the max-affine form of Timcheck, Pierro and
Shrestha, arXiv:2601.10035, equation 1; a table may say instead that the work of a core adds up and the floor with it,
as SANA-FE has it. It is applied to the mean step of the run: a step with a burst takes longer, so the mean is a lower
estimate. Low, nominal and high take the low, nominal and high of every constant at once. Nothing here is a single
number, and nothing is compared with a device that was not measured.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NoReturn

from toolchain.errors import UnsupportedError
from toolchain.report.costs import JOULES, SECONDS, Cost, CostTable, EnergyCost, LatencyCost, PowerCost
from toolchain.report.counts import Counts
from toolchain.report.traffic import CoreCount


@dataclass(frozen=True)
class Banded:
    """A value with its band; `low` <= `nominal` <= `high`."""

    nominal: float
    low: float
    high: float

    def __add__(self, other: Banded) -> Banded:
        return Banded(self.nominal + other.nominal, self.low + other.low, self.high + other.high)

    def times(self, other: Banded) -> Banded:
        """The product of two banded values that are not negative."""
        return Banded(self.nominal * other.nominal, self.low * other.low, self.high * other.high)

    def scaled(self, factor: float) -> Banded:
        """The value times an exact factor."""
        return Banded(self.nominal * factor, self.low * factor, self.high * factor)

    @property
    def band(self) -> tuple[float, float]:
        """(low, high)."""
        return (self.low, self.high)


NOTHING = Banded(0.0, 0.0, 0.0)


@dataclass(frozen=True)
class EnergyTerm:
    """Energy of the whole run for one constant, in joules, by layer and in total."""

    cost: EnergyCost
    count: int
    joules: Banded
    layers: dict[str, Banded]


@dataclass(frozen=True)
class StepBound:
    """One part of a step's time, in seconds: `count` a step on its busiest core times the constant."""

    cost: LatencyCost
    core: int | None
    count: float
    seconds: Banded


@dataclass(frozen=True)
class StepTime:
    """Time of a mean step, in seconds, and which bound holds at low, nominal and high."""

    seconds: Banded
    bounds: tuple[StepBound, ...]
    holds: str
    holds_low: str
    holds_high: str


@dataclass(frozen=True)
class Estimate:
    """Energy and time of a run by one table.

    Attributes:
        table: its constants.
        samples, steps: extent of the run: `steps` each sample, or on average.
        terms: energy of the whole run by operations.
        base: energy of the whole run by base power, joules; None where the table has none.
        static: static energy of the whole run, joules; None where the table has none.
        step: time of a step; None where the table has none.
    """

    table: CostTable
    samples: int
    steps: int | float
    terms: tuple[EnergyTerm, ...]
    base: Banded | None
    static: Banded | None
    step: StepTime | None

    @property
    def counted(self) -> Banded:
        """Energy of the operations of the whole run, joules."""
        return sum((term.joules for term in self.terms), NOTHING)

    @property
    def dynamic(self) -> Banded:
        """What is measured as dynamic energy of the whole run, joules: operations and base power."""
        return self.counted + (self.base or NOTHING)

    @property
    def total(self) -> Banded:
        """Dynamic and static energy of the whole run, joules."""
        return self.dynamic + (self.static or NOTHING)

    @property
    def layers(self) -> dict[str, Banded]:
        """`counted` by layer, joules: synapses into it, its updates, messages out of it."""
        names = self.terms[0].layers
        return {name: sum((term.layers[name] for term in self.terms), NOTHING) for name in names}

    def per_inference(self, joules: Banded) -> Banded:
        """Mean over samples."""
        return joules.scaled(1 / self.samples)

    def per_step(self, joules: Banded) -> Banded:
        """Mean over samples and steps."""
        return joules.scaled(1 / (self.samples * self.steps))

    @property
    def inference_seconds(self) -> Banded | None:
        """Time of one inference; None where the table has no times."""
        return None if self.step is None else self.step.seconds.scaled(self.steps)


def estimate(counts: Counts, table: CostTable, chips: int = 1, tiles: int = 1) -> Estimate:
    """Estimate energy and time of a run.

    Args:
        counts: of the run.
        table: constants.
        chips, tiles: number of chips and of routers that the program takes.
    """
    terms = tuple(_term(counts, cost) for cost in table.energy)
    step = _step_time(counts, table, chips, tiles)
    base, static = (_over_time(power, step, counts, chips) for power in (table.base, table.static))
    return Estimate(table, counts.samples, counts.steps, terms, base, static, step)


def _over_time(power: PowerCost | None, step: StepTime | None, counts: Counts, chips: int) -> Banded | None:
    """Energy of the whole run by a power of each chip."""
    if power is None or step is None:
        return None
    return banded(power, 1.0).scaled(chips).times(step.seconds).scaled(counts.samples * counts.steps)


def refuse_ratio(device: str) -> NoReturn:
    """Refuse "x times less energy than `device`".

    Raises:
        UnsupportedError: always; an estimate with a band of an order of magnitude over a number that was not measured
            on the same task says nothing.
    """
    raise UnsupportedError(
        f"ratio to {device}",
        "no energy of that device was measured here, and ours is a model with a band",
        "report joules with their band and the raw counts",
    )


def banded(cost: Cost, unit: float) -> Banded:
    """A constant with its band, in SI units."""
    assert cost.low is not None and cost.high is not None  # a Cost is always banded
    return Banded(cost.value, cost.low, cost.high).scaled(unit)


def _term(counts: Counts, cost: EnergyCost) -> EnergyTerm:
    each = banded(cost, JOULES[cost.unit])
    layers = {layer.name: each.scaled(getattr(layer, cost.count)) for layer in counts.layers}
    count = counts.total(cost.count)
    return EnergyTerm(cost, count, each.scaled(count), layers)


def _step_time(counts: Counts, table: CostTable, chips: int, tiles: int) -> StepTime | None:
    costs = [cost for cost in table.latency if cost.applies(chips, tiles)]
    if not costs:
        return None
    return _sum(counts, costs) if table.core_time == "sum" else _greatest(counts, costs)


def _sum(counts: Counts, costs: list[LatencyCost]) -> StepTime:
    """Work of the core that takes longest, one part after the other, and then what every step takes."""

    def seconds(core: CoreCount) -> Banded:
        return sum((_on_core(counts, cost, core).seconds for cost in worked), NOTHING)

    worked = [cost for cost in costs if cost.count != "step"]
    busiest = max(counts.cores, key=lambda core: seconds(core).nominal)
    bounds = tuple(
        StepBound(cost, None, 1.0, banded(cost, SECONDS[cost.unit]))
        if cost.count == "step"
        else _on_core(counts, cost, busiest)
        for cost in costs
    )
    greatest = max(bounds, key=lambda bound: bound.seconds.nominal).cost.name
    total = sum((bound.seconds for bound in bounds), NOTHING)
    return StepTime(total, bounds, greatest, greatest, greatest)


def _on_core(counts: Counts, cost: LatencyCost, core: CoreCount) -> StepBound:
    count = getattr(core, cost.count) / (counts.samples * counts.steps)
    return StepBound(cost, core.core, count, banded(cost, SECONDS[cost.unit]).scaled(count))


def _greatest(counts: Counts, costs: list[LatencyCost]) -> StepTime:
    bounds = tuple(_bound(counts, cost) for cost in costs)
    nominal = max(bounds, key=lambda bound: bound.seconds.nominal)
    low = max(bounds, key=lambda bound: bound.seconds.low)
    high = max(bounds, key=lambda bound: bound.seconds.high)
    seconds = Banded(nominal.seconds.nominal, low.seconds.low, high.seconds.high)
    return StepTime(seconds, bounds, nominal.cost.name, low.cost.name, high.cost.name)


def _bound(counts: Counts, cost: LatencyCost) -> StepBound:
    if cost.count == "step":
        return StepBound(cost, None, 1.0, banded(cost, SECONDS[cost.unit]))
    return _on_core(counts, cost, max(counts.cores, key=lambda core: int(getattr(core, cost.count))))
