"""The exports of a build, run as they lie in it: what was compared is then what is shipped."""

from __future__ import annotations

import shutil
from collections.abc import Mapping

import simulators.lava
import simulators.onnx
from seamount.build.folder import BuildFolder
from seamount.simulators import find_simulator
from simulators.compare import Comparison, compare
from toolchain.folders import scratch
from toolchain.ir.integer import IntArray
from toolchain.ir.program import Program
from toolchain.ir.trace import Trace


def simulate_shipped(folder: BuildFolder, program: Program, inputs: Mapping[str, IntArray], name: str) -> Trace:
    """A simulator's run with every register recorded; Lava runs a copy of the package that the build holds.

    A copy, since Python leaves byte code beside what it runs.

    Raises:
        ToolchainError: as the simulator.
    """
    probes = program.all_probes()
    if name != simulators.lava.NAME:
        return find_simulator(name)(program, inputs, probes=probes, strict=False)
    with scratch("shipped") as place:
        copy = shutil.copytree(folder.lava, place / folder.lava.name)
        return simulators.lava.simulate_exported(copy, inputs, probes=probes, strict=False, keep_bytecode=True)


def with_shipped_model(
    folder: BuildFolder, program: Program, inputs: Mapping[str, IntArray], recorded: Trace, found: Comparison
) -> Comparison:
    """The comparison of a model that records every register; that of the build's own model.onnx where this one differs.

    Raises:
        ToolchainError: the file does not run.
    """
    if not folder.onnx.is_file():
        return found
    shipped = compare(program, recorded, simulators.onnx.simulate_file(folder.onnx, inputs, strict=False))
    return found if shipped.equal else shipped
