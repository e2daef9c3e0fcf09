"""A population's step as lines of code: phases, loops over modes between them, stores at the end.

The order is that of `toolchain.ir.phases`. What differs between languages is in a `Language`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol

from exporters.scalar.plan import StepPlan
from toolchain.bounds.counts import Count
from toolchain.bounds.ranges import Range
from toolchain.errors import UnsupportedError
from toolchain.ir.integer import Overflow, limits
from toolchain.ir.neurons import Register
from toolchain.ir.phases import is_sum, runs_in
from toolchain.ir.tracing import Instruction, Operand, Symbol


@dataclass(frozen=True)
class Value:
    """A value in the code.

    Attributes:
        text: an expression without side effects: a name, or a number.
        kind: how the language holds it: ``"flag"`` for what a comparison gives, else one of its own.
        range: what it can be.
    """

    text: str
    kind: str
    range: Range

    @property
    def number(self) -> int | None:
        """Its number, where it can be only one."""
        return self.range[0] if self.range[0] == self.range[1] else None


class Language(Protocol):
    """How a language writes what a step consists of. `where` in a name is neuron i, or mode m of neuron i."""

    def number(self, value: int) -> Value:
        """A number in the code."""
        ...

    def primitive(self, name: str, result: Range, operands: list[Value]) -> Value:
        """One primitive's expression; UnsupportedError, with the reason, where there is none."""
        ...

    def declare(self, name: str, value: Value) -> tuple[str, Value]:
        """The line that names a value, and the value by that name."""
        ...

    def coefficient(self, plan: StepPlan, name: str, of_modes: bool) -> str:
        """A coefficient's element, or its table."""
        ...

    def state(self, plan: StepPlan, register: Register) -> str:
        """A stored register's element, to be read or assigned."""
        ...

    def probe(self, plan: StepPlan, register: Register) -> str:
        """A recorded register's element, to be assigned."""
        ...

    def message(self, plan: StepPlan) -> str:
        """The emitted message's element, to be assigned."""
        ...

    def port(self, plan: StepPlan, port: str) -> Value:
        """What arrived at a port: an expression, in the range of the plan."""
        ...

    def assign(self, target: str, value: Value, held: Range) -> str:
        """The line that stores a value in an array of elements of a range."""
        ...

    def begin_sum(self, name: str, total: Range) -> tuple[str, Value]:
        """The line that begins a sum over modes at 0, and the sum by its name."""
        ...

    def grow_sum(self, total: Value, value: Value) -> str:
        """The line that adds to a sum over modes."""
        ...

    def count(self, number: int, value: Value, low: int, high: int) -> str:
        """The line that counts a value outside of a range."""
        ...

    def loop_modes(self, modes: int) -> str:
        """The line that opens the loop over modes."""
        ...

    def keep_modes(self, name: str, value: Value, modes: int) -> tuple[str, str, str]:
        """For a mode's value that a later loop needs: lines that make room, that keep it, and the element."""
        ...


