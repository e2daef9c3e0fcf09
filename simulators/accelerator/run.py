"""A run in parts of samples and blocks of steps: what was asked for is kept, what did not fit becomes an error.

Generated code only counts what did not fit. Where that is an error, the step is found by going step by step, and the
reference simulator repeats that one step for all samples and says it in its own words.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import torch

from simulators.accelerator import sizes
from simulators.accelerator.engines import Engine
from simulators.accelerator.memory import into_host
from simulators.accelerator.network import ProgramOnDevice
from simulators.accelerator.plan import plans, source_ranges
from simulators.traced.replay import Checkpoint, repeat
from toolchain.errors import ConformanceError, InputError
from toolchain.ir.integer import IntArray
from toolchain.ir.program import Probe, Program
from toolchain.ir.text import program_hash
from toolchain.ir.timestep import all_registers, stored_registers
from toolchain.ir.trace import Trace


@dataclass(frozen=True, eq=False)
class Request:
    """What is to be run, checked; the attributes are the arguments of `simulate`."""

    program: Program
    inputs: Mapping[str, IntArray]
    samples: int
    steps: int
    probes: tuple[Probe, ...]
    record_messages: bool
    strict: bool
    engine: Engine
    room_bytes: int | None

    def network(self, samples: int, steps: int) -> ProgramOnDevice:
        """The program at its start."""
        return ProgramOnDevice(self.program, samples, self.probed(), steps, self.engine)

    def probed(self) -> dict[str, frozenset[str]]:
        """Registers to record, by population."""
        names = {probe.population for probe in self.probes}
        return {name: frozenset(p.register for p in self.probes if p.population == name) for name in names}

    def part(self, samples: slice, start: int, stop: int) -> dict[str, IntArray]:
        """The inputs of some steps, silent after their end."""
        parts = {}
        for name, values in self.inputs.items():
            given = values[samples, start:stop]
            missing = stop - start - given.shape[1]
            parts[name] = np.pad(given, ((0, 0), (0, missing), (0, 0))) if missing else given
        return parts


def run(request: Request, simulator: str) -> Trace:
    """Run all samples, as many at a time as there is room for.

    Raises:
        OverflowTrapError: a register left its range in strict mode, or a trap register ever.
        InputError: the GPU has less room than it said.
    """
    found = plans(request.program, source_ranges(request.program), request.probed())
    room = sizes.room_bytes(request.engine) if request.room_bytes is None else request.room_bytes
    channels = sum(source.size for source in request.program.inputs)
    beside, block = sizes.choose(found, channels, request.samples, request.steps, room)
    record = _Record(request)
    parts = [slice(i, min(i + beside, request.samples)) for i in range(0, request.samples, beside)] or [slice(0, 0)]
    try:
        for number, samples in enumerate(parts):
            stopped = _run_part(request, record, samples, block)
            if stopped is not None:
                _explain(request, parts, number, stopped, block)
    except torch.OutOfMemoryError as error:
        what = f"{beside} samples side by side over {block} steps, at most {room} bytes, are more than the GPU has left"
        raise InputError("accelerator", what, "give a smaller room_bytes, or fewer samples") from error
    return record.trace(simulator)


def _run_part(request: Request, record: _Record, samples: slice, block: int) -> int | None:
    """Run some samples; return the first step of the block in which something failed, if it did."""
    network = request.network(samples.stop - samples.start, block)
    for start, stop in _blocks(0, request.steps, block):
        network.feed(request.part(samples, start, stop))
        if network.failed(request.strict):
            return start
        record.take(network, samples, start, stop)
        network.memory.forget(stop - start)
    record.finish(network, samples)
    return None


def _blocks(start: int, stop: int, block: int) -> Iterator[tuple[int, int]]:
    for at in range(start, stop, block):
        yield at, min(at + block, stop)


def _explain(request: Request, parts: list[slice], first: int, block_start: int, block: int) -> None:
    """Find the first step that fails in any part, those before `first` having passed, and let the reference say it."""
    stop = min(block_start + block, request.steps)
    for samples in parts[first:]:
        stop = _first_failure(request, samples, stop, block) or stop
    states = [_before(request, samples, stop - 1, block) for samples in parts]
    repeat(request.program, _joined(states), request.part(slice(None), stop - 1, stop), strict=request.strict)


def _first_failure(request: Request, samples: slice, stop: int, block: int) -> int | None:
    """One more than the step before `stop` that fails first."""
    coarse = request.network(samples.stop - samples.start, block)
    for start, end in _blocks(0, stop, block):
        before = coarse.memory.checkpoint(start)
        coarse.feed(request.part(samples, start, end))
        if coarse.failed(request.strict):
            return _within(request, samples, before, end)
        coarse.memory.forget(end - start)
    return None


def _within(request: Request, samples: slice, before: Checkpoint, stop: int) -> int:
    fine = request.network(samples.stop - samples.start, 1)
    fine.memory.restore(before)
    for step in range(before.step, stop):
        fine.feed(request.part(samples, step, step + 1))
        if fine.failed(request.strict):
            return step + 1
        fine.memory.forget(1)
    what = f"failed in steps {before.step} .. {stop - 1} together, but in none of them alone"
    raise ConformanceError(request.program.name, what, "report it, with the program and the input")


def _before(request: Request, samples: slice, step: int, block: int) -> Checkpoint:
    """What the program remembers of some samples before a step."""
    network = request.network(samples.stop - samples.start, block)
    for start, stop in _blocks(0, step, block):
        network.feed(request.part(samples, start, stop))
        network.memory.forget(stop - start)
    return network.memory.checkpoint(step)


def _joined(states: list[Checkpoint]) -> Checkpoint:
    """Several parts' samples, one part after the other."""
    first = states[0]
    registers = {
        name: {r: np.concatenate([part.states[name][r] for part in states]) for r in state}
        for name, state in first.states.items()
    }
    sent = {
        name: [np.concatenate(rows) for rows in zip(*(part.sent[name] for part in states), strict=True)]
        for name in first.sent
    }
    return Checkpoint(first.step, registers, sent)


