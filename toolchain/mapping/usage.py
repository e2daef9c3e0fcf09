"""What slices of populations take of a core's resources, and which limit they break."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from functools import cached_property

import numpy as np

from toolchain.ir.connections import Convolution, SumPooling
from toolchain.ir.integer import IntArray
from toolchain.ir.program import Population, Program, Projection
from toolchain.mapping.axons import axons, sends
from toolchain.mapping.kernels import Kernel, entries_of_kernel
from toolchain.mapping.memory import neuron_words, shares_kernel
from toolchain.mapping.placement import Usage, limits_of
from toolchain.mapping.slices import Slice, shape_of
from toolchain.mapping.target import Target
from toolchain.mapping.tiling import Tiling

AxonMap = Mapping[str, IntArray]
"""By population: entries of the axon map that each neuron takes, (neuron,)."""


class Demand:
    """What slices of a program take on a target; what does not depend on the slice is computed once.

    Attributes:
        program, target: whose.
        shapes: of each population, (channels, *axes) or (size,).
        tilings: of the populations that are cut into tiles, as far as chosen.
        hosts: by population, outputs that read its messages: each takes an entry a neuron.
        leaving: where the target counts destination cores, entries of the axon map that each neuron takes.
    """

    def __init__(self, program: Program, target: Target) -> None:
        self.program, self.target = program, target
        self.shapes = {population.name: shape_of(program, population) for population in program.populations}
        self.tilings: dict[str, Tiling] = {}
        self.words = {population.name: neuron_words(population, target) for population in program.populations}
        self.into: dict[str, list[Projection]] = {name: [] for name in self.words}
        self.out_of: dict[str, list[Projection]] = {name: [] for name in program.sizes()}
        for projection in program.projections:
            self.into[projection.target].append(projection)
            self.out_of[projection.source].append(projection)
        read = [output.population for output in program.outputs if not output.register]
        self.hosts = {name: read.count(name) for name in self.words}
        self.leaving: AxonMap | None = None

    @cached_property
    def senders(self) -> dict[str, IntArray]:
        """By projection, 1 for each source that has a synapse in it."""
        return {projection.name: sends(projection.connection, self.target) for projection in self.program.projections}

    def usage(self, part: Slice) -> Usage:
        """What one slice takes of the core that it is on."""
        arriving = [axons(projection, part, self.target) for projection in self.into[part.population]]
        return self.without_arrivals(part) + Usage(
            axon_in=sum(found.entries for found in arriving),
            synapse_words=sum(found.memory_words for found in arriving),
        )

    def without_arrivals(self, part: Slice) -> Usage:
        """The same without arriving axons and their synapses."""
        own, shared = self.words[part.population]
        return Usage(
            axon_map=self._axon_map(part),
            neurons=part.room,
            neuron_groups=1,
            neuron_words=part.room * own + shared,
            axon_memory=sum(self._axon_memory(part, p) for p in self.out_of[part.population]),
        )

    def entries_of_neurons(self, population: Population) -> IntArray:
        """Entries of the axon map of each neuron of a population without places, (neuron,)."""
        if self.leaving is not None:
            return self.leaving[population.name]
        found = np.full(population.size, self.hosts[population.name], dtype=np.int64)
        for projection in self.out_of[population.name]:
            found += self.senders[projection.name]
        return found

    def _axon_map(self, part: Slice) -> int:
        if self.leaving is not None:
            return int(self.leaving[part.population][part.indices()].sum())
        entries = 0
        for projection in self.out_of[part.population]:
            kernel = self.kernel_from(projection, part.shape)
            if kernel is not None:
                entries += part.places * entries_of_kernel(kernel, self.target)
            else:
                entries += int(self.senders[projection.name][part.indices()].sum())
        return entries + self.hosts[part.population] * part.room

    def kernel_from(self, projection: Projection, shape: tuple[int, ...]) -> Kernel | None:
        """The kernel whose input plane a population of that shape is, where the target shares kernels."""
        connection = projection.connection
        if not isinstance(connection, Convolution | SumPooling) or not shares_kernel(connection, self.target):
            return None
        return connection if connection.input_shape == shape else None

    def _axon_memory(self, part: Slice, projection: Projection) -> int:
        """Entries that name tiles: a position takes one for each channel group of the target, and half as many for
        each axis on which the target's tiles cover more of the source's plane than its own tiles do."""
        kernel, tiling = self.kernel_from(projection, part.shape), self.tilings.get(projection.target)
        if kernel is None or tiling is None or self.leaving is not None:
            return 0
        own = self.tilings[part.population].extent[1:] if part.population in self.tilings else part.extents[1:]
        covered = zip(tiling.extent[1:], kernel.windows.stride, own, strict=True)
        wider = sum(extent * stride > mine for extent, stride, mine in covered)
        return math.ceil(part.places * tiling.grid[0] / (1 << wider))


def destinations(demand: Demand, slices: Iterable[Slice]) -> dict[str, IntArray]:
    """Entries of the axon map that each neuron takes where each slice of a target needs one, by population."""
    words = {name: np.full(math.prod(shape), demand.hosts[name]) for name, shape in demand.shapes.items()}
    for part in slices:
        for projection in demand.into[part.population]:
            if projection.source in words:
                found = axons(projection, part, demand.target)
                words[projection.source][found.sources[found.reached]] += 1
    return words


def exceeded(usage: Usage, target: Target) -> list[tuple[str, int, int]]:
    """The limits that a core with this usage breaks: (resource, used, limit) in the order of `RESOURCES`."""
    return [(name, usage.of(name), limit) for name, limit in limits_of(target) if usage.of(name) > limit]
