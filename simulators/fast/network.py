"""A program made ready to run: its arrays, its compiled functions, and the blocks of steps that it advances.

Within a block the populations run in the order of `schedule`, each over all steps of its turn, one sample after the
other; samples are divided among threads.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import pairwise

import numpy as np

from simulators.fast.assembly import BYTES
from simulators.fast.compiling import as_callable, function_address
from simulators.fast.layout import PAD, Packed, aligned, blocks, pack, padded
from simulators.fast.memory import Memory
from simulators.fast.neuron_code import neuron_function
from simulators.fast.plan import Plan, Word, message_range, plan
from simulators.fast.schedule import stages
from simulators.fast.synapse_code import ARGUMENTS, delivery_function, driver_function
from simulators.fast.synapses import Synapses, delivery, port_ranges, synapses
from toolchain.ir.integer import limits
from toolchain.ir.program import Population, Program, Projection

Addresses = list[tuple[int, int]]
"""Pairs of (function, table of arguments), as a driver reads them."""


def thread_count() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(thread_count(), thread_name_prefix="seamount")


class Network:
    """A program with compiled functions and the state of one run.

    Args:
        program: verified.
        samples: that run side by side.
        probed: by population, the registers to record.
        strict: whether it is enough to know that something did not fit.
        steps: capacity of a block.
        threads: at most so many; by default one a core.
    """

    def __init__(
        self,
        program: Program,
        samples: int,
        probed: Mapping[str, frozenset[str]],
        *,
        strict: bool,
        steps: int,
        threads: int | None = None,
    ) -> None:
        self.program, self.samples = program, samples
        self.ranges = {i.name: limits(i.bits) for i in program.inputs}
        self.ranges |= {p.name: message_range(p) for p in program.populations}
        self.plans = {p.name: self._plan(p, probed.get(p.name, frozenset()), strict) for p in program.populations}
        self.memory = Memory(program, samples, steps)
        self.memory.make(self.plans, self.ranges)
        self._held: list[Packed] = []
        self._synapses = {projection.name: synapses(projection) for projection in program.projections}
        self._coefficients = {p.name: self._pack_coefficients(p) for p in program.populations}
        self._driver = as_callable(function_address(driver_function()), 7)
        self._stages = stages(program)
        self._threads = max(1, min(samples, threads or thread_count()))
        self._schedules = [self._schedule(steps) for _ in range(self._threads)]

    def advance(self, start: int, stop: int) -> None:
        """Run the steps from `start` up to `stop` of the block; the inputs' messages are in place."""
        shares = np.linspace(0, self.samples, self._threads + 1, dtype=int).tolist()
        tasks = list(zip(self._schedules, pairwise(shares), strict=True))
        if len(tasks) == 1:
            self._run(tasks[0][0], start, stop, *tasks[0][1])
            return
        for done in [_pool().submit(self._run, schedule, start, stop, *share) for schedule, share in tasks]:
            done.result()

    def _run(self, schedule: list[tuple[Packed, int]], start: int, stop: int, first: int, last: int) -> None:
        for entries, turn in schedule:
            self._driver(entries.ctypes.data, entries.shape[0], start, stop, turn or stop, first, last)

    def _plan(self, population: Population, probed: frozenset[str], strict: bool) -> Plan:
        ports = {
            port.name: port_ranges(self._into(population, port.name), self.ranges) for port in population.type.ports
        }
        return plan(population, ports, probed, strict)

    def _into(self, population: Population, port: str) -> tuple[Projection, ...]:
        return tuple(p for p in self.program.into(population.name) if p.port == port)

    def _pack_coefficients(self, population: Population) -> dict[str, Packed]:
        own, packed = population.values(), {}
        for word in self.plans[population.name].words:
            if word.role == "own":
                packed[word.name] = pack(own[word.name], word.bits)
            if word.role == "table":
                packed[word.name] = aligned(own[word.name].shape, word.bits)
                packed[word.name][:] = own[word.name]
        return packed

    def _schedule(self, steps: int) -> list[tuple[Packed, int]]:
        """The entries of each stage for one thread, which has port sums of its own, and the stage's turn."""
        widest = max(map(padded, self.program.sizes().values()))
        most = max((len(p.type.ports) for p in self.program.populations), default=0)
        ports = [aligned((steps, widest), 64) for _ in range(most)]
        silence = aligned((steps, widest), 64)
        self._held += [*ports, silence]
        schedule = []
        for stage in self._stages:
            entries: Addresses = []
            for name in stage.populations:
                entries += self._entries(self.program.population(name), ports, silence)
            schedule.append(
                (self._table([word for entry in entries for word in entry]).reshape(-1, 2), stage.turn_steps)
            )
        return schedule

    def _entries(self, population: Population, ports: list[Packed], silence: Packed) -> Addresses:
        """What runs for one population in its turn: deliveries, then its own step."""
        entries: Addresses = []
        places: dict[str, Packed] = {}
        for port, sums in zip(population.type.ports, ports, strict=False):
            into = self._into(population, port.name)
            places[port.name] = sums if into else silence
            for i, projection in enumerate(into):
                entries.append(self._delivery(projection, population, sums, adds=i > 0))
        table = [blocks(population.size), max(population.modes, 1), population.size]
        for word in self.plans[population.name].words:
            table += self._fields(population, word, places)
        function = function_address(neuron_function(self.plans[population.name]))
        return [*entries, (function, self._table(table).ctypes.data)]

    def _table(self, words: list[int]) -> Packed:
        table = aligned((len(words),), 64)
        table[:] = words
        self._held.append(table)
        return table

    def _delivery(self, projection: Projection, population: Population, sums: Packed, *, adds: bool) -> tuple[int, int]:
        found = self._synapses[projection.name]
        port = self.plans[population.name].ports[projection.port]
        kind = delivery(projection, found.sparse, self.ranges[projection.source], port, adds)
        source = self.memory.messages[projection.source]
        row = source.strides[1]
        fields = {
            "source": source.ctypes.data + (self.memory.past[projection.source] - projection.delay_steps) * row,
            "source_sample": source.strides[0],
            "source_step": row,
            "source_chunks": source.shape[2] / PAD,
            "port": sums.ctypes.data,
            "port_sample": 0,
            "port_step": _port_row(population, kind.port_bits),
            "port_tiles": padded(population.size) / PAD,
            "up": max(projection.exponent, 0),
            "down": max(-projection.exponent, 0),
            **_addresses(found),
        }
        table = self._table([int(fields[name]) for name in ARGUMENTS])
        return function_address(delivery_function(kind)), table.ctypes.data

    def _fields(self, population: Population, word: Word, ports: Mapping[str, Packed]) -> tuple[int, int, int]:
        """Address, sample stride and step stride of one array; of a table its last index in place of a stride."""
        memory, name = self.memory, population.name
        if word.role == "port":
            return ports[word.name].ctypes.data, 0, _port_row(population, word.bits)
        if word.role in ("own", "table"):
            values = self._coefficients[name][word.name]
            return values.ctypes.data, values.shape[0] - 1 if word.role == "table" else 0, 0
        if word.role == "message":
            rows = memory.messages[name]
            return rows.ctypes.data + memory.past[name] * rows.strides[1], rows.strides[0], rows.strides[1]
        if word.role == "probe":
            recorded = memory.recorded[name, word.name]
            return recorded.ctypes.data, recorded.strides[0], recorded.strides[1]
        totals = {"sent": memory.sent, "counts": memory.counts}
        values = totals[word.role][name] if word.role in totals else memory.registers[name, word.name]
        return values.ctypes.data, values.strides[0], 0


def _port_row(population: Population, bits: int) -> int:
    return padded(population.size) * BYTES[bits]


def _addresses(found: Synapses) -> dict[str, int]:
    return {name: getattr(found, name).ctypes.data for name in ("weights", "starts", "rows")}
