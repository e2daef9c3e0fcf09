"""The placed program, core by core: what the reference computes, computed where the placement puts it.

A core holds the neurons of its slices, and of every projection the synapses that reach them from the sources that the
target stores there. In a step it sums what its inbox delivers, updates its own neurons, and hands their messages to
the router; the router gives each core the messages of the sources that it has axons of, and nothing else. A neuron's
synapses all lie on its own core, so that no sum crosses cores.

The trace is compared with the unplaced one like any other simulator's. Beside it stands the work of every core at every
step, in the units of `toolchain.report.traffic`: a message counts in the step in which it is sent.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import scipy.sparse

from simulators.reference import check_inputs, check_probes, run_length
from toolchain.bounds.verify import verify
from toolchain.errors import InputError, OverflowTrapError
from toolchain.ir.connections import Dense, Sparse
from toolchain.ir.integer import IntArray
from toolchain.ir.program import Population, Probe, Program, Projection
from toolchain.ir.text import program_hash
from toolchain.ir.timestep import (
    State,
    accumulate,
    all_registers,
    arriving,
    initial_value,
    keeper,
    step_population,
    stored_registers,
)
from toolchain.ir.trace import Trace
from toolchain.mapping import Placement, Slice, Target
from toolchain.mapping.axons import Axons, axons
from toolchain.mapping.memory import state_words

NAME = "placed"
COUNTS = (
    "synops_dense",
    "synops_nonzero",
    "synapse_words_read",
    "neuron_updates",
    "word_updates",
    "core_messages",
    "messages_out",
)


@dataclass(frozen=True, eq=False)
class Placed:
    """One run of a placed program.

    Attributes:
        trace: what a simulator returns.
        work: by name of `CoreCount`'s fields, (sample, step, core) integers.
    """

    trace: Trace
    work: Mapping[str, IntArray]


def simulate(
    program: Program,
    inputs: Mapping[str, IntArray],
    placement: Placement,
    target: Target,
    *,
    steps: int | None = None,
    probes: Sequence[Probe] = (),
    strict: bool = True,
) -> Placed:
    """Run a program on its cores.

    Args:
        program, inputs, steps, probes, strict: as for `simulators.reference.simulate`.
        placement, target: of the program.

    Raises:
        InputError: as the reference; or the placement is of another program or target, or leaves neurons out.
        OverflowTrapError: as the reference.
    """
    verify(program)
    if placement.program != program_hash(program) or placement.target != target.name:
        raise InputError("placement", "is of another program or target", "place this program again")
    for population in program.populations:
        _check_whole(placement, population)
    samples, length = check_inputs(program, inputs)
    check_probes(program, probes)
    chip = _Chip(program, placement, target, samples, run_length(length, program.latency_steps, steps), probes, strict)
    for t in range(chip.steps):
        chip.step(t, inputs)
    return chip.result()


@dataclass
class _Link:
    """One projection's synapses on a slice: what the core knows of it.

    Attributes:
        projection: with the slice's targets and the reached sources as its ends.
        sources: of the reached sources in the whole population or input.
        found: counts of the axons, of all stored sources.
        inbox: payloads that came, oldest first, (sample, reached source).
    """

    projection: Projection
    sources: IntArray
    found: Axons
    inbox: list[IntArray] = field(default_factory=list)


@dataclass
class _Part:
    """One slice on a core, with its neurons' state and links."""

    core: int
    part: Slice
    neurons: IntArray
    population: Population
    state: State
    links: list[tuple[str, _Link]]
    keep: Any = None


