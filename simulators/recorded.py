"""What an exported program's runner leaves behind, read as a trace.

A runner writes one record a step of a sample (messages, then registers) and one after each sample (stored registers,
then counts of what did not fit), all in the exported code's own types. Both languages share the order and this reader.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from exporters.scalar.about import overflow_keys
from exporters.scalar.plan import ProgramPlan
from simulators import reference
from simulators.reference import check_inputs, run_length
from toolchain.bounds.ranges import Range
from toolchain.errors import ConformanceError
from toolchain.ir.integer import IntArray
from toolchain.ir.program import Probe, Program
from toolchain.ir.text import program_hash
from toolchain.ir.timestep import all_registers
from toolchain.ir.trace import Trace

Records: TypeAlias = np.ndarray[Any, np.dtype[Any]]
Types = Callable[[Range], str]
"""numpy's name of the type in which the exported code keeps a range."""


@dataclass(frozen=True)
class Part:
    """One array of a record: population or input, register ("" for messages), type and shape."""

    owner: str
    register: str
    type: str
    shape: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class ExportedRun:
    """One run of an exported program.

    Attributes:
        inputs: int32, (sample, step, channels of all inputs), exactly as many steps as the run has.
        messages, registers: parts of a step's record.
        finals: registers of the record after a sample; counts, one double each, follow.
    """

    plan: ProgramPlan
    inputs: np.ndarray[tuple[int, ...], np.dtype[np.int32]]
    messages: tuple[Part, ...]
    registers: tuple[Part, ...]
    finals: tuple[Part, ...]
    record_messages: bool
    strict: bool

    @property
    def samples(self) -> int:
        """Samples of the run."""
        return self.inputs.shape[0]

    @property
    def steps(self) -> int:
        """Steps of the run."""
        return self.inputs.shape[1]

    def records(self) -> np.dtype[Any]:
        """A step's record."""
        return _record((*self.messages, *self.registers))

    def ends(self) -> np.dtype[Any]:
        """The record after a sample."""
        counts = ("counts", "<f8", (len(overflow_keys(self.plan)),))
        return np.dtype([*_record(self.finals).descr, counts] if self.finals else [counts])


def _record(parts: Sequence[Part]) -> np.dtype[Any]:
    return np.dtype([(f"part{i}", part.type, part.shape) for i, part in enumerate(parts)])


def prepare(
    plan: ProgramPlan,
    types: Types,
    inputs: Mapping[str, IntArray],
    *,
    steps: int | None,
    probes: Sequence[Probe],
    record_messages: bool,
    strict: bool,
) -> ExportedRun:
    """Check the inputs and say what is to be recorded; the plan knows the probes.

    Raises:
        InputError: an input is missing, has the wrong shape, or a payload does not fit.
    """
    program = plan.program
    samples, length = check_inputs(program, inputs)
    total = run_length(length, program.latency_steps, steps)
    given = np.zeros((samples, total, sum(source.size for source in program.inputs)), dtype=np.int32)
    at = 0
    for source in program.inputs:
        values = inputs[source.name][:, :total]
        given[:, : values.shape[1], at : at + source.size] = values
        at += source.size
    messages = tuple(Part(name, "", types(plan.messages[name]), (size,)) for name, size in program.sizes().items())
    registers = tuple(_register(plan, types, probe.population, probe.register) for probe in probes)
    finals = tuple(_register(plan, types, name, r.name) for name, step in plan.steps.items() for r in step.stored)
    return ExportedRun(plan, given, messages, registers, finals, record_messages, strict)


def stored_probes(plan: ProgramPlan) -> tuple[Probe, ...]:
    """Every register that lives from step to step, which exported code always keeps."""
    return tuple(Probe(name, register.name) for name, step in plan.steps.items() for register in step.stored)


def _register(plan: ProgramPlan, types: Types, name: str, register: str) -> Part:
    step = plan.steps[name]
    stored = {r.name for r in step.stored}
    found = step.state_range(register) if register in stored else step.probe_range(register)
    declared = next(r for r in all_registers(step.population) if r.name == register)
    return Part(name, register, types(found), step.population.extent(declared.per))


def read_trace(job: ExportedRun, simulator: str, steps: Records, ends: Records) -> Trace:
    """The trace of a run that went to its end.

    Args:
        job: of the run.
        simulator: which one ran it.
        steps: (sample, step) records.
        ends: (sample,) records.
    """
    program = job.plan.program
    messages = {part.owner: _widened(steps[f"part{i}"]) for i, part in enumerate(job.messages)}
    first = len(job.messages)
    registers = {f"{p.owner}.{p.register}": _widened(steps[f"part{first + i}"]) for i, p in enumerate(job.registers)}
    counts = dict(zip(overflow_keys(job.plan), ends["counts"].sum(axis=0).tolist(), strict=True))
    return Trace(
        program=program_hash(program),
        simulator=simulator,
        samples=job.samples,
        steps=job.steps,
        messages=messages if job.record_messages else {},
        registers=registers,
        sent={name: np.count_nonzero(values, axis=1) for name, values in messages.items()},
        final={f"{p.owner}.{p.register}": _widened(ends[f"part{i}"]) for i, p in enumerate(job.finals)},
        overflows={key: int(count) for key, count in counts.items() if count},
    )


def _widened(values: np.ndarray[tuple[int, ...], np.dtype[Any]]) -> IntArray:
    return np.array(values, dtype=np.int64)


def explain(program: Program, inputs: Mapping[str, IntArray], stopped: int, simulator: str, *, strict: bool) -> None:
    """Say in the reference's words what did not fit in step `stopped`, the first of all samples.

    Raises:
        OverflowTrapError: as the reference simulator says it.
        ConformanceError: the reference did not stop, so that the two disagree.
    """
    reference.simulate(program, inputs, steps=stopped + 1, record_messages=False, strict=strict)
    what = f"values did not fit in step {stopped} of {simulator}, but fit in the reference simulator"
    raise ConformanceError(program.name, what, "report it, with the program and the input")
