"""What would make a network fit a machine that it exceeds: tried by laying it out, not guessed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from toolchain.errors import PlacementError
from toolchain.ir.connections import Connection, Sparse, SumPooling
from toolchain.ir.integer import IntArray
from toolchain.ir.program import Program
from toolchain.mapping.memory import value_bits
from toolchain.mapping.system import AT, systems_of
from toolchain.mapping.target import Target

NARROWER = (7, 6, 5, 4, 3, 2)

Cores = Callable[[Program], int]
"""How many cores a program takes on the target at hand."""


def remedies(program: Program, target: Target, cores: int, count: Cores) -> str:
    """The smallest changes that make a program fit, each by itself.

    Args:
        program: which takes too many cores.
        target: with too few.
        cores: that the program takes.
        count: lays a program out.
    """
    return ", or ".join(_found(program, target, cores, count)) or "use fewer neurons or modes, or sum in relays"


def _found(program: Program, target: Target, cores: int, count: Cores) -> Iterator[str]:
    per_chip = target.cores_per_chip.whole
    chips, available = -(-cores // per_chip), target.chips_per_system.whole * per_chip
    larger = [system for system in systems_of(target.name) if system.chips.whole >= chips]
    if target.system and larger:
        yield f"use {target.name}{AT}{larger[0].name}: it takes {chips} chips of {larger[0].chips.whole}"
    widest = max((value_bits(p.connection.values) for p in program.projections), default=0)
    for bits in NARROWER:
        if bits < widest and (taken := _tried(narrowed(program, bits), count)) is not None and taken <= available:
            yield f"use weights of {bits} bits: {taken} cores"
            break
    for share in (25, 50, 75, 90):
        if (taken := _tried(pruned(program, share / 100), count)) is not None and taken <= available:
            yield f"prune {share} % of the weights: {taken} cores"
            break


def _tried(program: Program, count: Cores) -> int | None:
    try:
        return count(program)
    except PlacementError:
        return None


def narrowed(program: Program, bits: int) -> Program:
    """The program with weights of fewer bits, those that are not 0 kept from becoming 0: for laying out alone."""

    def narrow(values: IntArray) -> IntArray:
        steps = 2 ** max(0, value_bits(values) - bits)
        return np.sign(values) * np.where(values == 0, 0, np.maximum(1, np.abs(values) // steps))

    return _with_weights(program, narrow)


def pruned(program: Program, share: float) -> Program:
    """The program with that share of each projection's weights set to 0, the smallest first: for laying out alone."""

    def prune(values: IntArray) -> IntArray:
        kept = values.ravel().copy()
        kept[np.argsort(np.abs(kept), kind="stable")[: int(share * kept.size)]] = 0
        return kept.reshape(values.shape)

    return _with_weights(program, prune)


def _with_weights(program: Program, change: Callable[[IntArray], IntArray]) -> Program:
    projections = tuple(replace(p, connection=_changed(p.connection, change)) for p in program.projections)
    return replace(program, projections=projections)


def _changed(connection: Connection, change: Callable[[IntArray], IntArray]) -> Connection:
    if isinstance(connection, SumPooling):
        return connection
    if isinstance(connection, Sparse):
        return replace(connection, values=change(connection.values))
    return replace(connection, weights=change(connection.weights))
