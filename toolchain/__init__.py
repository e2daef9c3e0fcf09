"""Seamount's compiler: trained state-space spiking networks become integer programs on Loihi-style cores.

graph = read_nir("model.nir")
compiled = compile_graph(graph, conventions_for(graph), calibration_inputs)
program = compiled.lowered.program
trace = simulators.reference.simulate(program, {"input": encode(program.inputs[0], inputs)[0]})
classes = decide(program, trace)
"""

from toolchain.errors import ToolchainError
from toolchain.frontend.conventions import conventions_for
from toolchain.frontend.read import read_nir
from toolchain.frontend.write import write_nir
from toolchain.ir.program import Population, Probe, Program, Projection
from toolchain.ir.text import read_program, write_program
from toolchain.ir.trace import Trace
from toolchain.ir.verify import verify
from toolchain.lower.encode import decide, encode
from toolchain.lower.pipeline import compile_graph
from toolchain.mapping import load_target, place
from toolchain.quantize.settings import Settings
from toolchain.version import __version__

__all__ = [
    "Population",
    "Probe",
    "Program",
    "Projection",
    "Settings",
    "ToolchainError",
    "Trace",
    "__version__",
    "compile_graph",
    "conventions_for",
    "decide",
    "encode",
    "load_target",
    "place",
    "read_nir",
    "read_program",
    "verify",
    "write_nir",
    "write_program",
]
