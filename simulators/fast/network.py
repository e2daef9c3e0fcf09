"""A program made ready to run: its arrays, its compiled functions, and the blocks of steps that it advances.

Within a block the populations take turns in the order of `schedule`, each over some steps, one sample after the other.
Threads share the samples; where there are fewer samples than threads they share each population's neurons.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from simulators.fast import intake_code
from simulators.fast.assembly import BYTES
from simulators.fast.compiling import as_callable, function_address
from simulators.fast.layout import BLOCKS_OF_TILE, PAD, Packed, aligned, blocks, pack, padded, row_width, tiles
from simulators.fast.meeting_code import meeting_function
from simulators.fast.memory import Memory, turn_steps
from simulators.fast.neuron_code import neuron_function
from simulators.fast.plan import Plan, Word, plan
from simulators.fast.quads_code import MANY
from simulators.fast.synapse_code import ARGUMENTS, delivery_function, driver_function
from simulators.fast.synapses import Synapses, delivery, synapses
from simulators.traced.schedule import stages
from toolchain.bounds.ranges import message_range, message_width
from toolchain.bounds.sums import port_ranges
from toolchain.engine.run import processors
from toolchain.ir.integer import IntArray, limits, shift_left
from toolchain.ir.program import Population, Program, Projection

WORTH_SHARING = 1_000_000
"""Neurons and modes times steps of a turn from which on threads share a population."""

LONG_STEPS = 8
"""Steps of a turn from which on it pays to split modes' registers at its beginning and to join them at its end."""

SOMA_MODES = 8
"""What a neuron's own arithmetic costs, in modes; a rough count of the instructions of `ssm_lif`."""


def can_share() -> bool:
    """Whether threads can give way to each other, which those that share neurons have to."""
    return os.name == "posix"


@dataclass(frozen=True, eq=False)
class Workplace:
    """One thread's part and its own arrays.

    Attributes:
        thread: its number.
        samples: first and one past the last.
        share, of: which part of each population's neurons it has, of how many.
        ports: sums of what arrives in a turn, for the population that runs; `silence` is for ports that hear nothing.
        lists: room for the messages of a turn: sources, payloads, where each step's end.
    """

    thread: int
    samples: tuple[int, int]
    share: int
    of: int
    ports: tuple[Packed, ...]
    silence: Packed
    lists: Mapping[str, Packed]

    def tiles(self, size: int, worthwhile: bool) -> tuple[int, int]:
        """Its part of a population, in tiles of `PAD` neurons."""
        whole = tiles(size)
        if not worthwhile:
            return (0, 0) if self.share else (0, whole)
        bounds = np.linspace(0, whole, self.of + 1, dtype=int).tolist()
        return bounds[self.share], bounds[self.share + 1]


@dataclass(frozen=True, eq=False)
class Task:
    """Entries for a driver, and the steps of a turn."""

    entries: Packed
    turn_steps: int


