"""Where messages go: destination cores, router hops, and the work that each core gets."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from toolchain.ir.connections import Connection, Dense
from toolchain.ir.integer import IntArray
from toolchain.ir.program import Program, Projection
from toolchain.mapping.memory import axon_sizes, axon_words, listed, state_words
from toolchain.mapping.placement import Core, Placement, Slice
from toolchain.mapping.target import Target


@dataclass(frozen=True)
class Traffic:
    """Messages of one source on their way; the fields of `LayerCount` with these names."""

    core_messages: int = 0
    hops_x: int = 0
    hops_y: int = 0
    chip_crossings: int = 0

    def __add__(self, other: Traffic) -> Traffic:
        return Traffic(*(a + b for a, b in zip(vars(self).values(), vars(other).values(), strict=True)))


@dataclass(frozen=True)
class CoreCount:
    """Work of one core over the whole run.

    Attributes:
        core: index.
        synops_dense, synops_nonzero: of the synapses that it holds.
        synapse_words_read: words of the axons that messages touch.
        neuron_updates, word_updates: of its neurons.
        core_messages: that arrive at it.
    """

    core: int
    synops_dense: int = 0
    synops_nonzero: int = 0
    synapse_words_read: int = 0
    neuron_updates: int = 0
    word_updates: int = 0
    core_messages: int = 0


def nonzero_axon_sizes(connection: Connection, start: int, stop: int) -> IntArray:
    """Weights other than 0 that each source stores for the targets start .. stop - 1, (source,)."""
    if isinstance(connection, Dense):
        return np.asarray(np.count_nonzero(connection.weights[start:stop], axis=0), dtype=np.int64)
    sources, weights = listed(connection, start, stop)
    return np.bincount(sources[weights != 0], minlength=connection.source_size)


def count_traffic(
    program: Program, placement: Placement, target: Target, sent: dict[str, IntArray]
) -> dict[str, Traffic]:
    """Messages to cores and hops of every input and population, from the messages of each neuron, (neuron,)."""
    traffic = {name: Traffic() for name in sent}
    homes = {name: placement.core_of(name, len(messages)) for name, messages in sent.items()}
    for projection, core, part in _arrivals(program, placement):
        reached = axon_sizes(projection.connection, part.start, part.stop) > 0
        messages = np.where(reached, sent[projection.source], 0)
        traffic[projection.source] += _way(messages, homes[projection.source], core, placement, target)
    return traffic


def count_cores(
    program: Program, placement: Placement, target: Target, sent: dict[str, IntArray], runs: int
) -> tuple[CoreCount, ...]:
    """Work of every core in `runs` steps, all samples together."""
    work = {core.index: dict.fromkeys(CoreCount.__dataclass_fields__, 0) for core in placement.cores}
    for projection, core, part in _arrivals(program, placement):
        for name, amount in _work(projection, part, target, sent[projection.source]).items():
            work[core.index][name] += amount
    for core in placement.cores:
        for part in core.slices:
            updates = (part.stop - part.start) * runs
            words = state_words(program.population(part.population), target.word_bits.whole)
            work[core.index]["neuron_updates"] += updates
            work[core.index]["word_updates"] += updates * max(1, words)
    return tuple(CoreCount(**(fields | {"core": index})) for index, fields in work.items())


def _arrivals(program: Program, placement: Placement) -> Iterator[tuple[Projection, Core, Slice]]:
    """Every projection with every core and slice that holds targets of it."""
    for projection in program.projections:
        for core in placement.cores:
            for part in core.slices:
                if part.population == projection.target:
                    yield projection, core, part


def _work(projection: Projection, part: Slice, target: Target, sent: IntArray) -> dict[str, int]:
    sizes = axon_sizes(projection.connection, part.start, part.stop)
    return {
        "synops_dense": int(sent @ sizes),
        "synops_nonzero": int(sent @ nonzero_axon_sizes(projection.connection, part.start, part.stop)),
        "synapse_words_read": int(sent @ axon_words(projection, sizes, target)),
        "core_messages": int(sent[sizes > 0].sum()),
    }


def _way(messages: IntArray, home: IntArray, core: Core, placement: Placement, target: Target) -> Traffic:
    """Hops by dimension-order routing between routers; messages from the host (home -1) have no known way."""
    chips = np.array([c.chip for c in placement.cores], dtype=np.int64)
    on_chip = (home >= 0) & (chips[home] == core.chip)
    off_chip = (home >= 0) & (chips[home] != core.chip)
    per_chip = target.cores_per_chip.whole
    x, y = _position(home % per_chip, target)
    to_x, to_y = _position(np.asarray(core.index % per_chip), target)
    near = np.where(on_chip, messages, 0)
    return Traffic(
        core_messages=int(messages.sum()),
        hops_x=int((near * np.abs(x - to_x)).sum()),
        hops_y=int((near * np.abs(y - to_y)).sum()),
        chip_crossings=int(messages[off_chip].sum()),
    )


def _position(core: IntArray, target: Target) -> tuple[IntArray, IntArray]:
    """Column and row of the router of a core, counted within its chip."""
    router = core // target.mesh.cores_per_router.whole
    columns = target.mesh.columns.whole
    return router % columns, router // columns
