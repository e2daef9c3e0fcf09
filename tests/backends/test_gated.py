"""Networks with gates, products, thresholds and graded state spaces: lowered, run through passes, equal everywhere."""

from __future__ import annotations

import pytest

from tests.backends.suite import Backend, assert_agrees, each_backend
from tests.gated_networks import FORMS, gated_data, gated_graph
from toolchain import compile_graph, conventions_for, encode
from toolchain.ir.program import Program
from toolchain.passes.pipeline import DEFAULT, run_passes


@pytest.fixture(scope="module")
def program() -> Program:
    """A block of each form, one after the other, read at every step."""
    graph = gated_graph(FORMS, readout="every step")
    lowered = compile_graph(graph, conventions_for(graph), gated_data(0, 8, 40)).lowered.program
    return run_passes(lowered, DEFAULT, lambda remark: None).program


@each_backend()
def test_every_form_is_equal_on_every_simulator(backend: Backend, program: Program) -> None:
    data = gated_data(1, 1 if backend.slow else 4, 24)
    trace = assert_agrees(backend, program, {"input": encode(program.inputs[0], data)[0]})
    assert {p.neuron for p in program.populations} >= {
        "sigmoid_gate",
        "binary_gate",
        "product",
        "ternary",
        "ssm_graded",
        "ssm_threshold",
        "lif",
        "relay",
    }
    assert all(trace.sent[p.name].any() for p in program.populations), "every population has something to say"
