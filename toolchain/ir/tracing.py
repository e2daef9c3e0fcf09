"""Run a neuron's step on symbols: a straight-line list of primitives that any backend can write down.

    current'  = ...            becomes     t0 = subtract(4095, own.du)
                                            t1 = multiply_shift_toward_zero(state.current, t0, 12)
                                            ...
                                            current = wrap(t3, 24)

A backend that implements the primitives of `integer` therefore implements every neuron type, present and future.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np

from toolchain.ir.neurons import Register, Values
from toolchain.ir.program import Population
from toolchain.ir.timestep import all_registers, step_population, stored_registers

Operand: TypeAlias = "Symbol | int"


@dataclass(frozen=True)
class Symbol:
    """A value that is known when the program runs.

    Attributes:
        name: ``own.<coefficient>``, ``state.<register>``, ``port.<port>``, or the result of an instruction.
        listing: where operations on it are written.
    """

    name: str
    listing: Listing = field(repr=False, compare=False)

    def apply_primitive(self, primitive: str, operands: tuple[object, ...]) -> Symbol:
        """Write one instruction and return its result."""
        return self.listing.append(primitive, operands)

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class Instruction:
    """One primitive applied: ``result = primitive(operands)``.

    Attributes:
        register: name of the register that the result is stored in, or "".
    """

    result: str
    primitive: str
    operands: tuple[Operand, ...]
    register: str = ""

    def __str__(self) -> str:
        return f"{self.result} = {self.primitive}({', '.join(map(str, self.operands))})"


@dataclass(eq=False)
class Listing:
    """The straight-line form of one population's step.

    Attributes:
        instructions: in order.
        registers: stored register -> symbol or number that it holds after the step.
        kept: register (stored or not) -> result of the instruction that applied its overflow rule.
        message: symbol or number that is emitted.
    """

    instructions: list[Instruction] = field(default_factory=list)
    registers: dict[str, Operand] = field(default_factory=dict)
    kept: dict[str, str] = field(default_factory=dict)
    message: Operand = 0

    def append(self, primitive: str, operands: tuple[object, ...], register: str = "") -> Symbol:
        """Write one instruction; its result is named after the register it fills, or t0, t1, ..."""
        result = f"{register}_next" if register else f"t{len(self.instructions)}"
        self.instructions.append(Instruction(result, primitive, tuple(map(_operand, operands)), register))
        if register:
            self.kept[register] = result
        return Symbol(result, self)

    def keep(self, declared: Register, bits: int, value: object) -> Symbol:
        """Write the instruction that brings a value into a register."""
        return self.append(declared.overflow.value, (value, bits), declared.name)

    def __str__(self) -> str:
        lines = [str(instruction) for instruction in self.instructions]
        lines += [f"store {register} = {value}" for register, value in self.registers.items()]
        return "\n".join([*lines, f"emit {self.message}"])


def _operand(value: object) -> Operand:
    """Symbols and plain integers are operands; anything else would be arithmetic hidden from the listing."""
    if isinstance(value, Symbol):
        return value
    if isinstance(value, int | np.integer):
        return int(value)
    raise TypeError(f"{type(value).__name__} is not an operand; write the neuron with integer primitives only")


def trace_step(population: Population) -> Listing:
    """List one step of a population.

    Settings appear as numbers; coefficients as ``own.<name>``; stored registers as ``state.<name>``; port sums, after
    the port's own overflow rule, as ``port.<name>``.
    """
    listing = Listing()
    own: dict[str, object] = {setting.name: population.setting(setting.name) for setting in population.type.settings}
    own |= {c.name: Symbol(f"own.{c.name}", listing) for c in population.type.coefficients}
    state = {register.name: Symbol(f"state.{register.name}", listing) for register in stored_registers(population)}
    ports = Values({port.name: Symbol(f"port.{port.name}", listing) for port in population.type.ports})
    declared = {register.name: register for register in all_registers(population)}

    def keep(register: str, value: object) -> Symbol:
        return listing.keep(declared[register], population.width(declared[register].bits), value)

    after, message = step_population(population, state, ports, keep, Values(own))
    listing.registers = {name: _operand(value) for name, value in after.items()}
    listing.message = _operand(message)
    return listing
