"""What slices of populations take of a core's resources, and which limit they break."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import numpy as np

from toolchain.ir.integer import IntArray
from toolchain.ir.program import Population, Program, Projection
from toolchain.mapping.memory import axon_sizes, coefficient_words, state_words, synapse_words
from toolchain.mapping.placement import Slice, Usage, limits_of
from toolchain.mapping.target import Target

AxonMap = Mapping[str, IntArray]
"""By population: words of the axon map that each neuron takes, (neuron,)."""


def slice_usage(program: Program, target: Target, part: Slice, axon_map: AxonMap) -> Usage:
    """What one slice takes of the core that it is on."""
    population = program.population(part.population)
    count = part.stop - part.start
    own, shared = coefficient_words(population, target.word_bits.whole)
    entries, words = 0, 0
    for projection in program.into(population.name):
        sizes = axon_sizes(projection.connection, part.start, part.stop)
        entries += int(np.count_nonzero(sizes))
        words += synapse_words(projection, sizes, range(part.start, part.stop), target)
    return Usage(
        axon_in=entries,
        axon_map=int(axon_map[population.name][part.start : part.stop].sum()),
        synapse_words=words,
        neurons=count,
        neuron_groups=1,
        state_words=count * state_words(population, target.word_bits.whole),
        coefficient_words=count * own + shared,
    )


def axon_map_words(program: Program, slices: Iterable[Slice]) -> dict[str, IntArray]:
    """Words of the axon map that each neuron takes: one a projection and slice that holds a synapse of it."""
    words = {population.name: np.zeros(population.size, dtype=np.int64) for population in program.populations}
    placed = tuple(slices)
    for projection, part in _arrivals(program, placed):
        if projection.source in words:
            words[projection.source] += axon_sizes(projection.connection, part.start, part.stop) > 0
    return words


def _arrivals(program: Program, slices: tuple[Slice, ...]) -> Iterator[tuple[Projection, Slice]]:
    """Every projection with every slice of its target."""
    for projection in program.projections:
        for part in slices:
            if part.population == projection.target:
                yield projection, part


def exceeded(usage: Usage, target: Target) -> list[tuple[str, int, int]]:
    """The limits that a core with this usage breaks: (resource, used, limit) in the order of `RESOURCES`."""
    return [(name, usage.of(name), limit) for name, limit in limits_of(target) if usage.of(name) > limit]


def words_of_neuron(population: Population, target: Target) -> int:
    """State and coefficient words of one neuron, without what its group shares."""
    word_bits = target.word_bits.whole
    return state_words(population, word_bits) + coefficient_words(population, word_bits)[0]
