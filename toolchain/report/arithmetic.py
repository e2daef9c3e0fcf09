"""How many products a neuron's step takes, read from the step's own listing."""

from __future__ import annotations

from toolchain.ir.program import Population
from toolchain.ir.timestep import stored_registers
from toolchain.ir.tracing import Instruction, trace_step

PRODUCTS = ("multiply", "multiply_shift_floor", "multiply_shift_toward_zero")


def multiplications(population: Population) -> int:
    """Products of one step of one neuron: each primitive that multiplies, once a mode where its result is per mode."""
    per_mode = {f"own.{c.name}" for c in population.type.coefficients if c.per == "mode"}
    per_mode |= {f"state.{register.name}" for register in stored_registers(population) if register.per == "mode"}
    total = 0
    for instruction in trace_step(population).instructions:
        wide = _is_per_mode(instruction, per_mode)
        if wide:
            per_mode.add(instruction.result)
        if instruction.primitive in PRODUCTS:
            total += population.modes if wide else 1
    return total


def _is_per_mode(instruction: Instruction, per_mode: set[str]) -> bool:
    if instruction.primitive in ("each_mode", "sum_modes"):
        return instruction.primitive == "each_mode"
    return any(str(operand) in per_mode for operand in instruction.operands)
