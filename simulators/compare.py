"""Two traces are equal, or the first divergence says where."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from toolchain.errors import ConformanceError
from toolchain.ir.integer import IntArray
from toolchain.ir.program import Program
from toolchain.ir.text import program_hash
from toolchain.ir.timestep import all_registers
from toolchain.ir.trace import Trace

MESSAGE = "message"
SILENT = "silent"
"""Messages of populations that never emit: held to agree, but not counted as values compared."""


@dataclass(frozen=True)
class Divergence:
    """The first place where two traces differ.

    Attributes:
        step, sample, population, neuron, mode: where; mode is None for what a neuron has one of.
        register: name of the register, or ``"message"``.
        left, right: the two values.
        origin: the NIR node that the population came from.
    """

    step: int
    sample: int
    population: str
    neuron: int
    mode: int | None
    register: str
    left: int
    right: int
    origin: str = ""

    def __str__(self) -> str:
        mode = "" if self.mode is None else f", mode {self.mode}"
        origin = f" (NIR node {self.origin})" if self.origin else ""
        return (
            f"step {self.step}, sample {self.sample}, {self.population}[{self.neuron}{mode}].{self.register}{origin}:"
            f" {self.left} against {self.right}"
        )


@dataclass(frozen=True)
class Comparison:
    """What comparing two traces found.

    Attributes:
        simulators: the two names.
        samples, steps: extent of what was compared.
        values_compared: by group: ``spikes`` (0/1 messages), ``payloads`` (graded messages), ``registers``.
        mismatches: number of values that differ.
        first: where they first differ, or None.
    """

    simulators: tuple[str, str]
    samples: int
    steps: int
    values_compared: Mapping[str, int]
    mismatches: int
    first: Divergence | None

    @property
    def equal(self) -> bool:
        """Whether nothing differs."""
        return self.mismatches == 0

    @property
    def total_compared(self) -> int:
        """Number of values compared in all groups."""
        return sum(self.values_compared.values())


@dataclass(frozen=True)
class _Pair:
    """One recorded quantity of both traces; `order` ranks it within a step."""

    population: str
    register: str
    group: str
    order: int
    left: IntArray
    right: IntArray


def compare(program: Program, left: Trace, right: Trace) -> Comparison:
    """Compare two traces of one program, value by value.

    Every message and register that both recorded is compared at every step both ran.

    Raises:
        ConformanceError: the traces are of another program, of different extent or input, or have nothing in common.
    """
    _check_same_run(program, left, right)
    pairs = list(_pairs(program, left, right))
    if not sum(pair.left.size for pair in pairs):
        raise ConformanceError("compare", "the traces have no recorded quantity in common", "record the same probes")
    counted: dict[str, int] = {}
    mismatches, firsts = 0, []
    for pair in pairs:
        _check_same_shape(pair)
        if pair.group != SILENT:
            counted[pair.group] = counted.get(pair.group, 0) + pair.left.size
        unequal = np.not_equal(pair.left, pair.right)
        mismatches += int(np.count_nonzero(unequal))
        if unequal.any():
            firsts.append(_first(program, pair, unequal))
    first = min(firsts, key=lambda found: found[0])[1] if firsts else None
    return Comparison((left.simulator, right.simulator), left.samples, left.steps, counted, mismatches, first)


def _check_same_run(program: Program, left: Trace, right: Trace) -> None:
    if left.program != right.program:
        raise ConformanceError("compare", "the traces are of different programs", "run one program on both simulators")
    if left.program != program_hash(program):
        raise ConformanceError(
            "compare", f"the traces are not of program {program.name!r}", "give the program they ran"
        )
    if (left.samples, left.steps) != (right.samples, right.steps):
        found = f"{left.samples} samples x {left.steps} steps against {right.samples} x {right.steps}"
        raise ConformanceError("compare", found, "give both simulators the same input")
    for name in [
        source.name for source in program.inputs if source.name in left.messages.keys() & right.messages.keys()
    ]:
        if not np.array_equal(left.messages[name], right.messages[name]):
            raise ConformanceError("compare", f"the runs had different input {name!r}", "give both the same input")


def _check_same_shape(pair: _Pair) -> None:
    if pair.left.shape != pair.right.shape:
        found = f"recorded in shapes {pair.left.shape} and {pair.right.shape}"
        raise ConformanceError(f"{pair.population}.{pair.register}", found, "simulate again")


def _pairs(program: Program, left: Trace, right: Trace) -> Iterator[_Pair]:
    order = 0
    for population in program.populations:
        for name in [r.name for r in all_registers(population)]:
            key, order = f"{population.name}.{name}", order + 1
            if key in left.registers and key in right.registers:
                yield _Pair(population.name, name, "registers", order, left.registers[key], right.registers[key])
        key, order = population.name, order + 1
        if key in left.messages and key in right.messages:
            group = {(0, 1): "spikes", (0, 0): SILENT}.get(population.message_range, "payloads")
            yield _Pair(population.name, MESSAGE, group, order, left.messages[key], right.messages[key])


def _first(program: Program, pair: _Pair, unequal: IntArray) -> tuple[tuple[int, int, int], Divergence]:
    """The earliest difference of one quantity and its rank among all: by step, then equation, then sample."""
    step = int(np.flatnonzero(unequal.any(axis=tuple(i for i in range(unequal.ndim) if i != 1)))[0])
    sample, *where = (int(i) for i in np.argwhere(unequal[:, step])[0])
    index = (sample, step, *where)
    divergence = Divergence(
        step=step,
        sample=sample,
        population=pair.population,
        neuron=where[0],
        mode=where[1] if len(where) > 1 else None,
        register=pair.register,
        left=int(pair.left[index]),
        right=int(pair.right[index]),
        origin=program.population(pair.population).origin,
    )
    return (step, pair.order, sample), divergence
