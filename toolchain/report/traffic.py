"""Where messages go: destination cores, router hops, and the work that each core gets."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace

import numpy as np

from toolchain.ir.integer import IntArray
from toolchain.ir.program import Program, Projection
from toolchain.mapping.axons import Axons, axons
from toolchain.mapping.memory import state_words
from toolchain.mapping.placement import Core, Placement
from toolchain.mapping.slices import Slice
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
        synops_matrix, synops_list, synops_kernel: `synops_dense` by how the synapses are stored.
        synapse_words_read: words of the lists and kernel rows that messages touch.
        neuron_updates, word_updates: of its neurons.
        core_messages: that arrive at it.
        messages_out, core_messages_out: that its neurons send; the same times destination cores.
    """

    core: int
    synops_dense: int = 0
    synops_nonzero: int = 0
    synops_matrix: int = 0
    synops_list: int = 0
    synops_kernel: int = 0
    synapse_words_read: int = 0
    neuron_updates: int = 0
    word_updates: int = 0
    core_messages: int = 0
    messages_out: int = 0
    core_messages_out: int = 0


def count_traffic(
    program: Program, placement: Placement, target: Target, sent: dict[str, IntArray], runs: int
) -> tuple[dict[str, Traffic], tuple[CoreCount, ...]]:
    """Where the messages of a run go, and the work of each core.

    Args:
        program, placement, target: what runs where.
        sent: messages of each channel or neuron of every input and population, all samples together, (neuron,).
        runs: steps, all samples together.

    Returns:
        Traffic of every input and population, and the counts of every core.
    """
    mesh = _Mesh(program, placement, target)
    traffic = {name: Traffic() for name in sent}
    into: dict[str, list[Projection]] = defaultdict(list)
    for projection in program.projections:
        into[projection.target].append(projection)
    cores = []
    for core in placement.cores:
        work = dict.fromkeys(CoreCount.__dataclass_fields__, 0)
        reached: dict[str, list[IntArray]] = defaultdict(list)
        for part in core.slices:
            _add(work, _updates(program, target, part, sent, runs))
            for projection in into[part.population]:
                found = axons(projection, part, target)
                _add(work, _synapses(projection, found, sent[projection.source]))
                reached[projection.name].append(found.sources[found.reached])
        for projection in program.projections:
            if projection.name in reached:
                way = mesh.way(projection.source, _union(reached[projection.name]), sent, core)
                work["core_messages"] += way.core_messages
                traffic[projection.source] += way
        cores.append(CoreCount(**(work | {"core": core.index})))
    return traffic, tuple(replace(core, core_messages_out=int(mesh.left[core.core])) for core in cores)


def _add(work: dict[str, int], more: dict[str, int]) -> None:
    for name, amount in more.items():
        work[name] += amount


def _union(parts: list[IntArray]) -> IntArray:
    """Sources that reach any slice of a core: it gets a message once."""
    return parts[0] if len(parts) == 1 else np.unique(np.concatenate(parts))


def _updates(program: Program, target: Target, part: Slice, sent: dict[str, IntArray], runs: int) -> dict[str, int]:
    words = state_words(program.population(part.population), target.word_bits.whole)
    return {
        "neuron_updates": part.count * runs,
        "word_updates": part.count * runs * max(1, words),
        "messages_out": int(sent[part.population][part.indices()].sum()),
    }


def stored_as(projection: Projection) -> str:
    """The count of `synops_dense` that a projection's synapses belong to, by how they are stored."""
    kind = projection.connection.kind
    if kind in ("sparse", "one-to-one"):
        return "synops_list"
    return "synops_matrix" if kind == "dense" else "synops_kernel"


def _synapses(projection: Projection, found: Axons, sent: IntArray) -> dict[str, int]:
    messages = sent[found.sources]
    dense = int(messages @ found.stored)
    return {
        "synops_dense": dense,
        stored_as(projection): dense,
        "synops_nonzero": int(messages @ found.nonzero),
        "synapse_words_read": int(messages @ found.words),
    }


class _Mesh:
    """Positions of the cores that sources are on."""

    def __init__(self, program: Program, placement: Placement, target: Target) -> None:
        self.target = target
        self.homes = {name: placement.core_of(name, size) for name, size in program.sizes().items()}
        self.left = np.zeros(len(placement.cores), dtype=np.int64)
        self.chips = np.array([core.chip for core in placement.cores], dtype=np.int64)

    def way(self, source: str, reached: IntArray, sent: dict[str, IntArray], core: Core) -> Traffic:
        """Hops by dimension-order routing between routers; messages from the host (home -1) have no known way."""
        messages, home = sent[source][reached], self.homes[source][reached]
        on_chip = (home >= 0) & (self.chips[home] == core.chip)
        off_chip = (home >= 0) & (self.chips[home] != core.chip)
        per_chip = self.target.cores_per_chip.whole
        x, y = position(home % per_chip, self.target)
        to_x, to_y = position(np.asarray(core.index % per_chip), self.target)
        np.add.at(self.left, home[home >= 0], messages[home >= 0])
        near = np.where(on_chip, messages, 0)
        return Traffic(
            core_messages=int(messages.sum()),
            hops_x=int((near * np.abs(x - to_x)).sum()),
            hops_y=int((near * np.abs(y - to_y)).sum()),
            chip_crossings=int(messages[off_chip].sum()),
        )


def position(core: IntArray, target: Target) -> tuple[IntArray, IntArray]:
    """Column and row of the router of a core, counted within its chip."""
    mesh = target.mesh
    router = core // mesh.cores_per_router.whole
    if mesh.numbered == "down columns":
        return router // mesh.rows.whole, router % mesh.rows.whole
    return router % mesh.columns.whole, router // mesh.columns.whole
