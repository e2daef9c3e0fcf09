"""Files and frameworks -> a clean float graph: read, repair, check, run and write NIR."""

from toolchain.frontend.conventions import PRESETS, Conventions, conventions_for, hint_for
from toolchain.frontend.discretize import DiscreteNeuron, discretize
from toolchain.frontend.execute import run
from toolchain.frontend.graph import Finding, Graph, Node
from toolchain.frontend.read import read_nir
from toolchain.frontend.ssm import SsmBlock, find_ssm_blocks
from toolchain.frontend.write import write_nir

__all__ = [
    "Finding", "Graph", "Node",
    "read_nir", "write_nir",
    "PRESETS", "Conventions", "conventions_for", "hint_for",
    "DiscreteNeuron", "discretize", "run",
    "SsmBlock", "find_ssm_blocks",
]  # fmt: skip
