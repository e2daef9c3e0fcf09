"""What can arrive along projections at most, over all neurons of a target."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from toolchain.bounds.arrivals import delivered
from toolchain.bounds.listing import ANYTHING, Range
from toolchain.ir.integer import weighted_sum
from toolchain.ir.interval import Interval
from toolchain.ir.program import Projection

WORD_BITS = 63


def sum_range(projection: Projection, message: Range) -> Range:
    """Bounds of the exact sum at any target, before the shift; sums of any part of its synapses are within."""
    messages = _messages(projection, message)
    if messages is None:
        return ANYTHING
    total = weighted_sum(projection.connection.matrix(), messages)
    return int(total.low.min(initial=0)), int(total.high.max(initial=0))


def arrival_range(projection: Projection, message: Range) -> Range:
    """Bounds of what a projection adds to its port."""
    messages = _messages(projection, message)
    if messages is None:
        return ANYTHING
    total = delivered(projection, messages)
    return int(total.low.min(initial=0)), int(total.high.max(initial=0))


def port_ranges(projections: tuple[Projection, ...], messages: Mapping[str, Range]) -> Range:
    """Bounds of the sum of what several projections add to one port."""
    ranges = [arrival_range(projection, messages[projection.source]) for projection in projections]
    return sum(low for low, _ in ranges), sum(high for _, high in ranges)


def _messages(projection: Projection, message: Range) -> Interval | None:
    """A range of messages, nothing included, for each source; None where their sums might leave 64 bits."""
    low, high = min(message[0], 0), max(message[1], 0)
    size, values = projection.connection.source_size, projection.connection.values
    greatest = max(int(abs(values).max(initial=0)), 1) * max(-low, high) * max(size, 1)
    if greatest.bit_length() + max(projection.exponent, 0) >= WORD_BITS:
        return None
    return Interval(np.full(size, low), np.full(size, high))
