"""Files and frameworks -> a clean float graph: read, repair, check, run and write NIR."""

from toolchain.frontend.graph import Finding, Graph, Node
from toolchain.frontend.read import read_nir
from toolchain.frontend.write import write_nir

__all__ = ["Finding", "Graph", "Node", "read_nir", "write_nir"]