@dataclass(eq=False)
class _Record:
    """What a run is asked to keep, filled part by part."""

    request: Request
    messages: dict[str, IntArray] = field(default_factory=dict)
    registers: dict[str, IntArray] = field(default_factory=dict)
    sent: dict[str, IntArray] = field(default_factory=dict)
    final: dict[str, IntArray] = field(default_factory=dict)
    overflows: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        program, samples, steps = self.request.program, self.request.samples, self.request.steps
        for name, size in program.sizes().items():
            self.sent[name] = np.zeros((samples, size), dtype=np.int64)
            if self.request.record_messages:
                self.messages[name] = np.zeros((samples, steps, size), dtype=np.int64)
        for population in program.populations:
            for register in stored_registers(population):
                extent = (samples, *population.extent(register.per))
                self.final[f"{population.name}.{register.name}"] = np.zeros(extent, dtype=np.int64)
        for probe in self.request.probes:
            population = program.population(probe.population)
            declared = next(r for r in all_registers(population) if r.name == probe.register)
            self.registers[str(probe)] = np.zeros((samples, steps, *population.extent(declared.per)), dtype=np.int64)

    def take(self, network: ProgramOnDevice, samples: slice, start: int, stop: int) -> None:
        """Copy what a block left of some steps."""
        for name, room in self.messages.items():
            into_host(room[samples, start:stop], network.memory.rows(name, 0, stop - start).transpose(0, 1))
        for probe in self.request.probes:
            recorded = network.memory.recorded[probe.population, probe.register][: stop - start]
            into_host(self.registers[str(probe)][samples, start:stop], recorded.transpose(0, 1))

    def finish(self, network: ProgramOnDevice, samples: slice) -> None:
        """Copy what some samples' run left."""
        for name, sent in network.memory.sent.items():
            into_host(self.sent[name][samples], sent)
        for (population, register), values in network.memory.registers.items():
            into_host(self.final[f"{population}.{register}"][samples], values)
        for key, count in network.overflows().items():
            self.overflows[key] = self.overflows.get(key, 0) + count

    def trace(self, simulator: str) -> Trace:
        """The trace of the finished run."""
        return Trace(
            program=program_hash(self.request.program),
            simulator=simulator,
            samples=self.request.samples,
            steps=self.request.steps,
            messages=self.messages,
            registers=self.registers,
            sent=self.sent,
            final=self.final,
            overflows=self.overflows,
        )
