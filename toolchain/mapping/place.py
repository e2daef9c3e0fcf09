"""The first placer: greedy, in program order, by the target's limits.

Each population takes as many neurons of the open core as fit, then opens the next core. How many words of the axon
map a neuron takes depends on where its targets end up, so a round assumes a number, places, and counts; where a
neuron turns out to take more, the next round assumes that. Assumptions only grow, and a round whose count stays within
them is the answer.
"""

from __future__ import annotations

import numpy as np

from toolchain.errors import PlacementError
from toolchain.ir.integer import IntArray
from toolchain.ir.program import Population, Program
from toolchain.ir.text import program_hash
from toolchain.mapping.placement import Core, Placement, Slice, Usage, limits_of
from toolchain.mapping.target import Target
from toolchain.mapping.usage import axon_map_words, exceeded, slice_usage, words_of_neuron

MAX_ROUNDS = 64

REMEDIES = {
    "axon_in": "prune sources of the neuron, or sum them in relay neurons first",
    "axon_map": "send to fewer populations, or relay the messages once",
    "synapse_words": "prune the neuron's synapses, or store a matrix with many zeros as sparse",
    "neurons": "edit the target's limit",
    "neuron_groups": "edit the target's limit",
    "neuron_words": "use fewer modes a neuron or narrower registers",
    "core_words": "use fewer modes a neuron, or prune its synapses",
}


def place(program: Program, target: Target) -> Placement:
    """Split the populations over cores.

    Args:
        program: checked by `verify`.
        target: whose limits hold.

    Returns:
        The placement; the same program and target give the same one.

    Raises:
        PlacementError: a neuron type cannot run there, one neuron exceeds a core, or the system has too few chips; the
            message names the limit, by how much it is exceeded, and what to change.
    """
    for population in program.populations:
        _check_type(population, target)
        _check_words(population, target)
    cores = _settle(program, target)
    _check_extent(program, target, len(cores))
    per_chip = target.cores_per_chip.whole
    needed = axon_map_words(program, [part for core in cores for part in core])
    placed = [
        Core(index, index // per_chip, tuple(parts), _total(program, target, parts, needed))
        for index, parts in enumerate(cores)
    ]
    return Placement(target.name, program_hash(program), limits_of(target), tuple(placed))


def _settle(program: Program, target: Target) -> list[list[Slice]]:
    """Repeat rounds until no neuron takes more of the axon map than the round assumed."""
    everything = [Slice(population.name, 0, population.size) for population in program.populations]
    assumed = axon_map_words(program, everything)
    for _ in range(MAX_ROUNDS):
        cores = _Round(program, target, assumed).cores
        needed = axon_map_words(program, [part for core in cores for part in core])
        if all((needed[name] <= assumed[name]).all() for name in needed):
            return cores
        assumed = {name: np.maximum(needed[name], assumed[name]) for name in needed}
    raise PlacementError(
        program.name,
        f"axon maps still grow after {MAX_ROUNDS} rounds, at {len(cores)} cores",
        "make connections sparser, or sum messages in relay neurons",
    )


class _Round:
    """One pass over the populations; `cores` is its result."""

    def __init__(self, program: Program, target: Target, assumed: dict[str, IntArray]) -> None:
        self.program, self.target, self.assumed = program, target, assumed
        self.cores: list[list[Slice]] = [[]]
        self.used = Usage()
        for population in program.populations:
            self._spread(population)

    def _spread(self, population: Population) -> None:
        start = 0
        while start < population.size:
            count = self._most_that_fit(population, start)
            if count:
                part = Slice(population.name, start, start + count)
                self.cores[-1].append(part)
                self.used += self._usage(part)
                start += count
            elif self.cores[-1]:
                self.cores.append([])
                self.used = Usage()
            else:
                raise self._fault(population, start)

    def _usage(self, part: Slice) -> Usage:
        return slice_usage(self.program, self.target, part, self.assumed)

    def _most_that_fit(self, population: Population, start: int) -> int:
        """By bisection: a longer slice takes no less of anything."""
        fits, too_many = 0, population.size - start + 1
        while too_many - fits > 1:
            count = (fits + too_many) // 2
            usage = self.used + self._usage(Slice(population.name, start, start + count))
            fits, too_many = (fits, count) if exceeded(usage, self.target) else (count, too_many)
        return fits

    def _fault(self, population: Population, neuron: int) -> PlacementError:
        """One neuron alone exceeds an empty core."""
        resource, used, limit = exceeded(self._usage(Slice(population.name, neuron, neuron + 1)), self.target)[0]
        return PlacementError(
            f"{population.name}[{neuron}]",
            f"one neuron takes {used} of {resource}, a {self.target.name} core has {limit} ({used - limit} over)",
            REMEDIES[resource],
        )


def _total(program: Program, target: Target, parts: list[Slice], needed: dict[str, IntArray]) -> Usage:
    usage = Usage()
    for part in parts:
        usage += slice_usage(program, target, part, needed)
    return usage


def _check_type(population: Population, target: Target) -> None:
    if not target.supports(population.neuron):
        raise PlacementError(
            population.name,
            f"{target.name} cores are not programmable: no {population.neuron}, only {', '.join(target.neuron_types)}",
            "place it on a target with programmable neurons, e.g. loihi2",
        )


def _check_words(population: Population, target: Target) -> None:
    if target.words_per_neuron is None:
        return
    used, limit = words_of_neuron(population, target), target.words_per_neuron.whole
    if used > limit:
        raise PlacementError(
            population.name,
            f"a neuron takes {used} words of state and coefficients, {target.name} has {limit} ({used - limit} over)",
            "use fewer modes a neuron or narrower registers",
        )


def _check_extent(program: Program, target: Target, cores: int) -> None:
    available = target.cores_per_chip.whole * target.chips_per_system.whole
    if cores > available:
        raise PlacementError(
            program.name,
            f"takes {cores} cores, a {target.name} system has {available} ({cores - available} over)",
            "use fewer neurons or modes, or edit the target's chips_per_system",
        )
