"""What registers held during a run, and how it fits their widths."""

from __future__ import annotations

from collections.abc import Mapping

from toolchain.ir.program import Program
from toolchain.ir.timestep import all_registers
from toolchain.ir.trace import Trace
from toolchain.report.evidence import RegisterRange


def register_ranges(program: Program, trace: Trace, overflows: Mapping[str, int]) -> tuple[RegisterRange, ...]:
    """Least and greatest value of every register that a trace recorded.

    Args:
        program: that was run.
        trace: with registers.
        overflows: by ``"population.register"``, e.g. of a longer run.
    """
    found = []
    for population in program.populations:
        for register in all_registers(population):
            key = f"{population.name}.{register.name}"
            values = trace.registers.get(key)
            if values is None or not values.size:
                continue
            found.append(
                RegisterRange(
                    population=population.name,
                    register=register.name,
                    bits=population.width(register.bits),
                    overflow=register.overflow.value,
                    low=int(values.min()),
                    high=int(values.max()),
                    overflows=overflows.get(key, 0),
                )
            )
    return tuple(found)
