"""A population's step as torch operations, one a primitive: for a CPU, and for GPUs without Triton."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from simulators.accelerator.memory import DTYPES, Memory
from simulators.accelerator.plan import Plan
from simulators.accelerator.primitives import TORCH
from toolchain.bounds.counts import Count
from toolchain.bounds.ranges import fits
from toolchain.errors import UnsupportedError
from toolchain.ir.integer import Overflow, limits
from toolchain.ir.neurons import Register
from toolchain.ir.timestep import all_registers, stored_registers
from toolchain.ir.tracing import Instruction, Operand, Symbol


class TorchStep:
    """Steps of one population, all samples at once, in int64.

    Args:
        plan: of the population.
        device: where its tensors are.

    Raises:
        UnsupportedError: the step uses a primitive that has no form here.
    """

    def __init__(self, plan: Plan, device: str) -> None:
        self.plan, self.device, self.name = plan, device, plan.population.name
        own = plan.population.values()
        names = [coefficient.name for coefficient in plan.population.type.coefficients]
        self.own = {f"own.{name}": self._tensor(own[name]) for name in names}
        used = {operand for i in plan.listing.instructions for operand in i.operands}
        kept = {*plan.listing.registers.values(), plan.listing.message}
        self.numbers = {n: self._tensor(n) for n in used | kept if not isinstance(n, Symbol)}
        self.registers = {register.name: register for register in all_registers(plan.population)}
        self.stored = stored_registers(plan.population)
        self.probed = {register.name for register in plan.probed}
        self.counted = {count.value: (place, count) for place, count in enumerate(plan.counts)}
        for instruction in plan.listing.instructions:
            if instruction.primitive not in TORCH:
                what = f"primitive {instruction.primitive!r} has no torch form"
                raise UnsupportedError(self.name, what, "use the reference simulator")

    def _tensor(self, values: object) -> Tensor:
        return torch.tensor(values, dtype=torch.int64, device=self.device)

    def advance(self, memory: Memory, ports: Mapping[str, Tensor], start: int, stop: int) -> None:
        """Run steps of the block; the sums at the ports are (step, sample, neuron), from `start` on."""
        state = {f"state.{r.name}": memory.registers[self.name, r.name].to(torch.int64) for r in self.stored}
        for t in range(stop - start):
            values = {**self.own, **state}
            for port, sums in ports.items():
                self._arrive(memory, values, port, sums[t].to(torch.int64))
            for instruction in self.plan.listing.instructions:
                self._instruction(memory, values, instruction, start + t)
            state = {f"state.{r.name}": self._value(values, self.plan.listing.registers[r.name]) for r in self.stored}
            self._leave(memory, values, state, start + t)
        for register in self.stored:
            room = memory.registers[self.name, register.name]
            memory.registers[self.name, register.name] = torch.empty_like(room).copy_(state[f"state.{register.name}"])

    def _arrive(self, memory: Memory, values: dict[str, Tensor], port: str, sums: Tensor) -> None:
        """What arrives, by the port's own rule."""
        declared = next(p for p in self.plan.population.type.ports if p.name == port)
        name = f"port.{port}"
        values[name] = sums
        if not fits(self.plan.ports[port], declared.bits):
            values[name] = TORCH[declared.overflow.value](sums, self._tensor(declared.bits))
        if name in self.counted:
            self._count(memory, name, sums, values[name])

    def _instruction(self, memory: Memory, values: dict[str, Tensor], instruction: Instruction, place: int) -> None:
        operands = [self._value(values, operand) for operand in instruction.operands]
        held = TORCH[instruction.primitive](*operands)
        values[instruction.result] = held
        if instruction.result in self.counted:
            self._count(memory, instruction.result, operands[0], held)
        register = instruction.register
        if register in self.probed and register not in self.plan.listing.registers:
            memory.recorded[self.name, register][place] = held

    def _value(self, values: Mapping[str, Tensor], operand: Operand) -> Tensor:
        return values[operand.name] if isinstance(operand, Symbol) else self.numbers[operand]

    def _count(self, memory: Memory, name: str, value: Tensor, held: Tensor) -> None:
        """Take down how many elements did not fit."""
        place, count = self.counted[name]
        changed = _outside(value, count) if count.rule == Overflow.TRAP else value != held
        # A value that hangs on coefficients alone has no sample axis yet.
        extent = (memory.samples, *self._extent(count))
        memory.counts[self.name][place] += torch.count_nonzero(changed.expand(extent))

    def _extent(self, count: Count) -> tuple[int, ...]:
        declared: Register | None = self.registers.get(count.register)
        return self.plan.extent(declared) if declared else (self.plan.population.size,)

    def _leave(self, memory: Memory, values: Mapping[str, Tensor], state: Mapping[str, Tensor], place: int) -> None:
        for register in self.stored:
            if register.name in self.probed:
                memory.recorded[self.name, register.name][place] = state[f"state.{register.name}"]
        message = self._value(values, self.plan.listing.message)
        memory.rows(self.name, place, place + 1)[0] = message.to(DTYPES[self.plan.message_bits])


def _outside(value: Tensor, count: Count) -> Tensor:
    low, high = limits(count.bits)
    return (value < low) | (value > high)
