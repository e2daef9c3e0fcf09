"""In which order the instructions of a step can run when the modes of a neuron are a loop.

    phase 0: what a neuron has one of      loop 0: what its modes have one each of      phase 1: after the sums      ...

A sum over modes is ready after its loop; everything else runs as early as its operands are ready.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from toolchain.ir.program import Population
from toolchain.ir.timestep import all_registers
from toolchain.ir.tracing import Instruction, Listing, Operand, Symbol


@dataclass
class Phases:
    """Where each value of a listing is computed.

    Attributes:
        in_modes: names of the values that differ between a neuron's modes.
        ready: name -> the phase (a neuron's value) or loop (a mode's value) from which on it can be used.
        stores: register kept by modes -> the loop that may overwrite it: none reads its old value later.
    """

    in_modes: set[str] = field(default_factory=set)
    ready: dict[str, int] = field(default_factory=dict)
    stores: dict[str, int] = field(default_factory=dict)

    def at(self, operand: Operand) -> int:
        """From which phase on an operand can be used."""
        return self.ready.get(operand.name, 0) if isinstance(operand, Symbol) else 0

    def differs(self, operand: Operand) -> bool:
        """Whether an operand differs between a neuron's modes."""
        return isinstance(operand, Symbol) and operand.name in self.in_modes

    @property
    def count(self) -> int:
        """Number of phases."""
        return 1 + max([0, *self.ready.values(), *self.stores.values()])


def phases(population: Population, listing: Listing) -> Phases:
    """Place every instruction and every store of a listing."""
    by_mode = {f"own.{c.name}" for c in population.type.coefficients if c.per == "mode"}
    registers = {r.name for r in all_registers(population) if r.per == "mode"}
    found = Phases(by_mode | {f"state.{name}" for name in registers})
    for instruction in listing.instructions:
        found.ready[instruction.result] = max((found.at(operand) for operand in instruction.operands), default=0)
        if is_sum(instruction, found):
            found.ready[instruction.result] += 1
        elif instruction.register in registers or any(map(found.differs, instruction.operands)):
            found.in_modes.add(instruction.result)
    for register in sorted(registers & listing.registers.keys()):
        reads = [runs_in(i, found) for i in listing.instructions if _reads(i, f"state.{register}")]
        found.stores[register] = max([found.at(listing.registers[register]), *reads])
    return found


def is_sum(instruction: Instruction, found: Phases) -> bool:
    """Whether an instruction adds up what differs between modes."""
    return instruction.primitive == "sum_modes" and found.differs(instruction.operands[0])


def runs_in(instruction: Instruction, found: Phases) -> int:
    """The phase or loop in which an instruction is written; a sum grows in the loop before its result is ready."""
    return found.ready[instruction.result] - is_sum(instruction, found)


def _reads(instruction: Instruction, name: str) -> bool:
    return any(isinstance(operand, Symbol) and operand.name == name for operand in instruction.operands)
