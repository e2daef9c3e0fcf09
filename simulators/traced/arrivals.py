"""What can arrive along projections at most, proven from weights and messages."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from simulators.traced.ranges import Range
from toolchain.ir.integer import PRIMITIVES
from toolchain.ir.program import Projection
from toolchain.ir.verify import absolute_row_sums


def sum_range(projection: Projection, message: Range) -> Range:
    """Bounds of the exact sum at any target, before the shift."""
    sums = absolute_row_sums(projection.connection)
    worst = int(sums.max(initial=0)) * max(-message[0], message[1])
    return -worst, worst


def arrival_range(projection: Projection, message: Range) -> Range:
    """Bounds of what a projection adds to its port."""
    shift = "shift_left" if projection.exponent >= 0 else "shift_floor"
    low, high = (
        int(PRIMITIVES[shift](np.array(end, dtype=object), abs(projection.exponent)))
        for end in sum_range(projection, message)
    )
    return low, high


def port_ranges(projections: tuple[Projection, ...], messages: Mapping[str, Range]) -> Range:
    """Bounds of the sum of what several projections add to one port."""
    ranges = [arrival_range(projection, messages[projection.source]) for projection in projections]
    return sum(low for low, _ in ranges), sum(high for _, high in ranges)
