"""Seamount's compiler: trained state-space spiking networks become integer programs on Loihi-style cores.

graph = read_nir("model.nir")
compiled = compile_graph(graph, conventions_for(graph), calibration_inputs)
program = compiled.lowered.program
trace = simulators.reference.simulate(program, {"input": encode(program.inputs[0], inputs)[0]})
classes = decide(program, trace)

Names are imported when they are first used, so that `import toolchain` alone loads nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from toolchain.bounds.verify import verify
    from toolchain.errors import ToolchainError
    from toolchain.frontend.conventions import conventions_for
    from toolchain.frontend.read import read_nir
    from toolchain.frontend.write import write_nir
    from toolchain.host.decode import decide
    from toolchain.host.encode import encode
    from toolchain.ir.program import Population, Probe, Program, Projection
    from toolchain.ir.text import read_program, write_program
    from toolchain.ir.trace import Trace
    from toolchain.lower.pipeline import compile_graph
    from toolchain.mapping import load_target, place
    from toolchain.quantize.settings import Settings
    from toolchain.version import __version__

_HOMES = {
    "Population": "ir.program",
    "Probe": "ir.program",
    "Program": "ir.program",
    "Projection": "ir.program",
    "Settings": "quantize.settings",
    "ToolchainError": "errors",
    "Trace": "ir.trace",
    "__version__": "version",
    "compile_graph": "lower.pipeline",
    "conventions_for": "frontend.conventions",
    "decide": "host.decode",
    "encode": "host.encode",
    "load_target": "mapping",
    "place": "mapping",
    "read_nir": "frontend.read",
    "read_program": "ir.text",
    "verify": "bounds.verify",
    "write_nir": "frontend.write",
    "write_program": "ir.text",
}

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


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
