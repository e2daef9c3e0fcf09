"""The reference simulator: the definition in action. Dense, strict, and slow on purpose.

Every step it delivers, accumulates, steps and emits exactly as `toolchain.ir.timestep` says, for all samples side by
side. All other simulators are held to its answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from toolchain.bounds.verify import verify
from toolchain.errors import InputError, OverflowTrapError
from toolchain.ir.integer import IntArray, limits
from toolchain.ir.program import Input, Population, Probe, Program
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

NAME = "reference"


def simulate(
    program: Program,
    inputs: Mapping[str, IntArray],
    *,
    steps: int | None = None,
    probes: Sequence[Probe] = (),
    record_messages: bool = True,
    strict: bool = True,
) -> Trace:
    """Run a program.

    Args:
        program: checked by `verify` first.
        inputs: by input name, (sample, step, channel) integers; nothing arrives after their last step.
        steps: length of the run; by default the inputs' length plus the program's latency.
        probes: registers to record at every step.
        record_messages: keep every message (else only their counts).
        strict: an unexpected wrap or saturation is an error; otherwise it is counted.

    Returns:
        The trace; `final` holds every stored register after the last step.

    Raises:
        InputError: an input is missing, has the wrong shape, or a payload does not fit; a probe names no register.
        OverflowTrapError: a register left its range in strict mode, or a trap register ever.
    """
    verify(program)
    samples, length = check_inputs(program, inputs)
    check_probes(program, probes)
    run = Run(program, inputs, samples, run_length(length, program.latency_steps, steps), strict)
    run.prepare(probes, record_messages)
    for t in range(run.steps):
        run.step(t)
    return run.trace()


def check_inputs(program: Program, inputs: Mapping[str, IntArray], *, payloads: bool = True) -> tuple[int, int]:
    """Check the inputs' names, shapes and, unless told not to, ranges; return (samples, length)."""
    extents = {_input_extent(source, inputs, payloads=payloads) for source in program.inputs}
    unknown = sorted(set(inputs) - {source.name for source in program.inputs})
    if unknown:
        raise InputError(unknown[0], "is not an input of the program", f"give {[i.name for i in program.inputs]}")
    if not extents:
        raise InputError(program.name, "the program has no inputs, hence no samples and no length", "give it an input")
    if len(extents) > 1:
        raise InputError("inputs", f"have different samples and lengths {sorted(extents)}", "make them equal")
    return extents.pop()


def run_length(length: int, latency_steps: int, steps: int | None) -> int:
    """Steps of a run: as asked for, by default the inputs' length plus the latency; InputError where negative."""
    if steps is not None and steps < 0:
        raise InputError("steps", f"{steps} is negative", "give 0 or more")
    return length + latency_steps if steps is None else steps


def check_probes(program: Program, probes: Sequence[Probe]) -> None:
    """InputError where a probe names no register of the program."""
    registers = {p.name: [register.name for register in all_registers(p)] for p in program.populations}
    for probe in probes:
        if probe.population not in registers:
            raise InputError(str(probe), f"no population {probe.population!r}", f"probe one of {list(registers)}")
        if probe.register not in registers[probe.population]:
            known = registers[probe.population]
            raise InputError(str(probe), f"no register {probe.register!r}", f"probe one of {known}")


def _input_extent(source: Input, inputs: Mapping[str, IntArray], *, payloads: bool) -> tuple[int, int]:
    if source.name not in inputs:
        raise InputError(source.name, f"no such array among {sorted(inputs)}", "give one array an input")
    values = np.asarray(inputs[source.name])
    if values.ndim != 3 or values.shape[2] != source.size:
        expected = f"(samples, steps, {source.size})"
        raise InputError(source.name, f"shape {values.shape} instead of {expected}", "check the input's axes")
    if values.dtype.kind not in "iu":
        raise InputError(source.name, f"holds {values.dtype}, not integers", "quantize the input first")
    low, high = limits(source.bits)
    if payloads and values.size and (values.min() < low or values.max() > high):
        worst = int(values.max() if values.max() > high else values.min())
        raise InputError(
            source.name, f"payload {worst} does not fit {source.bits} bits ({low} .. {high})", "rescale it"
        )
    return values.shape[0], values.shape[1]


