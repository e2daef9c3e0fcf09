"""What can arrive at a port at most: the worst sum over what the sources can send.

It is the definition of a step itself (`ir.timestep`), run on intervals of messages in place of messages.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from toolchain.ir.integer import IntArray, add
from toolchain.ir.interval import Interval, hull, interval
from toolchain.ir.program import Population, Program, Projection
from toolchain.ir.timestep import arriving


def delivered(projection: Projection, messages: Interval) -> Interval:
    """What a projection can add to each target in a step, nothing included, (target,).

    Args:
        projection: from some source.
        messages: what each neuron of the source can send, (source,).
    """
    found: Interval = arriving(projection, hull(messages, interval(np.zeros_like(messages.low))))
    return found


def at_port(program: Program, population: Population, port: str, messages: Mapping[str, Interval]) -> Interval:
    """What can arrive at a port of each neuron in a step, before the port's overflow rule, (neuron,).

    Args:
        program, population, port: where.
        messages: what each input or population can send, by name.
    """
    still: IntArray = np.zeros(population.size, dtype=np.int64)
    total = Interval(still, still)
    for projection in program.into(population.name):
        if projection.port == port:
            total = add(total, delivered(projection, messages[projection.source]))
    return total


def at_ports(program: Program, population: Population, messages: Mapping[str, Interval]) -> dict[str, Interval]:
    """The same for each port of a population, by port."""
    return {port.name: at_port(program, population, port.name, messages) for port in population.type.ports}
