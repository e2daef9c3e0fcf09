"""Conventions about when: biases that begin a step late inside a loop, and neurons that emit a step late.

Both end here. A bias that is missing at the first step is a constant of the state before it, which shifts away:

    no current    v0 = -b / leak:            v' = v - v0 starts at 0, with threshold, reset and rest shifted
    a current     i0 = -b / current_leak:    i' = i - i0 starts at 0, b / current_leak enters i', as much leaves v

Late neurons are a chain's latency. What moves without input begins earlier by it, and where paths come together that
are late by different steps, the later ones keep the difference as a delay.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from toolchain.errors import UnsupportedError
from toolchain.frontend.graph import FloatArray, Graph
from toolchain.frontend.links import Link
from toolchain.frontend.primitives import SPIKING
from toolchain.units.base import Unit
from toolchain.units.lif import Lif
from toolchain.units.network import Network
from toolchain.units.reading import Reading


def with_late_bias(unit: Unit, bias: FloatArray) -> Unit:
    """The unit whose share `bias` (size,) of its constant drive begins at the second step.

    Raises:
        UnsupportedError: a neuron whose rule or lack of memory leaves that no place.
    """
    if not np.any(bias):
        return unit
    what = f"a recurrent bias up to {np.abs(bias).max():g} that begins at the second step"
    if not isinstance(unit, Lif) or unit.soma.reset != "to_v_reset" or unit.soma.v_reset is None:
        raise UnsupportedError(unit.origin, f"{what}, under another rule than a reset to v_reset", "leave the bias out")
    soma = unit.soma
    kept, held = soma.current_decay, soma.voltage_decay
    if np.any((bias != 0) & (kept == 0) & (held == 0)):
        raise UnsupportedError(unit.origin, f"{what}, in a neuron without memory", "leave the bias out")
    by_current = kept != 0
    into = np.where(by_current, bias / np.where(by_current, kept, 1.0), bias)
    out = np.where(by_current, unit.gain * into, 0.0)
    before = np.where(by_current | (held == 0), 0.0, -unit.gain * bias / np.where(held == 0, 1.0, held))
    assert soma.threshold is not None
    moved = replace(
        soma,
        leak=soma.leak - out - (1.0 - held) * before,
        threshold=soma.threshold - before,
        v_reset=soma.v_reset - before,
    )
    return replace(unit, bias=unit.bias - bias + into, soma=moved)


def with_late_outputs(reading: Reading, network: Network) -> Network:
    """The network whose neurons emit `output_delay_steps` late, with that as latency where it can be.

    Paths that come together later than others keep the difference as a delay of their links. What a unit gets late by
    all of its paths it gets in time in a program; it then runs ahead by as much, in `Network.early`.

    Raises:
        UnsupportedError: a unit that moves without input and would have to begin before the network does.
    """
    graph, conventions = reading.graph, reading.conventions
    steps = conventions.output_delay_steps
    if not steps:
        return network
    for link in network.links:
        if link.steps and (link.source != link.target or link.steps > 1):
            what = f"closes a loop in {link.steps} steps, under the preset {conventions.name} that emits spikes late"
            raise UnsupportedError(link.origin, what, "use a preset without --output-delay")
    late = {unit.name: 0 for unit in network.inputs}
    links = list(network.links)
    for unit in network.populations:
        places = [place for place, link in enumerate(links) if link.target == unit.name and not link.steps]
        arriving = {
            place: late[links[place].source] + _emits_late(graph, network, links[place], steps) for place in places
        }
        late[unit.name] = min(arriving.values(), default=0)
        for place, steps_late in arriving.items():
            links[place] = replace(links[place], delay=links[place].delay + steps_late - late[unit.name])
        if steps > 1 and unit.moves_alone and late[unit.name]:
            what = f"moves without input, {late[unit.name]} steps ahead of what reaches it"
            raise UnsupportedError(unit.origin, what, "use a convention of at most one step of delay")
    return replace(network, links=tuple(links), early=late)


def _emits_late(graph: Graph, network: Network, link: Link, steps: int) -> int:
    """By how much the source of a link is late."""
    origin = network.unit(link.source).origin
    return steps if origin in graph.nodes and graph.nodes[origin].kind in SPIKING else 0