class Run:
    """The state of one simulation."""

    def __init__(
        self, program: Program, inputs: Mapping[str, IntArray], samples: int, steps: int, strict: bool
    ) -> None:
        self.program = program
        self.inputs = {name: np.asarray(values, dtype=np.int64) for name, values in inputs.items()}
        self.samples, self.steps, self.strict = samples, steps, strict
        self.now, self.input_start = 0, 0
        self.sizes = program.sizes()
        self.states = {population.name: self._initial(population) for population in program.populations}
        self.longest = max((projection.delay_steps for projection in program.projections), default=1)
        self.emitted: dict[str, list[IntArray]] = {name: [] for name in self.sizes}
        self.sent = {name: np.zeros((samples, size), dtype=np.int64) for name, size in self.sizes.items()}
        self.overflows: dict[str, int] = {}
        self.keeps = {population.name: self._keep(population) for population in program.populations}

    def prepare(self, probes: Sequence[Probe], record_messages: bool) -> None:
        """Make room for what is recorded."""
        self.messages = {
            name: np.zeros((self.samples, self.steps, size), dtype=np.int64) if record_messages else None
            for name, size in self.sizes.items()
        }
        self.registers: dict[str, IntArray] = {}
        for probe in probes:
            population = self.program.population(probe.population)
            declared = next(r for r in all_registers(population) if r.name == probe.register)
            extent = population.extent(declared.per)
            self.registers[str(probe)] = np.zeros((self.samples, self.steps, *extent), dtype=np.int64)

    def resume(self, t: int, states: Mapping[str, State], emitted: Mapping[str, Sequence[IntArray]]) -> None:
        """Continue another run before its step `t`; the inputs then begin at that step.

        Args:
            states: stored registers by population.
            emitted: by input or population, at least as many of its last messages as it has delays, oldest first.
        """
        self.prepare((), record_messages=False)
        self.input_start = t
        self.states = {name: dict(state) for name, state in states.items()}
        self.emitted = {name: list(messages) for name, messages in emitted.items()}

    def step(self, t: int) -> None:
        """Deliver, accumulate, step, emit; an overflow's error says in which step."""
        self.now = t
        try:
            self._advance(t)
        except OverflowTrapError as error:
            raise OverflowTrapError(error.where, f"{error.what}, step {t}", error.remedy) from None

    def _advance(self, t: int) -> None:
        drives = {p.name: self._drive(p, t) for p in self.program.populations}
        leaving = {source.name: self._incoming(source.name, t) for source in self.program.inputs}
        for population in self.program.populations:
            name = population.name
            after, message = step_population(population, self.states[name], drives[name], self.keeps[name])
            self.states[name] = after
            self._record_state(population)
            leaving[name] = np.broadcast_to(message, (self.samples, population.size))
        for name, message in leaving.items():
            self._emit(name, message, t)

    def trace(self) -> Trace:
        """What was recorded."""
        final = {f"{name}.{r}": value for name, state in self.states.items() for r, value in state.items()}
        return Trace(
            program=program_hash(self.program),
            simulator=NAME,
            samples=self.samples,
            steps=self.steps,
            messages={name: values for name, values in self.messages.items() if values is not None},
            registers=self.registers,
            sent=self.sent,
            final=final,
            overflows=self.overflows,
        )

    def _initial(self, population: Population) -> State:
        return {
            register.name: np.full(
                (self.samples, *population.extent(register.per)), initial_value(population, register), dtype=np.int64
            )
            for register in stored_registers(population)
        }

    def _incoming(self, name: str, t: int) -> IntArray:
        values, t = self.inputs[name], t - self.input_start
        return values[:, t] if t < values.shape[1] else np.zeros((self.samples, values.shape[2]), dtype=np.int64)

    def _drive(self, population: Population, t: int) -> Any:
        arrivals: dict[str, list[IntArray]] = {}
        for projection in self.program.into(population.name):
            if t >= projection.delay_steps:
                message = self.emitted[projection.source][-projection.delay_steps]
                arrivals.setdefault(projection.port, []).append(arriving(projection, message))
        nothing = np.zeros((self.samples, population.size), dtype=np.int64)
        return accumulate(population, arrivals, nothing)

    def _emit(self, name: str, message: IntArray, t: int) -> None:
        self.emitted[name] = [*self.emitted[name], message][-self.longest :]
        self.sent[name] += np.not_equal(message, 0)
        kept = self.messages[name]
        if kept is not None:
            kept[:, t] = message

    def _record_state(self, population: Population) -> None:
        for register, value in self.states[population.name].items():
            if (key := f"{population.name}.{register}") in self.registers:
                self.registers[key][:, self.now] = value

    def _keep(self, population: Population) -> Any:
        extents = {r.name: (self.samples, *population.extent(r.per)) for r in all_registers(population)}

        def observe(register: str, value: IntArray, held: IntArray) -> None:
            key = f"{population.name}.{register}"
            if key in self.registers:
                self.registers[key][:, self.now] = held
            # A value that hangs on coefficients alone has no sample axis yet.
            value, held = (np.broadcast_to(each, extents[register]) for each in (value, held))
            changed = np.argwhere(np.not_equal(value, held))
            if len(changed):
                self._overflow(population, key, changed, value)

        return keeper(population, observe)

    def _overflow(self, population: Population, key: str, changed: IntArray, value: IntArray) -> None:
        self.overflows[key] = self.overflows.get(key, 0) + len(changed)
        if self.strict:
            sample, neuron, *mode = (int(i) for i in changed[0])
            place = f"neuron {neuron}" + (f", mode {mode[0]}" if mode else "")
            raise OverflowTrapError(
                f"{key} ({population.origin or population.name})",
                f"{int(value[tuple(changed[0])])} does not fit in sample {sample}, {place}",
                "lower a weight exponent, widen the register, or run without strict mode to count overflows",
            )
