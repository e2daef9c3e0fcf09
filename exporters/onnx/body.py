"""A population's step, line by line, as nodes.

What comes in: ``state.<register>`` and ``port.<port>``, and known coefficients. What comes out: ``next.<register>`` for
stored registers, ``message``, ``kept.<register>`` for recorded ones that are not stored, ``overflow.<register>``.

A state tensor holds how far its register is from where it starts, so that zeros begin every run: 0 stands for the
start. `wait`, the steps left to rest, falls from its start to 0, and its tensor counts the steps waited.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from exporters.onnx.lanes import Lanes
from exporters.onnx.nodes import TYPES
from exporters.onnx.primitives import Writer, write_count
from exporters.onnx.terms import Term, known
from exporters.scalar.plan import StepPlan
from toolchain.bounds.counts import Count
from toolchain.ir.integer import PRIMITIVES, IntArray, Overflow
from toolchain.ir.neurons.base import Extent
from toolchain.ir.timestep import WAIT, all_registers, initial_value
from toolchain.ir.tracing import Instruction, Operand, Symbol

SAMPLES = 2
"""Samples for which shapes are worked out."""

Name = Callable[[str], str]
"""A name of the listing -> the name of its tensor."""


@dataclass
class Body:
    """Writes one population's step.

    Attributes:
        plan: the step.
        writer: into what.
        name: how values of the listing are called there.
        given: tensors of the lanes for ``state.<register>`` and ``port.<port>``.
        samples: gives the name of a list that holds the number of samples.
        waiting: gives two tensors in the type of the edge: the steps waited, and the first step that is awake.
        edge: the type of tensors that come in and go out.
        counts: what is counted, by value; of everything else it is proven that it fits.
    """

    plan: StepPlan
    writer: Writer
    name: Name
    given: Callable[[str], Term]
    samples: Callable[[], str]
    waiting: Callable[[], tuple[str, str]]
    edge: Lanes
    counts: Mapping[str, Count]
    terms: dict[str, Term] = field(default_factory=dict)
    ends: dict[str, Term] = field(default_factory=dict)

    def write(self) -> dict[str, Term]:
        """Append the nodes; the ends by name, each with all its axes."""
        self.shapes = shapes_of_results(self.plan)
        self.resting: set[str] = set()
        if self.plan.population.start_step:
            self._begin_rest()
        for count in self.counts.values():
            if not count.register:  # a port's trap counts whether the step reads the port or not
                self._term(Symbol(count.value, self.plan.listing))
        for instruction in self.plan.listing.instructions:
            if instruction.result in self.plan.used and instruction.result not in self.terms:
                self._instruction(instruction)
        extents = {register.name: register.per for register in all_registers(self.plan.population)}
        for register, value in self.plan.listing.registers.items():
            if register != WAIT.name:
                self.ends[f"next.{register}"] = self._whole(
                    self._offset(register, self._term(value)), extents[register]
                )
        self.ends["message"] = self._message()
        for probed in self.plan.probed:
            kept = self._term(Symbol(self.plan.listing.kept[probed.name], self.plan.listing))
            self.ends[f"kept.{probed.name}"] = self._whole(kept, probed.per)
        return self.ends

    def count_port(self, port: str, value: Term, held: Term) -> None:
        """Count what does not fit a port with a trap."""
        if f"port.{port}" in self.counts:
            self._count(self.counts[f"port.{port}"], value, held)

    # -------------------------------------------------------------------------------------------------- the lines

    def _instruction(self, instruction: Instruction) -> None:
        result = instruction.result
        found, shape = self.plan.bounds.of[result], self.shapes.get(result, ())
        if self.plan.is_number(result) and result not in self.counts:
            self.terms[result] = known(found[0])
            return
        if self._rests(instruction):
            return
        operands = [self._term(operand) for operand in read_operands(self.plan, instruction)]
        made = Term(self.name(result), found, shape)
        self.terms[result] = self.writer.write(instruction.primitive, operands, made)
        if result in self.counts:
            per = next(r.per for r in all_registers(self.plan.population) if r.name == instruction.register)
            value, held = (self._whole(part, per) for part in (operands[0], self.terms[result]))
            self._count(self.counts[result], value, held)

    def _count(self, count: Count, value: Term, held: Term) -> None:
        key = count.register or count.value.removeprefix("port.")
        self.ends[f"overflow.{key}"] = write_count(
            self.writer, Overflow(count.rule), value, held, count.bits, self.edge
        )

    def _term(self, operand: Operand) -> Term:
        if not isinstance(operand, Symbol):
            return known(operand)
        if operand.name not in self.terms:
            self.terms[operand.name] = self._load(operand.name)
        return self.terms[operand.name]

    def _load(self, name: str) -> Term:
        group, _, part = name.partition(".")
        if group == "own":
            values = self.plan.coefficients[part]
            return known(values) if isinstance(values, int) else _labelled(name, values)
        if self.plan.is_number(name):
            return known(self.plan.bounds.of[name][0])
        term = self.given(name)
        return self._onset(part, term) if group == "state" else term

    # --------------------------------------------------------------------------------------- where registers start

    def _start(self, register: str) -> int:
        declared = next(r for r in self.plan.stored if r.name == register)
        return initial_value(self.plan.population, declared)

    def _onset(self, register: str, term: Term) -> Term:
        """A register of its state tensor."""
        start = self._start(register)
        made = Term(self.name(f"state.{register}.value"), term.range, term.shape)
        return self.writer.write("add", [term, known(start)], made) if start else term

    def _offset(self, register: str, term: Term) -> Term:
        """A state tensor of its register."""
        start = self._start(register)
        made = Term(self.name(f"next.{register}.offset"), term.range, term.shape)
        return self.writer.write("subtract", [term, known(start)], made) if start else term

    def _begin_rest(self) -> None:
        """Whether the population is awake: one flag a sample, since all its neurons wait for the same step."""
        nodes, start = self.writer.nodes, self.plan.population.start_step
        (waited, begins), shape = self.waiting(), (SAMPLES, *self.plan.population.extent("neuron"))
        nodes.about(self.name("rest"))
        first = nodes.add("Slice", waited, nodes.shape(0), nodes.shape(1), nodes.shape(1))
        flag = nodes.add("GreaterOrEqual", first, begins, result=self.name("awake"))
        self.awake = Term(flag, (0, 1), (SAMPLES, 1), flag=True)
        still = nodes.add("Cast", nodes.add("Less", first, begins), to=TYPES[self.edge])
        later = nodes.add("Add", waited, still)
        self.ends[f"next.{WAIT.name}"] = Term(later, (0, start), shape, outside=True)

    def _rests(self, instruction: Instruction) -> bool:
        """Write what hangs on whether the population rests; False where the instruction does not.

        While it rests its registers are where they start, where their tensors are 0, and it sends nothing.
        """
        if not self.plan.population.start_step:
            return False
        operands = [operand.name for operand in instruction.operands if isinstance(operand, Symbol)]
        if f"state.{WAIT.name}" in operands or (operands and operands[0] in self.resting):
            if instruction.primitive == "select":
                self._wake(instruction)
            else:
                self.resting.add(instruction.result)
                self.terms[instruction.result] = Term("", (0, 1))
            return True
        return False

    def _wake(self, instruction: Instruction) -> None:
        """What an awake population computes, or what it rests at: 0, or the register before the step."""
        _, before, after = instruction.operands
        value = self._term(after)
        rank = len(self.shapes[instruction.result])
        shape = np.broadcast_shapes(self._awake(rank).shape, value.shape)
        made = Term(self.name(instruction.result), self.plan.bounds.of[instruction.result], shape)
        w = self.writer
        if isinstance(before, Symbol) and self._start(before.name.partition(".")[2]):
            self.terms[instruction.result] = w.write("select", [self._awake(rank), value, self._term(before)], made)
            return
        w.nodes.about(made.name)
        if value.flag and rank == 2:
            both = w.nodes.add("And", self._awake(rank).name, value.name, result=made.name)
            self.terms[instruction.result] = Term(both, made.range, shape, flag=True)
            return
        product = w.nodes.add("Mul", w.operand(self._awake(rank)), w.operand(value), result=made.name)
        self.terms[instruction.result] = Term(product, made.range, shape)

    def _awake(self, rank: int) -> Term:
        """1 where the population is awake, with as many axes as a value."""
        if rank <= len(self.awake.shape):
            return self.awake
        if "awake.modes" not in self.terms:
            nodes = self.writer.nodes
            by_mode = nodes.add("Unsqueeze", self.writer.tensor(self.awake), nodes.shape(-1))
            self.terms["awake.modes"] = Term(by_mode, (0, 1), (*self.awake.shape, 1))
        return self.terms["awake.modes"]

    # ------------------------------------------------------------------------------------------------- all axes

    def _message(self) -> Term:
        """What is sent; where that is always the same number, it is written in the type of the edge."""
        term = self._term(self.plan.listing.message)
        if term.number is None:
            return self._whole(term, "neuron")
        nodes, extent = self.writer.nodes, self.plan.population.extent("neuron")
        nodes.about(self.name("message"))
        shape = nodes.add("Concat", self.samples(), nodes.shape(*extent), axis=0)
        whole = nodes.add("Expand", nodes.tensor(term.number, self.edge), shape)
        return Term(whole, term.range, (SAMPLES, *extent), outside=True)

    def _whole(self, term: Term, per: Extent) -> Term:
        """The value with all axes of its extent: one that is known, or that no sample changes, is repeated."""
        extent = self.plan.population.extent(per)
        if term.known is None and term.shape == (SAMPLES, *extent):
            return term
        nodes = self.writer.nodes
        nodes.about(term.name or "known")
        shape = nodes.add("Concat", self.samples(), nodes.shape(*extent), axis=0)
        whole = nodes.add("Expand", self.writer.tensor(term), shape)
        return Term(whole, term.range, (SAMPLES, *extent))


def read_operands(plan: StepPlan, instruction: Instruction) -> list[Operand]:
    """The operands that are computed: of a choice that is always the same, the other one may not be."""
    if instruction.primitive == "select":
        low, high = plan.bounds[instruction.operands[0]]
        if low == high:
            chosen = instruction.operands[1 if low else 2]
            return [low, chosen, chosen]
    return list(instruction.operands)


def _labelled(name: str, values: IntArray) -> Term:
    return Term(name, (int(values.min()), int(values.max())), np.shape(values), known=values)


def shapes_of_results(plan: StepPlan) -> dict[str, tuple[int, ...]]:
    """Shape of each value of a listing for `SAMPLES` samples, found by running the listing on zeros."""
    population, values = plan.population, dict[str, IntArray]()
    for coefficient, given in population.values().items():
        values[f"own.{coefficient}"] = np.zeros(np.shape(given), dtype=np.int64)
    for coefficient, used in plan.coefficients.items():
        if isinstance(used, int):
            values[f"own.{coefficient}"] = np.zeros((), dtype=np.int64)
    for register in plan.stored:
        values[f"state.{register.name}"] = np.zeros((SAMPLES, *population.extent(register.per)), dtype=np.int64)
    for port in population.type.ports:
        values[f"port.{port.name}"] = np.zeros((SAMPLES, population.size), dtype=np.int64)
    for line in plan.listing.instructions:
        # What has no ONNX form may have no form at all; writing it is what refuses it, in words.
        if line.primitive in PRIMITIVES and line.result in plan.used:
            if plan.is_number(line.result):
                values[line.result] = np.zeros((), dtype=np.int64)
                continue
            operands = [o if isinstance(o, int) else values[o.name] for o in read_operands(plan, line)]
            values[line.result] = PRIMITIVES[line.primitive](*operands)
    return {name: np.shape(value) for name, value in values.items()}
