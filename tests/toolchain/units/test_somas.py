"""Neurons behind a state space that no soma holds: other resets, rests and starts; each a neuron of its own."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from simulators.reference import simulate
from tests.toolchain.frontend.networks import DT, graph_of, linear, random_space, space_nodes
from toolchain.frontend import PRESETS, Graph, Node, run
from toolchain.host.encode import encode_all, payloads_of
from toolchain.lower.activity import activity_rows, aligned_messages
from toolchain.lower.floating import float_network, run_units
from toolchain.lower.pipeline import compile_graph

WIDTH, STEPS = 6, 80


def behind_a_space(**own: float) -> Graph:
    rng = np.random.default_rng(5)
    nodes, edges = space_nodes(random_space(rng, WIDTH, 4), "block", "fc", 4)
    values = {"tau": 2 * DT, "r": 2.0, "v_leak": 0.0, "v_threshold": 6.0, "v_reset": 0.0} | own
    soma = Node("soma", "LIF", {key: np.full(WIDTH, value) for key, value in values.items()}, (WIDTH,), (WIDTH,))
    first = linear("fc", rng.normal(size=(WIDTH, 3)))
    return graph_of(
        [first, *nodes, soma], [("input", "fc"), *edges, *pairwise(["block.y", "soma", "output"])], 3, WIDTH
    )


@pytest.mark.parametrize(
    ("own", "switches", "separate"),
    [
        ({}, {}, False),
        ({"v_leak": -3.0, "v_reset": -3.0}, {"start": "v_leak"}, False),
        ({"v_reset": -3.0}, {}, True),
        ({"v_leak": 1.5}, {}, True),
        ({"v_leak": -1.5, "v_reset": -4.0}, {"start": "v_leak"}, True),
        ({}, {"reset": "subtract"}, True),
        ({}, {"reset": "subtract-delayed"}, True),
        ({}, {"reset": "none", "compare": ">"}, True),
    ],
)
def test_the_program_fires_as_the_float_network(
    own: dict[str, float], switches: dict[str, Any], separate: bool
) -> None:
    graph, conventions = behind_a_space(**own), replace(PRESETS["seamount"], **switches)
    x = (np.random.default_rng(1).random((6, STEPS, 3)) < 0.4).astype(float)
    made = compile_graph(graph, conventions, x)
    kinds = [population.neuron for population in made.lowered.program.populations]
    assert ("ssm_graded" in kinds) == separate and ("ssm_lif" in kinds) != separate
    floats = run_units(float_network(made.network), x)
    out, _ = run(graph, x, conventions)
    (name,) = [unit.name for unit in made.network.units if unit.spikes]
    assert np.array_equal(floats[name], out) and 50 < out.sum() < 0.9 * out.size
    program = made.lowered.program
    sent = aligned_messages(program, made.network, simulate(program, payloads_of(encode_all(program, x))), STEPS)
    (row,) = activity_rows(made.network, floats, sent, {})
    assert min(row.precision or 0, row.recall or 0) > 0.97
