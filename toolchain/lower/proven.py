"""Head-room for bounds in place of observations: as many bits to each population as its proof lacks.

A bound depends on the rounded numbers, which depend on the head-room: so a program is lowered, what its proof lacks is
given to the population, and again, until nothing lacks. Every bit is paid with one of resolution.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from toolchain.bounds.prove import RUNNING_SUM, ProvenRange, prove
from toolchain.ir.program import Program
from toolchain.lower.program import Lowered
from toolchain.quantize.settings import MOST_HEADROOM, Settings

ROUNDS = 12


def with_proven_ranges(lowered_by: Callable[[Settings], Lowered], settings: Settings, steps: int) -> Settings:
    """Settings with the head-room at which every register is proven to fit, where there is one.

    Registers of neurons are proven for runs of any length; a running sum, which grows without end, for `steps`.

    Args:
        lowered_by: the program of given settings.
        settings: to begin with.
        steps: length of a run.
    """
    for _ in range(ROUNDS):
        program = lowered_by(settings).program
        more = {
            name: bits
            for name, bits in lacking_bits(program, steps).items()
            if _headroom(settings, name) < MOST_HEADROOM
        }
        if not more:
            break
        settings = _with_more(settings, more)
    return settings


def lacking_bits(program: Program, steps: int) -> dict[str, int]:
    """Bits that populations lack for every register to be proven, by name; at least 1 where a proof fails."""
    forever = prove(program)
    limited = prove(program, steps) if any(_is_sum(program, row) for row in forever) else forever
    lacking: dict[str, int] = {}
    for any_length, for_steps in zip(forever, limited, strict=True):
        row = for_steps if _is_sum(program, any_length) else any_length
        if row.verdict != "proven":
            lacking.setdefault(row.population, 1)
            # A readout is bounded by its state's saturation until the state is proven: it does not say what lacks.
            if row.register.startswith("state") or _is_sum(program, row):
                lacking[row.population] = max(lacking[row.population], -(row.headroom_bits or -1))
    return lacking


def _is_sum(program: Program, row: ProvenRange) -> bool:
    return (program.population(row.population).neuron, row.register) == RUNNING_SUM


def _headroom(settings: Settings, population: str) -> int:
    return settings.for_population(population).headroom_bits


def _with_more(settings: Settings, more: dict[str, int]) -> Settings:
    populations = {name: dict(own) for name, own in settings.populations.items()}
    for name, bits in more.items():
        own = populations.setdefault(name, {})
        own["headroom_bits"] = min(_headroom(settings, name) + bits, MOST_HEADROOM)
    return replace(settings, populations=populations)


def unproven_findings(program: Program, steps: int) -> list[str]:
    """What is still not proven, in words."""
    return [
        f"{name}: not every register is proven to fit, even with {MOST_HEADROOM} bits of head-room; see the ranges"
        for name in lacking_bits(program, steps)
    ]
