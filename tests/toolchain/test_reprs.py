"""What a notebook shows of a network, a program and a run: parts and shapes, never weights."""

from __future__ import annotations

import numpy as np

from simulators.reference import simulate
from tests.toolchain.ir.samples import digits_in_small
from toolchain.frontend.graph import Finding, Graph, Node

FC = Node("fc", "Affine", {"weight": np.ones((10, 4096))}, (4096,), (10,))
GRAPH = Graph(
    {"in": Node("in", "Input", {}, (1, 64, 64), (1, 64, 64)), "fc": FC},
    (("in", "fc"),),
    findings=(Finding("fc", "has a bias of one number", "broadcast to (10,)"),),
)


def test_a_graph_lists_its_nodes() -> None:
    assert repr(GRAPH).splitlines() == [
        "Graph of 2 nodes and 1 edges",
        "  in  Input      1 x 64 x 64",
        "  fc  Affine     10             from in",
        "  repair: fc: has a bias of one number; broadcast to (10,)",
    ]


def test_a_program_and_a_trace_list_their_parts() -> None:
    program = digits_in_small()
    lines = repr(program).splitlines()
    assert lines[0].startswith(f"Program {program.name}, ")
    assert len(lines) == 1 + sum(map(len, (program.inputs, program.populations, program.projections, program.outputs)))
    inputs = {source.name: np.zeros((2, 3, source.size), dtype=np.int64) for source in program.inputs}
    trace = simulate(program, inputs, strict=False)
    shown = repr(trace)
    steps = 3 + program.latency_steps
    assert shown.startswith(f"Trace of 2 samples x {steps} steps on reference") and f"(2, {steps}, " in shown
    assert shown.splitlines()[-1] == "  overflows: none" and "array" not in shown
