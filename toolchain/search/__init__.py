"""Widths layer by layer: the cheapest program that loses no more accuracy than allowed."""

from toolchain.search.greedy import Found, search
from toolchain.search.measured import MINIMIZED, Measured
from toolchain.search.space import Factor, Space, space_of

__all__ = ["MINIMIZED", "Factor", "Found", "Measured", "Space", "search", "space_of"]
