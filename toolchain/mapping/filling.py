"""The longest run of neurons that still fits a core: its usage grows neuron by neuron, and nothing is counted twice.

An axon's list takes words by its length, so a synapse costs what its axon's list grows by. That needs how many of the
axon's synapses came before it: a running count for each source, and the order within a block of neurons.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from toolchain.ir.connections import Dense, OneToOne
from toolchain.ir.integer import IntArray
from toolchain.ir.program import Population, Projection
from toolchain.mapping.axons import synapses
from toolchain.mapping.memory import list_words
from toolchain.mapping.placement import Usage, limits_of
from toolchain.mapping.slices import Slice
from toolchain.mapping.target import ListPacking
from toolchain.mapping.usage import Demand

BLOCK_SYNAPSES = 1 << 20
FIRST_BLOCK = 128


def longest_run(demand: Demand, population: Population, start: int, used: Usage) -> tuple[int, Usage]:
    """How many neurons from `start` on fit beside what a core already holds.

    Args:
        demand: of the program on its target.
        population: without places.
        start: first neuron.
        used: what the core holds.

    Returns:
        Their number, 0 where not even one fits, and what they take.
    """
    growing = [_Growing(demand, projection) for projection in demand.into[population.name]]
    leaving = demand.entries_of_neurons(population)
    own, shared = demand.words[population.name]
    most, count, taken = _most(demand, population, used), 0, Usage(neuron_groups=1, neuron_words=shared)
    block = FIRST_BLOCK
    while count < most and start + count < population.size:
        first = start + count
        stop = min(first + block, start + most, population.size)
        arrivals = sum((grown.block(first, stop) for grown in growing), np.zeros((2, stop - first), dtype=np.int64))
        totals = {
            "axon_in": taken.axon_in + arrivals[0].cumsum(),
            "synapse_words": taken.synapse_words + arrivals[1].cumsum(),
            "axon_map": taken.axon_map + leaving[first:stop].cumsum(),
            "neurons": taken.neurons + np.arange(1, stop - first + 1),
        }
        totals["neuron_words"] = shared + own * totals["neurons"]
        fitting = _fitting(demand, used, totals)
        if fitting:
            taken = replace(taken, **{name: int(values[fitting - 1]) for name, values in totals.items()})
        count += fitting
        if fitting < stop - first:
            break
        block *= 2
    return (count, taken) if count else (0, Usage())


def _most(demand: Demand, population: Population, used: Usage) -> int:
    """A bound on how many neurons fit, from what does not depend on their synapses."""
    limits = dict(limits_of(demand.target))
    if used.neuron_groups >= limits["neuron_groups"]:
        return 0
    return min(population.size, limits["neurons"] - used.neurons)


def _fitting(demand: Demand, used: Usage, totals: dict[str, IntArray]) -> int:
    """How many leading neurons keep every limit."""
    sums = {name: values + used.of(name) for name, values in totals.items()}
    limits = dict(limits_of(demand.target))
    pool = [sums[name] for name in ("axon_in", "synapse_words", "axon_map", "neuron_words")]
    sums["core_words"] = np.sum(pool, axis=0) + used.axon_memory
    inside = [np.searchsorted(sums[name], limits[name], side="right") for name in sums if name in limits]
    return int(min(inside))


class _Growing:
    """The axons of one projection on a run that grows."""

    def __init__(self, demand: Demand, projection: Projection) -> None:
        self.connection = projection.connection
        self.drops_zeros = isinstance(demand.target.packing, ListPacking)
        longest = demand.target.limits.neurons.whole + 1
        self.words = list_words(projection, np.arange(longest + 1), demand.target)
        self.before = np.zeros(self.connection.source_size, dtype=np.int64)

    def block(self, start: int, stop: int) -> IntArray:
        """What each of the next neurons adds: axons, and words of their lists, (2, neuron)."""
        if isinstance(self.connection, OneToOne):
            held = self.connection.weights[start:stop] != 0 if self.drops_zeros else np.ones(stop - start, dtype=bool)
            return np.stack([held, held * self.words[1]]).astype(np.int64)
        if isinstance(self.connection, Dense):
            return self._dense(self.connection.weights, start, stop)
        part = Slice.run("", start, stop, self.connection.target_size)
        return self._listed(part)

    def _dense(self, weights: IntArray, start: int, stop: int) -> IntArray:
        found = np.zeros((2, stop - start), dtype=np.int64)
        together = max(1, BLOCK_SYNAPSES // weights.shape[1])
        for first in range(start, stop, together):
            rows = weights[first : min(first + together, stop)]
            held = (rows != 0) if self.drops_zeros else np.ones(rows.shape, dtype=bool)
            length = self.before + held.cumsum(axis=0)
            added = np.where(held, self.words[length] - self.words[length - held], 0).sum(axis=1)
            here = slice(first - start, first - start + len(rows))
            found[0, here] = (held & (length == 1)).sum(axis=1)
            found[1, here] = added
            self.before = length[-1]
        return found

    def _listed(self, part: Slice) -> IntArray:
        assert not isinstance(self.connection, Dense)
        sources, weights, neurons = synapses(self.connection, part)
        if self.drops_zeros and not weights.all():
            sources, neurons = sources[weights != 0], neurons[weights != 0]
        # Source and place in one number: sorting plain integers is several times quicker than sorting indices.
        shift = max(1, sources.size).bit_length()
        keys = np.sort((sources << shift) | np.arange(sources.size))
        ordered, order = keys >> shift, keys & ((1 << shift) - 1)
        opens = np.flatnonzero(np.diff(ordered, prepend=-1))
        counts = np.diff(opens, append=ordered.size)
        rank = np.arange(ordered.size) - np.repeat(opens, counts)
        length = self.before[ordered] + rank
        added = self.words[length + 1] - self.words[length]
        found = np.zeros((2, part.count), dtype=np.int64)
        found[0] = np.bincount(neurons[order], weights=length == 0, minlength=part.count)
        found[1] = np.bincount(neurons[order], weights=added, minlength=part.count)
        self.before[ordered[opens]] += counts
        return found
