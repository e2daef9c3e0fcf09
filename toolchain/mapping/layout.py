"""The slices of a program core by core, under one of two rules.

*packed*: in program order, each population takes as many neurons of the open core as fit, then opens the next core. A
population in tiles takes the open core only with whole tiles.

*layers*: each population has cores of its own. One without places is cut evenly into as few parts as keep the budget
of the compilers that did so (`Target.layers`); tiles are those of the packed rule, with the room of whole ones.
"""

from __future__ import annotations

from toolchain.errors import PlacementError
from toolchain.ir.connections import Convolution, SumPooling
from toolchain.ir.program import Population
from toolchain.mapping.filling import longest_run
from toolchain.mapping.memory import kernel_words, shares_kernel
from toolchain.mapping.placement import Usage
from toolchain.mapping.slices import Slice
from toolchain.mapping.tiling import Tiling, halvings, tilings
from toolchain.mapping.usage import Demand, exceeded

RULES = ("packed", "layers")

REMEDIES = {
    "axon_in": "prune sources of the neuron, or sum them in relay neurons first",
    "axon_map": "send to fewer populations, or relay the messages once",
    "axon_memory": "use fewer output channels in the next convolution",
    "synapse_words": "prune the neuron's synapses, use fewer bits a weight, or fewer channels in a kernel",
    "neurons": "edit the target's limit",
    "neuron_groups": "edit the target's limit",
    "neuron_words": "use fewer modes a neuron or narrower registers",
    "core_words": "use fewer modes a neuron, or prune its synapses",
}


class Layout:
    """Lays the populations out; `cores` has the slices of each core, `used` what they take."""

    def __init__(self, demand: Demand, rule: str) -> None:
        self.demand, self.rule = demand, rule
        self.cores: list[list[Slice]] = [[]]
        self.used: list[Usage] = [Usage()]
        for population in demand.program.populations:
            if rule == "layers" and self.cores[-1]:
                self._open()
            if population.name in demand.tilings:
                self._tiles(population)
            elif rule == "layers":
                self._even(population)
            else:
                self._run(population)

    def _open(self) -> None:
        self.cores.append([])
        self.used.append(Usage())

    def _put(self, part: Slice, usage: Usage) -> None:
        self.cores[-1].append(part)
        self.used[-1] += usage

    def _tiles(self, population: Population) -> None:
        packed = self.rule == "packed"
        for part in self.demand.tilings[population.name].slices(population.name, trimmed=packed):
            usage = self.demand.usage(part)
            if self.cores[-1] and (not packed or exceeded(self.used[-1] + usage, self.demand.target)):
                self._open()
            if exceeded(self.used[-1] + usage, self.demand.target):
                raise fault(self.demand, str(part), usage)
            self._put(part, usage)

    def _run(self, population: Population) -> None:
        start = 0
        while start < population.size:
            count, usage = longest_run(self.demand, population, start, self.used[-1])
            if count:
                self._put(Slice.run(population.name, start, start + count, population.size), usage)
                start += count
            elif self.cores[-1]:
                self._open()
            else:
                raise _neuron_fault(self.demand, population, start)

    def _even(self, population: Population) -> None:
        parts = 1
        while (usages := self._usages(population, parts)) is None:
            if parts == population.size:
                raise _neuron_fault(self.demand, population, 0)
            parts = min(population.size, max(parts + 1, parts * 17 // 16))
        for index, (part, usage) in enumerate(usages):
            if index:
                self._open()
            self._put(part, usage)

    def _usages(self, population: Population, parts: int) -> list[tuple[Slice, Usage]] | None:
        """So many even parts, the last one shorter, with what they take; None where one breaks a limit."""
        length = -(-population.size // parts)
        found = []
        for start in range(0, population.size, length):
            part = Slice.run(population.name, start, min(start + length, population.size), population.size)
            usage = self.demand.usage(part)
            if not self._keeps(usage):
                return None
            found.append((part, usage))
        return found

    def _keeps(self, usage: Usage) -> bool:
        layers = self.demand.target.layers
        lists = usage.axon_in + usage.synapse_words
        return not exceeded(usage, self.demand.target) and (layers is None or lists <= layers.list_words.whole)


def choose_tilings(demand: Demand) -> None:
    """Cut every population that has places into the fewest tiles that fit a core each, last ones first.

    Raises:
        PlacementError: not even one place of one channel fits.
    """
    for population in reversed(demand.program.populations):
        shape = demand.shapes[population.name]
        if len(shape) > 1:
            demand.tilings[population.name] = _fewest(demand, population.name, shape)


def _fewest(demand: Demand, population: str, shape: tuple[int, ...]) -> Tiling:
    """All channels if their kernel fits, else a half, a quarter, ...; then the fewest tiles."""
    smallest = None
    for channels in halvings(shape[0]):
        if not _kernels_fit(demand, population, channels):
            continue
        for tiling in tilings(shape, channels):
            if _fits(demand, population, tiling):
                return tiling
        smallest = tiling
    part = (smallest or Tiling(shape, (1,) * len(shape))).first(population)
    raise fault(demand, str(part), demand.usage(part))


def _kernels_fit(demand: Demand, population: str, channels: int) -> bool:
    words = 0
    for projection in demand.into[population]:
        kernel = projection.connection
        if isinstance(kernel, Convolution | SumPooling) and shares_kernel(kernel, demand.target):
            words += kernel_words(kernel, (0, channels), demand.target)
    return words <= demand.target.limits.synapse_words.whole


def _fits(demand: Demand, population: str, tiling: Tiling) -> bool:
    """Whether every tile fits; where kernels are shared none takes more than the first."""
    first = tiling.first(population)
    if exceeded(demand.without_arrivals(first), demand.target):
        return False
    if exceeded(demand.usage(first), demand.target):
        return False
    if all(shares_kernel(projection.connection, demand.target) for projection in demand.into[population]):
        return True
    return not any(exceeded(demand.usage(part), demand.target) for part in tiling.slices(population, trimmed=False))


def fault(demand: Demand, where: str, usage: Usage) -> PlacementError:
    """What does not fit an empty core, and by how much."""
    resource, used, limit = exceeded(usage, demand.target)[0]
    return PlacementError(
        where,
        f"takes {used} of {resource}, a {demand.target.name} core has {limit} ({used - limit} over)",
        REMEDIES[resource],
    )


def _neuron_fault(demand: Demand, population: Population, neuron: int) -> PlacementError:
    """One neuron alone exceeds an empty core."""
    usage = demand.usage(Slice.run(population.name, neuron, neuron + 1, population.size))
    if not exceeded(usage, demand.target):  # the budget of one layer a core is narrower than the core
        assert demand.target.layers is not None
        lists, limit = usage.axon_in + usage.synapse_words, demand.target.layers.list_words.whole
        what = f"one neuron's axons and lists take {lists} words, one layer a core allows {limit}"
        return PlacementError(f"{population.name}[{neuron}]", what, "use the mapping rule packed")
    resource, used, limit = exceeded(usage, demand.target)[0]
    return PlacementError(
        f"{population.name}[{neuron}]",
        f"one neuron takes {used} of {resource}, a {demand.target.name} core has {limit} ({used - limit} over)",
        REMEDIES[resource],
    )
