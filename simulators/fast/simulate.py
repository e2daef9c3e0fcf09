"""The simulator "fast": the reference's answer from generated code."""

from __future__ import annotations

import weakref
from collections.abc import Mapping, Sequence

import numpy as np

from simulators.fast.blocks import Runner
from simulators.reference import check_inputs, check_probes, run_length
from toolchain.bounds.verify import verify
from toolchain.errors import InputError, OverflowTrapError
from toolchain.ir.integer import IntArray
from toolchain.ir.program import Probe, Program
from toolchain.ir.text import program_hash
from toolchain.ir.timestep import all_registers
from toolchain.ir.trace import Trace

NAME = "fast"


def simulate(
    program: Program,
    inputs: Mapping[str, IntArray],
    *,
    steps: int | None = None,
    probes: Sequence[Probe] = (),
    record_messages: bool = True,
    strict: bool = True,
    threads: int | None = None,
) -> Trace:
    """Run a program; everything but `threads` is as for the reference simulator, and so is the trace.

    Args:
        program: checked by `verify` first.
        inputs: by input name, (sample, step, channel) integers; nothing arrives after their last step.
        steps: length of the run; by default the inputs' length plus the program's latency.
        probes: registers to record at every step.
        record_messages: keep every message (else only their counts).
        strict: an unexpected wrap or saturation is an error; otherwise it is counted.
        threads: at most so many; by default one a core.

    Raises:
        InputError: an input is missing, has the wrong shape, or a payload does not fit; a probe names no register.
        OverflowTrapError: a register left its range in strict mode, or a trap register ever.
        UnsupportedError: a neuron type uses a primitive that has no vector form.
    """
    verify(program)
    # Payloads are looked at as they go in, but for those that would not go in as they are.
    plain = all(np.can_cast(np.asarray(values).dtype, np.int64) for values in inputs.values())
    samples, length = check_inputs(program, inputs, payloads=not plain)
    check_probes(program, probes)
    total = run_length(length, program.latency_steps, steps)
    runner = Runner(program, samples, probes, strict=strict, threads=threads)
    record = _Record(program, samples, total, probes, record_messages)
    try:
        for start in range(0, total, runner.block_steps):
            part = slice(start, min(start + runner.block_steps, total))
            record.take(runner, part, runner.feed(_part(inputs, part)))
    except (InputError, OverflowTrapError):
        # A payload that does not fit comes before whatever else was found, wherever it is.
        check_inputs(program, inputs)
        raise
    if total < length:
        check_inputs(program, inputs)
    return record.trace(runner)


_hashes: dict[tuple[int, str], str] = {}


def known_hash(program: Program) -> str:
    """`program_hash`, taken once for a program: writing out a million weights takes longer than running them."""
    # The notes alone may change in place.
    key = (id(program), repr(program.notes))
    if key not in _hashes:
        _hashes[key] = program_hash(program)
        weakref.finalize(program, _hashes.pop, key, None)
    return _hashes[key]


def _part(inputs: Mapping[str, IntArray], steps: slice) -> dict[str, IntArray]:
    """The inputs of some steps, silent after their end."""
    parts = {}
    for name, values in inputs.items():
        given = np.asarray(values)[:, steps]
        missing = steps.stop - steps.start - given.shape[1]
        parts[name] = np.pad(given, ((0, 0), (0, missing), (0, 0))) if missing else given
    return parts


class _Record:
    """What a run is asked to keep."""

    def __init__(
        self, program: Program, samples: int, steps: int, probes: Sequence[Probe], record_messages: bool
    ) -> None:
        self.program, self.samples, self.steps = program, samples, steps
        sizes = program.sizes() if record_messages else {}
        self.messages = {name: np.zeros((samples, steps, size), dtype=np.int64) for name, size in sizes.items()}
        self.registers: dict[str, IntArray] = {}
        for probe in probes:
            population = program.population(probe.population)
            declared = next(r for r in all_registers(population) if r.name == probe.register)
            extent = population.extent(declared.per)
            self.registers[str(probe)] = np.zeros((samples, steps, *extent), dtype=np.int64)
        self.probes = probes

    def take(self, runner: Runner, steps: slice, place: slice) -> None:
        """Copy what the block left of some steps."""
        for name, kept in self.messages.items():
            kept[:, steps] = runner.memory.sent_by(name, place)
        for probe in self.probes:
            self.registers[str(probe)][:, steps] = runner.memory.probed(probe.population, probe.register, place)

    def trace(self, runner: Runner) -> Trace:
        """The trace of the finished run."""
        sizes = self.program.sizes()
        return Trace(
            program=known_hash(self.program),
            simulator=NAME,
            samples=self.samples,
            steps=self.steps,
            messages=self.messages,
            registers=self.registers,
            sent={name: runner.memory.sent[name][:, :size].copy() for name, size in sizes.items()},
            final=runner.final(),
            overflows=runner.overflows(),
        )
