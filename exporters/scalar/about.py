"""What a written program says about itself: names, sizes, widths, exponents, latency."""

from __future__ import annotations

from typing import Any

from exporters.scalar.plan import ProgramPlan, StepPlan
from toolchain.ir.program import Output, Population
from toolchain.ir.text import program_hash
from toolchain.ir.timestep import all_registers, initial_value


def describe(plan: ProgramPlan) -> dict[str, Any]:
    """Facts as JSON has them.

    Keys: ``name``, ``program`` (sha256 of its text), ``semantics_version``, ``latency_steps``, ``inputs`` (a payload p
    stands for p * 2^-exponent; ``overflow`` says what becomes of a number beyond all payloads), ``outputs``
    (``register`` is "" where the output is messages; ``reading``, ``exponents``, ``early_steps`` as
    `ir.program.Output` has them), ``populations`` with their registers, ``overflows`` (the registers whose counts are
    kept: all others are proven to fit), ``notes``.
    """
    program = plan.program
    return {
        "name": program.name,
        "program": program_hash(program),
        "semantics_version": program.semantics_version,
        "latency_steps": program.latency_steps,
        "inputs": [
            {"name": i.name, "size": i.size, "bits": i.bits, "exponent": i.exponent, "overflow": i.overflow}
            for i in program.inputs
        ],
        "outputs": [_output(plan, output) for output in program.outputs],
        "populations": {name: _population(step) for name, step in plan.steps.items()},
        "overflows": overflow_keys(plan),
        "traps": [key for key, trap in zip(overflow_keys(plan), traps(plan), strict=True) if trap],
        "notes": dict(program.notes),
    }


def _output(plan: ProgramPlan, output: Output) -> dict[str, Any]:
    return {
        "name": output.name,
        "population": output.population,
        "register": output.register,
        "size": plan.program.sizes()[output.population],
        "reading": output.reading,
        "exponents": list(output.exponents),
        "early_steps": output.early_steps,
    }


def overflow_keys(plan: ProgramPlan) -> list[str]:
    """``<population>.<register>`` (or port) of each count, in order."""
    return [f"{name}.{count.register or count.value.removeprefix('port.')}" for name, count in plan.counts]


def traps(plan: ProgramPlan) -> list[bool]:
    """For each count, whether the run ends where something is counted."""
    return [count.rule == "trap" for _, count in plan.counts]


def _population(step: StepPlan) -> dict[str, Any]:
    population = step.population
    stored = {register.name for register in step.stored}
    shown = stored | {register.name for register in step.probed}
    return {
        "neuron": population.neuron,
        "size": population.size,
        "modes": population.modes,
        "origin": population.origin,
        "messages": list(step.message),
        "registers": {
            register.name: {
                "bits": population.width(register.bits),
                "overflow": register.overflow.value,
                "per": register.per,
                "stored": register.name in stored,
                "initial": initial_value(population, register) if register.name in stored else 0,
                "meaning": register.meaning,
            }
            for register in all_registers(population)
            if register.name in shown
        },
    }


def extent(population: Population, per: str) -> int:
    """Elements of a register of that extent."""
    return population.size * population.modes if per == "mode" else population.size
