"""What a program means, as data that can be altered: listings of primitives and wires between them.

The definition of a program is one meaning among many; a hypothesis about a faulty simulator is the same meaning with
one rule changed. `interpret` runs any of them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from toolchain.ir.connections import Connection, Dense, Sparse
from toolchain.ir.integer import (
    IntArray,
    Value,
    multiply_shift_floor,
    multiply_shift_toward_zero,
    select,
    shift_floor,
    shift_left,
    weighted_sum,
)
from toolchain.ir.neurons import Values
from toolchain.ir.program import Population, Program, Projection
from toolchain.ir.tracing import Instruction, Listing, trace_step

Shift = Literal["floor", "toward zero", "each product"]
"""How a negative exponent rounds: the sum by floor (the definition), the sum toward zero, each product by floor."""


@dataclass(frozen=True, eq=False)
class Wire:
    """A projection as it is run.

    Attributes:
        name, source, target, port: as in the program.
        matrix: (target, source) integers; numpy or scipy sparse.
        exponent, delay_steps: as in the program; a hypothesis may leave the program's ranges.
        shift: how a negative exponent rounds.
        as_spikes: payloads are read as 1.
    """

    name: str
    source: str
    target: str
    port: str
    matrix: Any
    exponent: int
    delay_steps: int
    shift: Shift = "floor"
    as_spikes: bool = False

    def arriving(self, messages: Value) -> Value:
        """What it adds to its port for the (sample, source) messages that reach it."""
        payload = select(messages, 1, 0) if self.as_spikes else messages
        if self.exponent < 0 and self.shift == "each product":
            products = multiply_shift_floor(to_dense(self.matrix)[None], payload[:, None, :], -self.exponent)
            return products.sum(axis=-1)
        total = weighted_sum(self.matrix, payload)
        if self.exponent >= 0:
            return shift_left(total, self.exponent)
        if self.shift == "toward zero":
            return multiply_shift_toward_zero(total, 1, -self.exponent)
        return shift_floor(total, -self.exponent)


@dataclass(frozen=True, eq=False)
class Meaning:
    """A program as it is run, by population and projection.

    Attributes:
        program: names, sizes, registers, overflow of ports.
        listings: one step of each population.
        own: coefficients of each population.
        wires: by projection.
    """

    program: Program
    listings: Mapping[str, Listing]
    own: Mapping[str, Values]
    wires: Mapping[str, Wire]


def definition(program: Program) -> Meaning:
    """What the program means."""
    return Meaning(
        program=program,
        listings={population.name: trace_step(population) for population in program.populations},
        own={population.name: population.values() for population in program.populations},
        wires={projection.name: _wire(projection) for projection in program.projections},
    )


def _wire(projection: Projection) -> Wire:
    return Wire(
        name=projection.name,
        source=projection.source,
        target=projection.target,
        port=projection.port,
        matrix=projection.connection.matrix(),
        exponent=projection.exponent,
        delay_steps=projection.delay_steps,
    )


Rewrite = Callable[[Listing, Instruction], tuple[Instruction, ...] | None]
"""What stands in an instruction's place (the last one bears its result), or None where it does not apply."""


def rewrite_at(meaning: Meaning, places: Mapping[str, frozenset[str]], rewrite: Rewrite) -> Meaning:
    """Rewrite the named results of the named populations."""
    listings = dict(meaning.listings)
    for population, results in places.items():
        listing, instructions = meaning.listings[population], []
        for instruction in listing.instructions:
            new = rewrite(listing, instruction) if instruction.result in results else None
            instructions += list(new) if new is not None else [instruction]
        listings[population] = dataclasses.replace(listing, instructions=instructions)
    return dataclasses.replace(meaning, listings=listings)


def places(meaning: Meaning, populations: tuple[str, ...], rewrite: Rewrite) -> dict[str, frozenset[str]]:
    """Where a rewrite applies in some populations."""
    found = {}
    for name in populations:
        listing = meaning.listings[name]
        results = {i.result for i in listing.instructions if rewrite(listing, i) is not None}
        if results:
            found[name] = frozenset(results)
    return found


def with_wires(meaning: Meaning, changed: Mapping[str, Wire]) -> Meaning:
    """The meaning with some wires in place of its own."""
    return dataclasses.replace(meaning, wires={**meaning.wires, **changed})


def with_population(meaning: Meaning, population: Population) -> Meaning:
    """The meaning with one population in place of its own of that name."""
    changed = tuple(population if p.name == population.name else p for p in meaning.program.populations)
    return dataclasses.replace(
        meaning,
        program=dataclasses.replace(meaning.program, populations=changed),
        listings={**meaning.listings, population.name: trace_step(population)},
        own={**meaning.own, population.name: population.values()},
    )


def to_dense(matrix: Any) -> IntArray:
    """A (target, source) map as a numpy array."""
    return np.asarray(matrix.toarray() if hasattr(matrix, "toarray") else matrix)


def as_connection(matrix: Any) -> Connection:
    """A (target, source) map as a connection; what is listed stays listed, zeros too."""
    if not hasattr(matrix, "tocoo"):
        return Dense(matrix)
    listed = matrix.tocsr()
    listed.sort_indices()
    entries = listed.tocoo()
    return Sparse(entries.shape, entries.row, entries.col, entries.data)


def map_weights(matrix: Any, change: Callable[[IntArray], IntArray]) -> Any:
    """The map with every stored weight changed."""
    if not hasattr(matrix, "tocsr"):
        return change(matrix)
    changed = matrix.tocsr().copy()
    changed.data = change(changed.data)
    return changed


def stored_weights(matrix: Any) -> IntArray:
    """The stored weights of a map, in any shape."""
    return np.asarray(matrix.data if hasattr(matrix, "tocsr") else matrix)
