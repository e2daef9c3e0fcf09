"""How many bits a lane needs for what `toolchain.bounds` says of the values of a traced step."""

from __future__ import annotations

from toolchain.bounds.listing import Bounds, Range, bounds, hull_of
from toolchain.ir.integer import limits
from toolchain.ir.program import Population
from toolchain.ir.tracing import trace_step

hull = hull_of

__all__ = ["Bounds", "Range", "bounds", "fits", "hull", "lane_width", "message_range", "message_width"]


def fits(value: Range, bits: int) -> bool:
    """Whether every value of the range is a two's complement word of `bits`."""
    low, high = limits(bits)
    return low <= value[0] and value[1] <= high


def lane_width(value: Range) -> int:
    """32 or 64 bits."""
    return 32 if fits(value, 32) else 64


def message_width(value: Range) -> int:
    """Bits of a stored message: spikes and other small numbers are bytes."""
    return 8 if fits(value, 8) else lane_width(value)


def message_range(population: Population) -> Range:
    """The least and the greatest message that the step can emit, from its arithmetic alone."""
    listing = trace_step(population)
    return hull((0, 0), bounds(population, listing)[listing.message])
