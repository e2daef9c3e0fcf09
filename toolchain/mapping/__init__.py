"""A program on the cores of a target; targets are data files, each number with its source."""

from toolchain.mapping.place import place
from toolchain.mapping.placement import Core, Fill, Placement, Slice, Usage, read_placement, write_placement
from toolchain.mapping.quantity import GRADES, Quantity
from toolchain.mapping.target import RESOURCES, Limits, Target, load_target, shipped_targets

__all__ = [
    "GRADES",
    "RESOURCES",
    "Core",
    "Fill",
    "Limits",
    "Placement",
    "Quantity",
    "Slice",
    "Target",
    "Usage",
    "load_target",
    "place",
    "read_placement",
    "shipped_targets",
    "write_placement",
]