class CompiledProgram:
    """A program with compiled functions and the state of one run.

    Args:
        program: verified.
        samples: that run side by side.
        probed: by population, the registers to record.
        strict: whether something that does not fit ends the run.
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
        self.program, self.samples, self.turn = program, samples, min(steps, turn_steps(program))
        self.ranges = {i.name: limits(i.bits) for i in program.inputs}
        self.ranges |= {p.name: message_range(p) for p in program.populations}
        self._stages = stages(program)
        self.plans = {p.name: self._plan(p, probed.get(p.name, frozenset()), strict) for p in program.populations}
        self._held: list[Packed] = []
        self._places = self._workplaces(max(1, processors() if threads is None else threads), steps)
        self.memory = Memory(program, samples, steps, len(self._places))
        self.memory.make(self.plans, self.ranges)
        self._synapses = {p.name: synapses(p, self.ranges[p.source]) for p in program.projections}
        self._coefficients = {p.name: self._pack_coefficients(p) for p in program.populations}
        self._functions = {name: function_address(neuron_function(plan)) for name, plan in self.plans.items()}
        self._driver = as_callable(function_address(driver_function()), 7)
        self._meeting = function_address(meeting_function())
        self._counter = aligned((1,), 64)
        # Threads of its own: were they shared, two networks could each hold some that the other waits for.
        self._pool = ThreadPoolExecutor(max(1, len(self._places) - 1), thread_name_prefix="seamount")
        self._intakes = {i.name: self._intake(i.name) for i in program.inputs}
        self._tasks = [self._schedule(place, steps) for place in self._places]

    def take_in(self, inputs: Mapping[str, IntArray], start: int) -> bool:
        """Put (sample, step, channel) int64 inputs in place from step `start` of the block; whether all fit."""
        wrong = False
        for name, values in inputs.items():
            room, sent = self.memory.messages[name], self.memory.sent[name]
            function, table, outside = self._intakes[name]
            rows = room.ctypes.data + (self.memory.past[name] + start) * room.strides[1]
            table[:6] = values.ctypes.data, *values.strides[:2], rows, *room.strides[:2]
            table[6:] = sent.ctypes.data, sent.strides[0], values.shape[2], outside.ctypes.data
            function(table.ctypes.data, 0, values.shape[1], 0, values.shape[0])
            wrong |= bool(outside[0])
        return not wrong

    def advance(self, start: int, stop: int) -> None:
        """Run the steps from `start` up to `stop` of the block; the inputs' messages are in place."""
        others = self._places[1:]
        waiting = [self._pool.submit(self._run, place, start, stop) for place in others] if others else []
        self._run(self._places[0], start, stop)
        for done in waiting:
            done.result()

    def _run(self, place: Workplace, start: int, stop: int) -> None:
        for task in self._tasks[place.thread]:
            entries = task.entries
            self._driver(entries.ctypes.data, entries.shape[0], start, stop, task.turn_steps, *place.samples)

    def _workplaces(self, threads: int, steps: int) -> list[Workplace]:
        """Divide the samples, or where they are too few and the work is large the neurons."""
        widest = max(map(row_width, self.program.sizes().values()))
        most = max((len(p.type.ports) for p in self.program.populations), default=0)
        shared = can_share() and 0 < self.samples < threads and any(map(self._worthwhile, self.program.populations))
        count = threads if shared else max(1, min(threads, self.samples))
        bounds = np.linspace(0, self.samples, count + 1, dtype=int).tolist()
        places = []
        for thread in range(count):
            samples = (0, self.samples) if shared else (bounds[thread], bounds[thread + 1])
            rooms = [aligned((self.turn, widest), 64) for _ in range(most + 1)]
            share, of = (thread, count) if shared else (0, 1)
            places.append(Workplace(thread, samples, share, of, tuple(rooms[1:]), rooms[0], self._lists(widest, steps)))
        return places

    def _lists(self, widest: int, steps: int) -> dict[str, Packed]:
        room = self.turn * widest + PAD  # whole vectors are written at its end
        return {"events": aligned((room,), 32), "payloads": aligned((room,), 64), "ends": aligned((steps,), 64)}

    def _worthwhile(self, population: Population) -> bool:
        """Whether dividing a population among threads saves more than their meeting costs."""
        return population.size * (population.modes + SOMA_MODES) * self.turn * self.samples >= WORTH_SHARING

    def _intake(self, name: str) -> tuple[Any, Packed, Packed]:
        """The function of an input, its table of arguments, and where it notes that a payload does not fit."""
        function = intake_code.intake_function(message_width(self.ranges[name]), self.ranges[name])
        table, outside = aligned((len(intake_code.ARGUMENTS),), 64), aligned((1,), 64)
        return as_callable(function_address(function), 5), table, outside

    def _plan(self, population: Population, probed: frozenset[str], strict: bool) -> Plan:
        ports = {p.name: port_ranges(self._into(population, p.name), self.ranges) for p in population.type.ports}
        turn = next(stage.turn_steps for stage in self._stages if population.name in stage.populations)
        return plan(population, ports, probed, strict=strict, long=not turn or turn >= LONG_STEPS)

    def _into(self, population: Population, port: str) -> tuple[Projection, ...]:
        return tuple(p for p in self.program.into(population.name) if p.port == port)

    def _pack_coefficients(self, population: Population) -> dict[str, Packed]:
        own, packed = population.values(), {}
        for place, word in enumerate(self.plans[population.name].words):
            if word.role == "own":
                packed[word.name] = pack(own[word.name], word.bits, place)
            if word.role == "pair":
                packed[word.name] = _pack_pair(word, own, place)
            if word.role == "table":
                packed[word.name] = aligned(own[word.name].shape, word.bits)
                packed[word.name][:] = own[word.name]
        return packed

    def _schedule(self, place: Workplace, steps: int) -> list[Task]:
        """One thread's tasks. Threads that share populations meet after each, and after a cycle that one runs alone."""
        meeting = [self._meeting, self._table([self._counter.ctypes.data, place.of]).ctypes.data]
        meeting = meeting if place.of > 1 else []
        tasks = []
        for stage in self._stages:
            if stage.turn_steps:
                entries = [word for name in stage.populations for word in self._entries(name, place, divisible=False)]
                tasks.append(self._task(entries, min(self.turn, stage.turn_steps)))
                tasks.append(self._task(meeting, steps))
            else:
                each = [[*self._entries(name, place, divisible=True), *meeting] for name in stage.populations]
                tasks.append(self._task([word for entries in each for word in entries], self.turn))
        return tasks

    def _task(self, entries: list[int], turn_steps: int) -> Task:
        return Task(self._table(entries).reshape(-1, 2), turn_steps)

    def _entries(self, name: str, place: Workplace, *, divisible: bool) -> list[int]:
        """What runs for one population in its turn: deliveries, then its own step; function and table of each."""
        population = self.program.population(name)
        first, last = place.tiles(population.size, divisible and (place.of == 1 or self._worthwhile(population)))
        if first == last:
            return []
        entries: list[int] = []
        ports: dict[str, Packed] = {}
        for port, sums in zip(population.type.ports, place.ports, strict=False):
            into = self._into(population, port.name)
            ports[port.name] = sums if into else place.silence
            for i, projection in enumerate(into):
                entries += self._delivery(projection, place, sums, (first, last), adds=i > 0)
        end = min(last * BLOCKS_OF_TILE, blocks(population.size))
        table = [first * BLOCKS_OF_TILE, end, max(population.modes, 1), population.size]
        for word in self.plans[name].words:
            table += self._fields(population, word, ports, place.thread)
        return [*entries, self._functions[name], self._table(table).ctypes.data]

    def _table(self, words: list[int]) -> Packed:
        table = aligned((len(words),), 64)
        table[:] = words
        self._held.append(table)
        return table

    def _delivery(
        self, projection: Projection, place: Workplace, sums: Packed, part: tuple[int, int], *, adds: bool
    ) -> tuple[int, int]:
        population, found = self.program.population(projection.target), self._synapses[projection.name]
        port = self.plans[population.name].ports[projection.port]
        kind = delivery(projection, found, self.ranges[projection.source], port, adds)
        source = self.memory.messages[projection.source]
        row = source.strides[1]
        fields = {
            "source": source.ctypes.data + (self.memory.past[projection.source] - projection.delay_steps) * row,
            "source_sample": source.strides[0],
            "source_step": row,
            "source_chunks": tiles(self.program.sizes()[projection.source]),
            "many": int(MANY * padded(self.program.sizes()[projection.source])),
            "port": sums.ctypes.data,
            "port_sample": 0,
            "port_step": _port_row(population, kind.port_bits),
            "port_tiles": tiles(population.size),
            "first_tile": part[0],
            "last_tile": part[1],
            "up": max(projection.exponent, 0),
            "down": max(-projection.exponent, 0),
            **_addresses(found),
            **{name: room.ctypes.data for name, room in place.lists.items()},
        }
        table = self._table([int(fields[name]) for name in ARGUMENTS])
        return function_address(delivery_function(kind)), table.ctypes.data

    def _fields(
        self, population: Population, word: Word, ports: Mapping[str, Packed], thread: int
    ) -> tuple[int, int, int]:
        """Address, sample stride and step stride of one array; of a table its last index in place of a stride."""
        memory, name = self.memory, population.name
        if word.role == "port":
            return ports[word.name].ctypes.data, 0, _port_row(population, word.bits)
        if word.role in ("own", "pair", "table"):
            values = self._coefficients[name][word.name]
            return values.ctypes.data, values.shape[0] - 1 if word.role == "table" else 0, 0
        if word.role == "message":
            rows = memory.messages[name]
            return rows.ctypes.data + memory.past[name] * rows.strides[1], rows.strides[0], rows.strides[1]
        if word.role == "probe":
            recorded = memory.recorded[name, word.name]
            return recorded.ctypes.data, recorded.strides[0], recorded.strides[1]
        if word.role == "counts":
            counts = memory.counts[name][thread]
            return counts.ctypes.data, counts.strides[0], 0
        values = memory.sent[name] if word.role == "sent" else memory.registers[name, word.name]
        return values.ctypes.data, values.strides[0], 0


def _pack_pair(word: Word, own: Mapping[str, IntArray], place: int) -> Packed:
    """Two coefficients side by side in each lane, 16 bits each."""
    shorts = np.stack([np.array(_factor(name, own), dtype=np.int16) for name in word.name.split(",")], axis=-1)
    return pack(np.array(shorts.view(np.int32)[..., 0], dtype=np.int64), 32, place)


def _factor(name: str, own: Mapping[str, IntArray]) -> IntArray:
    """A coefficient by its name in a pair, as `Pair.signed` writes it."""
    plain, _, raised = name.removeprefix("-").partition("<<")
    values = shift_left(own[plain], int(raised))
    return np.asarray(-values if name.startswith("-") else values)


def _port_row(population: Population, bits: int) -> int:
    return row_width(population.size) * BYTES[bits]


def _addresses(found: Synapses) -> dict[str, int]:
    return {name: getattr(found, name).ctypes.data for name in ("weights", "quads", "starts", "rows")}
