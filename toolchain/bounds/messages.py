"""What each source of a program can send: the one fixpoint over its parts.

It begins with what the widths of messages allow, which every run keeps to, and narrows from there: what a population
is bounded to send bounds what arrives elsewhere. Each round holds by itself, so the search may end at any time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from toolchain.bounds.arrivals import at_ports
from toolchain.bounds.widths import whole
from toolchain.errors import UnsupportedError
from toolchain.ir.integer import Value, fit
from toolchain.ir.interval import Interval, hull, interval, overlap
from toolchain.ir.neurons import Values
from toolchain.ir.program import Population, Program
from toolchain.ir.timestep import all_registers, step_population, stored_registers

Bound = Callable[[Population, Mapping[str, Interval]], Interval]
"""(population, what arrives at each port) -> what each of its neurons can send."""

SPIKES = (0, 1)
NOTHING = (0, 0)


def declared(program: Program) -> dict[str, Interval]:
    """What each source can send by the width of its messages, or 0 for nothing, (neuron,)."""
    found = {}
    for name, size in program.sizes().items():
        low, high = program.source_range(name)
        found[name] = Interval(np.full(size, min(low, 0)), np.full(size, max(high, 0)))
    return found


def narrowed(program: Program, bound: Bound) -> dict[str, Interval]:
    """What each source can send, from what `bound` makes of each population until nothing more is gained.

    Args:
        program: verified, but for its ports.
        bound: is asked again where something that arrives has become less.
    """
    messages = declared(program)
    waiting = {population.name for population in program.populations}
    for _ in program.populations:
        for population in program.populations:
            if population.name not in waiting:
                continue
            waiting.discard(population.name)
            found = bound(population, at_ports(program, population, messages))
            before = messages[population.name]
            after = overlap(before, hull(found, interval(np.zeros_like(before.low))))
            if np.any(after.low > before.low) or np.any(after.high < before.high):
                messages[population.name] = after
                waiting |= {p.target for p in program.projections if p.source == population.name}
        if not waiting:
            break
    return messages


def sent(program: Program) -> dict[str, Interval]:
    """What each input channel and neuron can send in a step, 0 for nothing, by source, (neuron,).

    Spikes are 0 or 1. A graded message is bounded by what its neuron's arithmetic makes of what can arrive, whatever
    the registers that it keeps hold.
    """
    return narrowed(program, _one_step)


def _one_step(population: Population, ports: Mapping[str, Interval]) -> Interval:
    low, high = population.message_range
    shape = (population.size,)
    if (low, high) in (SPIKES, NOTHING):
        return Interval(np.full(shape, low), np.full(shape, high))
    rules = {
        register.name: (population.width(register.bits), register.overflow) for register in all_registers(population)
    }

    def keep(register: str, value: Value) -> Value:
        return fit(value, *rules[register])

    state = {
        register.name: whole(population.width(register.bits), population.extent(register.per))
        for register in stored_registers(population)
    }
    arrived = {port.name: fit(ports[port.name], port.bits, port.overflow) for port in population.type.ports}
    try:
        _, message = step_population(population, dict(state), Values(arrived), keep)
    except UnsupportedError:  # a neuron of someone's own, with what no backend knows either: they name it
        return Interval(np.full(shape, low), np.full(shape, high))
    found = interval(message)
    return Interval(np.broadcast_to(found.low, shape), np.broadcast_to(found.high, shape))
