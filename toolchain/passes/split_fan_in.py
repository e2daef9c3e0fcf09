"""`split-fan-in`: a neuron with more sources than a core has axons for is fed through partial sums.

The synapses of each neuron are cut into runs. One relay neuron a run adds up its part, without rounding; a single
projection of weight 1 adds the parts and applies the exponent to their whole sum, so that the one
floor stays where it was. A synapse of a neuron takes at least one word, on one axon, so the limit bounds both.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

import numpy as np
import scipy.sparse

from toolchain.bounds.arrivals import delivered
from toolchain.bounds.messages import sent
from toolchain.bounds.widths import magnitude
from toolchain.errors import InputError, UnsupportedError
from toolchain.ir.connections import Sparse
from toolchain.ir.integer import IntArray
from toolchain.ir.program import Population, Program, Projection
from toolchain.lower.chains import relay_bits
from toolchain.lower.names import population_name, projection_name
from toolchain.passes.base import Pass, PassResult
from toolchain.passes.retime import retime

MAX_SOURCES = 4096
"""Input axons of a Loihi 1 core, the fewest of the shipped targets (mapping/targets): without a target's own limit."""


@dataclass(frozen=True)
class SplitFanIn(Pass):
    """Feed neurons of more than `max_sources` sources through partial sums in relay neurons.

    Attributes:
        max_sources: most sources that one neuron may have, over all its projections.
    """

    name: ClassVar[str] = "split-fan-in"
    max_sources: int = MAX_SOURCES

    def __post_init__(self) -> None:
        if self.max_sources < 2:
            raise InputError(f"{self.name}.max_sources", f"{self.max_sources} cannot add up two sums", "give 2 or more")

    def __call__(self, program: Program) -> PassResult:
        """Split the widest projection of the first neuron that has too many, until none has."""
        # A projection of zeros alone has nothing to cut, and brings nothing.
        heard = tuple(p for p in program.projections if np.any(p.connection.values != 0))
        split, relays, remarks = dataclasses.replace(program, projections=heard), list[str](), list[str]()
        while widest := self._widest(split):
            split, relay, remark = self._split(split, widest)
            relays.append(relay)
            remarks.append(remark)
        if not relays:
            return PassResult(program)
        moved, shifts = retime(split, free=relays)
        return PassResult(moved, {n: s for n, s in shifts.items() if n not in relays}, tuple(remarks))

    def _widest(self, program: Program) -> Projection | None:
        """The projection with the greatest fan-in into a population of which some neuron has too many sources."""
        for population in program.populations:
            into = program.into(population.name)
            total = sum((fan_in(p) for p in into), np.zeros(population.size, dtype=np.int64))
            if total.max() > self.max_sources:
                return max(into, key=lambda p: int(fan_in(p).max()))
        return None

    def _split(self, program: Program, wide: Projection) -> tuple[Program, str, str]:
        most = int(fan_in(wide).max())
        if most < 2:
            what = f"over {self.max_sources} projections, each of one source a neuron"
            raise UnsupportedError(wide.target, what, "allow more sources, or merge its projections")
        cut, whole = _cut(wide, self.max_sources)
        relay = _relay(program, wide, cut)
        taken = {p.name for p in program.projections}
        first = dataclasses.replace(
            wide,
            name=projection_name(taken, wide.source, relay.name),
            target=relay.name,
            port="input",
            connection=cut,
            exponent=0,
        )
        second = dataclasses.replace(
            wide,
            name=projection_name({*taken, first.name}, relay.name, wide.target),
            source=relay.name,
            connection=whole,
            delay_steps=0,
        )
        kept = tuple(p for p in program.projections if p.name != wide.name)
        populations = (*program.populations, relay)
        split = dataclasses.replace(program, populations=populations, projections=(*kept, first, second))
        return split, relay.name, f"{wide.name}: fan-in of {most} split, {relay.size} relays add up its parts"


def fan_in(projection: Projection) -> IntArray:
    """Sources of each target neuron, (target,); a stored zero counts."""
    matrix = projection.connection.matrix()
    if isinstance(matrix, np.ndarray):
        return np.full(matrix.shape[0], matrix.shape[1], dtype=np.int64)
    return np.asarray(np.diff(matrix.indptr), dtype=np.int64)


def _cut(wide: Projection, length: int) -> tuple[Sparse, Sparse]:
    """The projection's synapses with a target of their own for every `length` of a neuron, and those parts' sum."""
    matrix = scipy.sparse.csr_array(wide.connection.matrix())
    ends, owners = [0], list[int]()
    for neuron, (begin, end) in enumerate(pairwise(matrix.indptr.tolist())):
        for start in range(begin, end, length):
            ends.append(min(start + length, end))
            owners.append(neuron)
    parts = np.repeat(np.arange(len(owners)), np.diff(ends))
    cut = Sparse((len(owners), matrix.shape[1]), parts, matrix.indices, matrix.data)
    neurons = np.arange(len(owners), dtype=np.int64)
    whole = Sparse((matrix.shape[0], len(owners)), np.array(owners, dtype=np.int64), neurons, np.ones_like(neurons))
    return cut, whole


def _relay(program: Program, wide: Projection, cut: Sparse) -> Population:
    name = population_name(program, f"{wide.target}-parts")
    parts = delivered(dataclasses.replace(wide, connection=cut, exponent=0), sent(program)[wide.source])
    greatest = int(magnitude(parts).max())
    return Population(name, "relay", cut.target_size, settings={"message_bits": relay_bits(name, greatest)})
