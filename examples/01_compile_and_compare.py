"""Compile a trained network from its NIR file, run it on the reference and on ONNX, compare, count.

    python examples/01_compile_and_compare.py

What `seamount deploy zoo:digits` does, in a few lines of Python and on 40 test digits.
"""

from __future__ import annotations

import numpy as np

import simulators.onnx
import simulators.reference
from models.tasks import load_task
from seamount.network import zoo_folder
from simulators.compare import compare
from toolchain import compile_graph, conventions_for, decide, encode, load_target, place, read_nir
from toolchain.report.counts import synops_by_sample


def main() -> None:
    """Print what each stage gives."""
    task = load_task("digits")
    graph = read_nir(zoo_folder() / "digits" / "model.nir")
    compiled = compile_graph(graph, conventions_for(graph), task.train.inputs[:128].astype(np.float64), name="digits")
    program = compiled.lowered.program
    for population in program.populations:
        print(f"{population.name:8} {population.size:3} x {population.neuron}, begins at step {population.start_step}")

    payload, error = encode(program.inputs[0], task.test.inputs[:40])
    inputs = {program.inputs[0].name: payload}
    print(f"inputs rounded by at most {error:g}")
    probes = program.all_probes()
    trace = simulators.reference.simulate(program, inputs, probes=probes)
    print(f"{np.mean(decide(program, trace) == task.test.labels[:40]):.3f} of 40 test digits are right")

    comparison = compare(program, trace, simulators.onnx.simulate(program, inputs, probes=probes))
    print(f"{comparison.total_compared:,} values compared with ONNX, {comparison.mismatches} differ")

    placement = place(program, load_target("loihi2"))
    print(f"{len(placement.cores)} core(s) of Loihi 2, limited by {placement.limiting_resource}")
    print(f"{synops_by_sample(program, trace).mean():,.0f} non-zero synaptic operations an inference")


if __name__ == "__main__":
    main()