class _Chip:
    """All cores, and the router between them."""

    def __init__(
        self,
        program: Program,
        placement: Placement,
        target: Target,
        samples: int,
        steps: int,
        probes: Sequence[Probe],
        strict: bool,
    ) -> None:
        self.program, self.target, self.samples, self.steps, self.strict = program, target, samples, steps, strict
        self.now, self.sizes = 0, program.sizes()
        self.work = {name: np.zeros((samples, steps, len(placement.cores)), dtype=np.int64) for name in COUNTS}
        self.parts = [self._part(core.index, part) for core in placement.cores for part in core.slices]
        self.messages = {name: np.zeros((samples, steps, size), dtype=np.int64) for name, size in self.sizes.items()}
        self.registers = {str(probe): self._room(probe) for probe in probes}
        self.overflows: Counter[str] = Counter()
        for part in self.parts:
            part.keep = keeper(part.population, self._observer(part))

    def step(self, t: int, inputs: Mapping[str, IntArray]) -> None:
        """Every core by itself, then the router."""
        self.now = t
        leaving = {name: np.zeros((self.samples, size), dtype=np.int64) for name, size in self.sizes.items()}
        for source in self.program.inputs:
            values = np.asarray(inputs[source.name], dtype=np.int64)
            if t < values.shape[1]:
                leaving[source.name] = values[:, t]
        try:
            for part in self.parts:
                leaving[part.population.name][:, part.neurons] = self._advance(part)
        except OverflowTrapError as error:
            raise OverflowTrapError(error.where, f"{error.what}, step {t}", error.remedy) from None
        for name, message in leaving.items():
            self.messages[name][:, t] = message
        self._route(leaving)

    def result(self) -> Placed:
        """The trace of the whole program, and the cores' work."""
        final: dict[str, IntArray] = {}
        for part in self.parts:
            for register, values in part.state.items():
                whole = self.program.population(part.population.name)
                declared = next(r for r in stored_registers(whole) if r.name == register)
                shape = (self.samples, *whole.extent(declared.per))
                key = f"{whole.name}.{register}"
                final.setdefault(key, np.zeros(shape, dtype=np.int64))[:, part.neurons] = values
        sent = {name: np.count_nonzero(values, axis=1) for name, values in self.messages.items()}
        trace = Trace(
            program=program_hash(self.program),
            simulator=NAME,
            samples=self.samples,
            steps=self.steps,
            messages=self.messages,
            registers=self.registers,
            sent=sent,
            final=final,
            overflows=dict(self.overflows),
        )
        return Placed(trace, self.work)

    def _part(self, core: int, part: Slice) -> _Part:
        whole = self.program.population(part.population)
        neurons = part.indices()
        population = _restricted(whole, neurons)
        state = {
            register.name: np.full(
                (self.samples, *population.extent(register.per)), initial_value(population, register), dtype=np.int64
            )
            for register in stored_registers(population)
        }
        links = [(p.port, self._link(p, part, neurons)) for p in self.program.into(part.population)]
        words = max(1, state_words(whole, self.target.word_bits.whole))
        self.work["neuron_updates"][:, :, core] += part.count
        self.work["word_updates"][:, :, core] += part.count * words
        return _Part(core, part, neurons, population, state, links)

    def _link(self, projection: Projection, part: Slice, neurons: IntArray) -> _Link:
        """The projection's rows of these neurons and columns of the sources that reach them."""
        found = axons(projection, part, self.target)
        sources = found.sources[found.reached]
        matrix = projection.connection.matrix()
        if isinstance(matrix, np.ndarray):
            own: Dense | Sparse = Dense(matrix[neurons][:, sources])
        else:
            rows = scipy.sparse.coo_array(matrix[neurons][:, sources])
            order = np.lexsort((rows.col, rows.row))
            own = Sparse(rows.shape, rows.row[order], rows.col[order], rows.data[order])
        return _Link(replace(projection, connection=own), sources, found)

    def _advance(self, part: _Part) -> Any:
        """One step of a slice: its messages."""
        arrivals: dict[str, list[Any]] = {}
        for port, link in part.links:
            if len(link.inbox) >= link.projection.delay_steps:
                payload = link.inbox[-link.projection.delay_steps]
                arrivals.setdefault(port, []).append(arriving(link.projection, payload))
        nothing = np.zeros((self.samples, part.population.size), dtype=np.int64)
        drives = accumulate(part.population, arrivals, nothing)
        part.state, message = step_population(part.population, part.state, drives, part.keep)
        self._record(part)
        return message

    def _route(self, leaving: Mapping[str, IntArray]) -> None:
        """Give every core what it has axons of, and count."""
        for part in self.parts:
            sent = np.count_nonzero(leaving[part.population.name][:, part.neurons], axis=1)
            self.work["messages_out"][:, self.now, part.core] += sent
        delivered: dict[tuple[int, str], list[IntArray]] = {}
        for part in self.parts:
            for _, link in part.links:
                message = leaving[link.projection.source]
                link.inbox = [*link.inbox, message[:, link.sources]][-link.projection.delay_steps :]
                touched = (message[:, link.found.sources] != 0).astype(np.int64)
                for name, each in (
                    ("synops_dense", link.found.stored),
                    ("synops_nonzero", link.found.nonzero),
                    ("synapse_words_read", link.found.words),
                ):
                    self.work[name][:, self.now, part.core] += touched @ each
                delivered.setdefault((part.core, link.projection.name), []).append(link.sources)
        sources = {projection.name: projection.source for projection in self.program.projections}
        for (core, name), reached in delivered.items():
            once = reached[0] if len(reached) == 1 else np.unique(np.concatenate(reached))
            arrived = np.count_nonzero(leaving[sources[name]][:, once], axis=1)
            self.work["core_messages"][:, self.now, core] += arrived

    def _room(self, probe: Probe) -> IntArray:
        population = self.program.population(probe.population)
        declared = next(r for r in all_registers(population) if r.name == probe.register)
        return np.zeros((self.samples, self.steps, *population.extent(declared.per)), dtype=np.int64)

    def _record(self, part: _Part) -> None:
        for register, value in part.state.items():
            if (key := f"{part.population.name}.{register}") in self.registers:
                self.registers[key][:, self.now, part.neurons] = value

    def _observer(self, part: _Part) -> Any:
        population = part.population
        extents = {r.name: (self.samples, *population.extent(r.per)) for r in all_registers(population)}

        def observe(register: str, value: IntArray, held: IntArray) -> None:
            key = f"{population.name}.{register}"
            value, held = (np.broadcast_to(each, extents[register]) for each in (value, held))
            if key in self.registers:
                self.registers[key][:, self.now, part.neurons] = held
            changed = int(np.count_nonzero(np.not_equal(value, held)))
            if changed:
                self.overflows[key] += changed
                if self.strict:
                    what = f"{changed} values do not fit on core {part.core}"
                    raise OverflowTrapError(key, what, "run without strict mode to count overflows")

        return observe


def _check_whole(placement: Placement, population: Population) -> None:
    """InputError where a neuron of the population is on no core, or on two."""
    held = [part.indices() for core in placement.cores for part in core.slices if part.population == population.name]
    if not held or not np.array_equal(np.sort(np.concatenate(held)), np.arange(population.size)):
        what = f"does not hold every neuron of {population.name} once"
        raise InputError("placement", what, "place this program again")


def _restricted(population: Population, neurons: IntArray) -> Population:
    """Some neurons of a population; tables that belong to all of it stay whole."""
    whole = {c.name for c in population.type.coefficients if c.per == "population"}
    own = {name: values if name in whole else values[neurons] for name, values in population.coefficients.items()}
    return replace(population, size=len(neurons), coefficients=own)
