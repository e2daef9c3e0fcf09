"""What registers held during a run, what they can hold at most, and how both fit their widths."""

from __future__ import annotations

from collections.abc import Mapping

from toolchain.bounds.prove import prove
from toolchain.ir.program import Program
from toolchain.ir.timestep import all_registers
from toolchain.ir.trace import Trace
from toolchain.report.evidence import RegisterRange


def register_ranges(program: Program, trace: Trace, overflows: Mapping[str, int]) -> tuple[RegisterRange, ...]:
    """Least and greatest value of every register that a trace recorded, beside what is proven for runs of its length.

    Args:
        program: that was run.
        trace: with registers.
        overflows: by ``"population.register"``, e.g. of a longer run.
    """
    proven = {(row.population, row.register): row for row in prove(program, trace.steps)}
    found = []
    for population in program.populations:
        for register in all_registers(population):
            key = f"{population.name}.{register.name}"
            values = trace.registers.get(key)
            if values is None or not values.size:
                continue
            claim = proven[population.name, register.name]
            found.append(
                RegisterRange(
                    population=population.name,
                    register=register.name,
                    bits=population.width(register.bits),
                    overflow=register.overflow.value,
                    low=int(values.min()),
                    high=int(values.max()),
                    overflows=overflows.get(key, 0),
                    proven_low=claim.low,
                    proven_high=claim.high,
                    verdict="can overflow" if overflows.get(key, 0) else claim.verdict,
                    safe_steps=claim.safe_steps,
                )
            )
    return tuple(found)
