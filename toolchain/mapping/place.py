"""From a program to cores: tilings, layout, and the rounds that a target needs which counts destination cores.

Where an entry of the axon map serves all destinations, one round is the answer. Where each destination takes one, how
many a neuron takes depends on where its targets end up: a round assumes a number, lays out, and counts. If every core
stays within the limits by what was counted, that is the answer; else the next round assumes that and a little more.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from toolchain.errors import InputError, PlacementError
from toolchain.ir.program import Population, Program
from toolchain.ir.text import program_hash
from toolchain.mapping.layout import RULES, Layout, choose_tilings
from toolchain.mapping.placement import Core, Placement, limits_of
from toolchain.mapping.remedies import remedies
from toolchain.mapping.target import Target
from toolchain.mapping.usage import AxonMap, Demand, destinations, exceeded

MAX_ROUNDS = 64
SLACK = 0.01
"""What a round assumes beyond the last count, times its number: the next layout has a few more cores."""


def place(program: Program, target: Target, rule: str = "packed") -> Placement:
    """Split the populations over cores.

    Args:
        program: checked by `verify`.
        target: whose limits hold.
        rule: "packed" fills cores across populations, "layers" gives each population cores of its own.

    Returns:
        The placement; the same program, target and rule give the same one.

    Raises:
        PlacementError: a neuron type cannot run there, one neuron exceeds a core, or the system has too few chips; the
            message names the limit, by how much it is exceeded, and what to change.
        InputError: there is no such rule.
    """
    if rule not in RULES:
        raise InputError("mapping", f"no rule {rule!r}", f"use one of {', '.join(RULES)}")
    for population in program.populations:
        _check_type(population, target)
    demand = Demand(program, target)
    for population in program.populations:
        _check_words(population, demand)
    layout = settle(demand, rule)[0]
    _check_extent(program, target, rule, len(layout.cores))
    per_chip = target.cores_per_chip.whole
    cores = zip(layout.cores, layout.used, strict=True)
    placed = tuple(Core(at, at // per_chip, tuple(parts), usage) for at, (parts, usage) in enumerate(cores))
    return Placement(target.name, program_hash(program), limits_of(target), placed, rule)


def settle(demand: Demand, rule: str) -> tuple[Layout, int]:
    """Lay out until no core takes more of the axon map than it has; the layout, and how many rounds it took."""
    if demand.target.axon_map_by == "projection":
        choose_tilings(demand)
        return Layout(demand, rule), 1
    assumed = _one_each(demand)
    for number in range(1, MAX_ROUNDS + 1):
        demand.leaving = assumed
        choose_tilings(demand)
        layout = Layout(demand, rule)
        needed = destinations(demand, [part for core in layout.cores for part in core])
        _count_anew(demand, layout, needed)
        if not any(exceeded(usage, demand.target) for usage in layout.used):
            return layout, number
        assumed = {name: np.ceil(needed[name] * (1 + SLACK * number)).astype(np.int64) for name in needed}
    raise PlacementError(
        demand.program.name,
        f"axon maps still grow after {MAX_ROUNDS} rounds, at {len(layout.cores)} cores",
        "make connections sparser, or sum messages in relay neurons",
    )


def _one_each(demand: Demand) -> AxonMap:
    """One entry for each projection in which a neuron has a synapse."""
    demand.leaving = None
    return {p.name: demand.entries_of_neurons(p) for p in demand.program.populations}


def _count_anew(demand: Demand, layout: Layout, needed: AxonMap) -> None:
    """Put what the neurons of each core take of the axon map in place of what was assumed."""
    demand.leaving = needed
    for index, parts in enumerate(layout.cores):
        entries = sum(demand.without_arrivals(part).axon_map for part in parts)
        layout.used[index] = replace(layout.used[index], axon_map=entries)


def _check_type(population: Population, target: Target) -> None:
    if not target.supports(population.neuron):
        raise PlacementError(
            population.name,
            f"{target.name} cores are not programmable: no {population.neuron}, only {', '.join(target.neuron_types)}",
            "place it on a target with programmable neurons, e.g. loihi2",
        )


def _check_words(population: Population, demand: Demand) -> None:
    target = demand.target
    if target.words_per_neuron is None:
        return
    used, limit = demand.words[population.name][0], target.words_per_neuron.whole
    if used > limit:
        raise PlacementError(
            population.name,
            f"a neuron takes {used} words of state and coefficients, {target.name} has {limit} ({used - limit} over)",
            "use fewer modes a neuron or narrower registers",
        )


def _check_extent(program: Program, target: Target, rule: str, cores: int) -> None:
    available = target.cores_per_chip.whole * target.chips_per_system.whole
    if cores > available:
        raise PlacementError(
            program.name,
            f"takes {cores} cores, a {target.name} system has {available} ({cores - available} over)",
            remedies(program, target, cores, lambda tried: len(settle(Demand(tried, target), rule)[0].cores)),
        )
