"""`fold-scales`: a power of two that all weights of a projection share moves into its exponent.

With W = 2^k W', floor(W s 2^e) = floor(W' s 2^(e+k)): the sum is exact before it is shifted, so this holds for every
exponent, also for negative ones. Weights come out odd somewhere, so that equal maps at different scales look equal
(`relay-stream` shares them then).
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from toolchain.ir.connections import Connection, Convolution, Dense, OneToOne, Sparse
from toolchain.ir.integer import IntArray, shift_floor
from toolchain.ir.program import MAX_EXPONENT, Program, Projection
from toolchain.passes.base import Pass, PassResult


def shared_power(values: IntArray) -> int:
    """The greatest k at which 2^k divides every value; 0 where all are 0."""
    together = int(np.bitwise_or.reduce(np.abs(values), axis=None)) if values.size else 0
    return (together & -together).bit_length() - 1 if together else 0


def folded(projection: Projection) -> Projection:
    """The projection with its shared power of two in the exponent; itself where there is none."""
    power = min(shared_power(projection.connection.values), MAX_EXPONENT - projection.exponent)
    connection = _divided(projection.connection, power)
    if power < 1 or connection is None:
        return projection
    return dataclasses.replace(projection, connection=connection, exponent=projection.exponent + power)


def scaled(values: IntArray, exponent: int) -> tuple[IntArray, int]:
    """The pair with values 2^k smaller and the exponent k greater, for the greatest such k."""
    power = shared_power(values)
    return np.asarray(shift_floor(values, power)), exponent + power


def _divided(connection: Connection, power: int) -> Connection | None:
    """The connection with weights 2^power smaller; None for a pooling, whose weights are not its own."""
    if power < 1 or not isinstance(connection, Dense | Sparse | OneToOne | Convolution):
        return None
    values = np.asarray(shift_floor(connection.values, power))
    if isinstance(connection, Sparse):
        return dataclasses.replace(connection, values=values)
    return dataclasses.replace(connection, weights=values)


@dataclass(frozen=True)
class FoldScales(Pass):
    """Move powers of two that all weights of a projection share into its exponent."""

    name: ClassVar[str] = "fold-scales"

    def __call__(self, program: Program) -> PassResult:
        """Fold every projection."""
        projections = tuple(folded(projection) for projection in program.projections)
        moved = [p for p, before in zip(projections, program.projections, strict=True) if p is not before]
        if not moved:
            return PassResult(program)
        remarks = tuple(f"{p.name}: exponent {p.exponent}, its weights share no factor of 2 now" for p in moved)
        return PassResult(dataclasses.replace(program, projections=projections), remarks=remarks)