@dataclass
class Walk:
    """Writes one step; `lines` is what came out, one neuron's work, indented by two blanks a level."""

    plan: StepPlan
    language: Language
    lines: list[str] = field(default_factory=list)
    room: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.values: dict[str, Value] = {}
        self.kept: dict[str, tuple[str, Value]] = {}
        self.counted = {count.value: (place, count) for place, count in enumerate(self.plan.counts)}
        self.registers = {register.name: register for register in self.plan.stored}
        self.probed = {register.name: register for register in self.plan.probed}
        self.indent = ""

    def write(self) -> list[str]:
        """The lines of one neuron; `room` then has those that stand before the loop over neurons."""
        for port in self.plan.population.type.ports:
            if f"port.{port.name}" in self.plan.used:
                self._port(port.name, port.bits, port.overflow)
        for phase in range(self.plan.order.count):
            self._phase(phase)
            self._loop(phase)
        self._leave()
        return self.lines

    def _add(self, line: str) -> None:
        self.lines.append(self.indent + line)

    def _port(self, name: str, bits: int, rule: Overflow) -> None:
        arrived, found = self.language.port(self.plan, name), f"port.{name}"
        low, high = limits(bits)
        if arrived.number is not None and low <= arrived.number <= high:
            self.values[found] = self.language.number(arrived.number)
            return
        line, value = self.language.declare(found, arrived)
        self._add(line)
        if not (low <= arrived.range[0] and arrived.range[1] <= high):
            held = self.plan.bounds.of[found]
            self._count(found, value)
            line, value = self.language.declare(
                f"{found}.held", self.language.primitive(rule.value, held, [value, self.language.number(bits)])
            )
            self._add(line)
        self.values[found] = value

    def _runs(self, phase: int, *, in_modes: bool) -> Iterable[Instruction]:
        """The instructions of one phase, or of the loop after it."""
        order = self.plan.order
        for instruction in self.plan.listing.instructions:
            looped = instruction.result in order.in_modes or is_sum(instruction, order)
            if instruction.result in self.plan.used and looped == in_modes and runs_in(instruction, order) == phase:
                yield instruction

    def _phase(self, phase: int) -> None:
        for instruction in self._runs(phase, in_modes=False):
            self._instruction(instruction)

    def _loop(self, phase: int) -> None:
        body = list(self._runs(phase, in_modes=True))
        stores = [name for name, at in self.plan.order.stores.items() if at == phase]
        if not body and not stores:
            return
        for instruction in body:
            if is_sum(instruction, self.plan.order):
                found = self.plan.bounds.of[instruction.result]
                line, self.values[instruction.result] = self.language.begin_sum(instruction.result, found)
                self._add(line)
        self._add(self.language.loop_modes(self.plan.population.modes))
        outside, self.indent = dict(self.values), self.indent + "  "
        for instruction in body:
            if is_sum(instruction, self.plan.order):
                total = self.values[instruction.result]
                self._add(self.language.grow_sum(total, self._operand(instruction.operands[0])))
            else:
                self._instruction(instruction)
                self._keep_for_later(instruction.result, phase)
        for name in stores:
            self._store(self.registers[name])
        self.indent = self.indent[2:]
        self._add("}")
        # What was named inside the loop has no name outside of it.
        self.values = outside

    def _keep_for_later(self, name: str, phase: int) -> None:
        """A mode's value that a later loop reads is kept for each mode."""
        order, listing = self.plan.order, self.plan.listing
        later = any(
            runs_in(i, order) > phase and any(isinstance(o, Symbol) and o.name == name for o in i.operands)
            for i in listing.instructions
            if i.result in self.plan.used
        ) or any(
            isinstance(listing.registers[r], Symbol) and str(listing.registers[r]) == name and at > phase
            for r, at in order.stores.items()
        )
        if later:
            value = self.values[name]
            room, line, element = self.language.keep_modes(name, value, self.plan.population.modes)
            self.room.append(room)
            self._add(line)
            self.kept[name] = element, value

    def _instruction(self, instruction: Instruction) -> None:
        found = self.plan.bounds.of[instruction.result]
        if self.plan.is_number(instruction.result) and instruction.result not in self.counted:
            self._hold(instruction, self.language.number(found[0]))
            return
        operands = self._operands(instruction)
        try:
            value = self.language.primitive(instruction.primitive, found, operands)
        except UnsupportedError as error:
            raise UnsupportedError(self.plan.population.name, error.what, error.remedy) from None
        if instruction.result in self.counted:
            self._count(instruction.result, operands[0])
        if value.number is None and value.text != operands[0].text:
            line, value = self.language.declare(instruction.result, value)
            self._add(line)
        self._hold(instruction, value)

    def _operands(self, instruction: Instruction) -> list[Value]:
        """Of a choice that is always the same, the other operand is not computed."""
        if instruction.primitive == "select":
            low, high = self.plan.bounds[instruction.operands[0]]
            if low == high:
                chosen = self._operand(instruction.operands[1 if low else 2])
                return [self.language.number(low), chosen, chosen]
        return [self._operand(operand) for operand in instruction.operands]

    def _hold(self, instruction: Instruction, value: Value) -> None:
        """A result by its name, recorded where it is a register that is asked for."""
        self.values[instruction.result] = value
        if instruction.register in self.probed:
            register = self.probed[instruction.register]
            held = self.plan.probe_range(register.name)
            self._add(self.language.assign(self.language.probe(self.plan, register), value, held))

    def _count(self, name: str, value: Value) -> None:
        if name in self.counted:
            place, count = self.counted[name]
            self._add(self.language.count(place, value, *held_range(count)))

    def _operand(self, operand: Operand) -> Value:
        if not isinstance(operand, Symbol):
            return self.language.number(operand)
        if operand.name not in self.values:
            self.values[operand.name] = self._load(operand.name)
        return self.values[operand.name]

    def _load(self, name: str) -> Value:
        """Read a coefficient, a stored register, or a mode's value of an earlier loop."""
        group, _, part = name.partition(".")
        found = self.plan.bounds.of[name]
        if group == "own":
            shared = self.plan.coefficients[part]
            if isinstance(shared, int):
                return self.language.number(shared)
            element = self.language.coefficient(self.plan, part, name in self.plan.order.in_modes)
            if self._is_table(part):
                return Value(element, "table", found)
        elif group == "state":
            element = self.language.state(self.plan, self.registers[part])
        else:
            element, kept = self.kept[name]
            found = kept.range
        line, value = self.language.declare(name, Value(element, "element", found))
        self._add(line)
        return value

    def _is_table(self, coefficient: str) -> bool:
        return any(c.name == coefficient and c.per == "population" for c in self.plan.population.type.coefficients)

    def _store(self, register: Register) -> None:
        value = self._operand(self.plan.listing.registers[register.name])
        held = self.plan.state_range(register.name)
        self._add(self.language.assign(self.language.state(self.plan, register), value, held))

    def _leave(self) -> None:
        for register in self.plan.stored:
            if register.per != "mode":
                self._store(register)
        message = self._operand(self.plan.listing.message)
        self._add(self.language.assign(self.language.message(self.plan), message, self.plan.message))


def held_range(count: Count) -> Range:
    """What fits: saturation is symmetric."""
    low, high = limits(count.bits)
    return (-high if count.rule == Overflow.SATURATE else low), high
