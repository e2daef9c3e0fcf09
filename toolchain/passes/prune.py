"""`prune-zeros`: what cannot change an output takes no room.

In this order: modes whose c is 0 (the readout never sees them; their registers go with them), synapses of weight 0,
all-to-all storage where a list takes fewer words, projections without synapses, projections from populations that
never emit, populations that no output hangs on. Outputs and inputs stay.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from toolchain.ir.connections import Connection, Dense, OneToOne, Sparse
from toolchain.ir.integer import IntArray
from toolchain.ir.program import Population, Program, Projection
from toolchain.passes.base import Pass, PassResult
from toolchain.passes.cost import connection_words
from toolchain.passes.retime import is_quiet

STATE_SPACES = ("ssm_lif", "ssm_graded", "ssm_threshold")
"""Neuron types whose modes reach the rest through c_re and c_im alone."""


@dataclass(frozen=True)
class PruneZeros(Pass):
    """Remove modes, synapses, projections and populations that cannot change an output."""

    name: ClassVar[str] = "prune-zeros"

    def __call__(self, program: Program) -> PassResult:
        """Prune until nothing is left to prune."""
        populations = tuple(_with_live_modes(population) for population in program.populations)
        projections = tuple(_without_zeros(projection) for projection in program.projections)
        kept = _live(dataclasses.replace(program, populations=populations, projections=projections))
        remarks = (*_mode_remarks(program, kept), *_synapse_remarks(program, kept), *_part_remarks(program, kept))
        return PassResult(kept, remarks=remarks) if remarks else PassResult(program)


def _with_live_modes(population: Population) -> Population:
    """Live modes first in each neuron, and as many as the neuron with most of them has; at least one."""
    if population.neuron not in STATE_SPACES:
        return population
    live = (population.coefficients["c_re"] != 0) | (population.coefficients["c_im"] != 0)
    modes = max(1, int(live.sum(axis=1).max()))
    if modes == population.modes:
        return population
    order = np.argsort(~live, axis=1, kind="stable")[:, :modes]
    per_mode = {c.name for c in population.type.coefficients if c.per == "mode"}
    coefficients = {
        name: np.take_along_axis(values, order, axis=1) if name in per_mode else values
        for name, values in population.coefficients.items()
    }
    return dataclasses.replace(population, modes=modes, coefficients=coefficients)


def _without_zeros(projection: Projection) -> Projection:
    connection = without_zeros(projection.connection)
    return projection if connection is projection.connection else dataclasses.replace(projection, connection=connection)


def without_zeros(connection: Connection) -> Connection:
    """The connection without stored zeros where that takes no more words; itself where it has none to lose."""
    if not isinstance(connection, Dense | Sparse | OneToOne) or np.all(connection.values != 0):
        return connection
    listed = _listed(connection)
    fewer = connection_words(listed) < connection_words(connection)
    return listed if fewer or not isinstance(connection, Dense) else connection


def _listed(connection: Dense | Sparse | OneToOne) -> Sparse:
    if isinstance(connection, Dense):
        return Sparse.from_dense(connection.weights)
    rows, columns, values = _synapses(connection)
    kept = values != 0
    return Sparse((connection.target_size, connection.source_size), rows[kept], columns[kept], values[kept])


def _synapses(connection: Sparse | OneToOne) -> tuple[IntArray, IntArray, IntArray]:
    if isinstance(connection, Sparse):
        return connection.rows, connection.columns, connection.values
    neurons = np.arange(connection.source_size, dtype=np.int64)
    return neurons, neurons, connection.weights


def _live(program: Program) -> Program:
    """Without the projections and populations that change nothing, until all that is left does."""
    while True:
        silent = _silent(program)
        heard = tuple(p for p in program.projections if np.any(p.connection.values != 0) and p.source not in silent)
        # Without outputs everything is there to be looked at.
        ends = {output.population for output in program.outputs} or {p.name for p in program.populations}
        read = _read(ends, heard)
        populations = tuple(p for p in program.populations if p.name in read)
        projections = tuple(p for p in heard if p.target in read)
        kept = dataclasses.replace(program, populations=populations, projections=projections)
        if len(populations) == len(program.populations) and len(projections) == len(program.projections):
            return kept
        program = kept


def _silent(program: Program) -> set[str]:
    """Populations that never emit: of a type that cannot, or quiet with nothing arriving."""
    reached = {projection.target for projection in program.projections}
    return {p.name for p in program.populations if p.message_range == (0, 0) or (p.name not in reached and is_quiet(p))}


def _read(names: set[str], projections: tuple[Projection, ...]) -> set[str]:
    """The named populations and all from which a path leads to them."""
    while more := {p.source for p in projections if p.target in names} - names:
        names = names | more
    return names


def _mode_remarks(before: Program, after: Program) -> Iterable[str]:
    for population in after.populations:
        if (modes := before.population(population.name).modes) != population.modes:
            yield f"{population.name}: {population.modes} of {modes} modes a neuron reach the readout"


def _synapse_remarks(before: Program, after: Program) -> Iterable[str]:
    whole = {projection.name: projection.connection for projection in before.projections}
    for projection in after.projections:
        connection, stored = projection.connection, whole[projection.name]
        if connection is not stored:
            less = int(stored.stored_fan_out().sum() - connection.stored_fan_out().sum())
            words = f"{connection_words(stored)} -> {connection_words(connection)} synapse words"
            yield f"{projection.name}: {less} synapses of weight 0 removed, {words}"


def _part_remarks(before: Program, after: Program) -> Iterable[str]:
    sizes, kept = after.sizes(), {projection.name for projection in after.projections}
    yield from (f"{p.name}: no output hangs on it, removed" for p in before.populations if p.name not in sizes)
    yield from (f"{p.name}: brings nothing to an output, removed" for p in before.projections if p.name not in kept)
