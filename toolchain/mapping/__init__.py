"""A program on the cores of a target; targets are data files, each number with its source."""

from toolchain.mapping.layout import RULES
from toolchain.mapping.place import place
from toolchain.mapping.placement import Core, Fill, Placement, Usage, read_placement, write_placement
from toolchain.mapping.quantity import GRADES, Quantity
from toolchain.mapping.slices import Slice
from toolchain.mapping.system import System, load_system, shipped_systems
from toolchain.mapping.target import RESOURCES, Limits, Target, load_target, shipped_targets

__all__ = [
    "GRADES",
    "RESOURCES",
    "RULES",
    "Core",
    "Fill",
    "Limits",
    "Placement",
    "Quantity",
    "Slice",
    "System",
    "Target",
    "Usage",
    "load_system",
    "load_target",
    "place",
    "read_placement",
    "shipped_systems",
    "shipped_targets",
    "write_placement",
]
