"""Delays longer than a limit, made of shorter ones: relays pass the source's messages on.

A relay answers in the step in which something reaches it, so two delays around it add up: no latency changes. Spikes
are relayed by `cuba_lif` neurons that keep nothing (one spike in, one spike out, still one bit); payloads of b bits
by `relay` neurons of b + 1 bits, since a relay saturates at +-(2^(bits-1) - 1) and the least payload is -2^(b-1).
"""

from __future__ import annotations

import dataclasses
import re

import numpy as np

from toolchain.bounds.messages import sent
from toolchain.bounds.widths import magnitude
from toolchain.errors import UnsupportedError
from toolchain.ir.connections import OneToOne
from toolchain.ir.program import PAYLOAD_BITS, Population, Program, Projection
from toolchain.lower.names import population_name, projection_name

LATER = re.compile(r"-later(-\d+)?$")
"""Ends the name of a relay that passes a source's messages on."""


def relay_long_delays(program: Program, max_delay_steps: int) -> Program:
    """Break up every delay over the limit; projections of one source share their relays.

    Raises:
        UnsupportedError: a payload of 24 bits would need a relay of 25.
    """
    while late := [p for p in program.projections if p.delay_steps > max_delay_steps]:
        program = _relayed(program, late[0].source, max_delay_steps)
    return program


def _relayed(program: Program, source: str, max_delay_steps: int) -> Program:
    """One relay of a source, as late as the limit allows; what is later yet leaves from there."""
    relay = message_relay(program, source)
    taken = {p.name for p in program.projections}
    weights = OneToOne(np.ones(relay.size, dtype=np.int64))
    link = Projection(
        projection_name(taken, source, relay.name), source, relay.name, weights, delay_steps=max_delay_steps
    )
    moved = tuple(
        dataclasses.replace(p, source=relay.name, delay_steps=p.delay_steps - max_delay_steps)
        if p.source == source and p.delay_steps > max_delay_steps
        else p
        for p in program.projections
    )
    return dataclasses.replace(program, populations=(*program.populations, relay), projections=(*moved, link))


def message_relay(program: Program, source: str) -> Population:
    """A population that emits what the source emitted, exactly."""
    name = population_name(program, LATER.sub("", source) + "-later")
    size, peak = program.sizes()[source], int(magnitude(sent(program)[source]).max())
    if program.source_range(source) == (0, 1):
        return Population(name, "cuba_lif", size, coefficients={"vth": np.zeros(size, dtype=np.int64)})
    return Population(name, "relay", size, settings={"message_bits": relay_bits(source, peak)})


def relay_bits(where: str, greatest: int) -> int:
    """Width of a relay that never saturates at magnitudes up to `greatest`.

    Raises:
        UnsupportedError: it would be over 24 bits.
    """
    bits = max(2, int(greatest).bit_length() + 1)
    if bits > PAYLOAD_BITS:
        what = f"sums up to {greatest} need a relay of {bits} bits (max {PAYLOAD_BITS})"
        raise UnsupportedError(where, what, "lower an exponent, or leave the pass out")
    return bits
