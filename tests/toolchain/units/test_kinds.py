"""Rules that hold for every kind of unit: each rounded coefficient has its row, and each row finds its tensor again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from tests.gated_networks import FORMS, gated_data, gated_graph
from tests.toolchain.lower.kernel_graphs import DT, FLATTEN, chain, conv, fire, pool, spikes
from tests.toolchain.lower.test_shared_modes import shared
from tests.toolchain.quantize.networks import units_of
from tests.toolchain.quantize.test_floating import recurrent_graph
from tests.toolchain.units import test_oscillators_and_deltas
from toolchain.frontend.conventions import PRESETS, conventions_for
from toolchain.frontend.graph import FloatArray
from toolchain.frontend.sketch import Sketch
from toolchain.lower.pipeline import Compiled, compile_graph
from toolchain.units import KINDS
from toolchain.units.input import Input

NOT_ROUNDED = {"d_shift", "table"}
"""An exponent, and the values of a function, whose cost is a finding."""


def gated(readout: str) -> tuple[Compiled, FloatArray]:
    graph, data = gated_graph(FORMS, readout=readout), gated_data(0, 4, 30)
    return compile_graph(graph, conventions_for(graph), data), data


def recurrent(kind: str, preset: str) -> tuple[Compiled, FloatArray]:
    data = np.random.default_rng(1).integers(0, 2, (8, 30, 4)).astype(float)
    return compile_graph(recurrent_graph(kind), PRESETS[preset], data), data


def convolved() -> tuple[Compiled, FloatArray]:
    graph, data = chain((2, 6, 6), conv(4, 2, 3, 3), fire(), pool("Sum", 2, 2), FLATTEN), spikes((2, 6, 6))
    return compile_graph(graph, replace(PRESETS["nir"], dt=DT), data), data


def rectified() -> tuple[Compiled, FloatArray]:
    rng, sketch = np.random.default_rng(4), Sketch(1e-4)
    sketch.add("input", "Input", 3, {})
    hidden = sketch.rectifier("act", 5, sketch.matrix("w1", rng.normal(size=(5, 3)), "input", rng.normal(size=5)))
    total = sketch.integrator("sum", 2, sketch.matrix("w2", rng.normal(size=(2, 5)), hidden))
    sketch.add("output", "Output", 2, {}, total)
    data = rng.normal(size=(4, 20, 3))
    return compile_graph(sketch.graph({}), PRESETS["seamount"], data), data


def leaky() -> tuple[Compiled, FloatArray]:
    rng, sketch = np.random.default_rng(6), Sketch(DT)
    sketch.add("input", "Input", 3, {})
    params = {
        "tau_syn": np.full(4, 5 * DT),
        "tau_mem": np.full(4, 9 * DT),
        "r": np.full(4, 7.0),
        "w_in": np.full(4, 3.0),
    }
    first = sketch.matrix("w1", rng.normal(size=(4, 3)), "input")
    hidden = sketch.add("leaky", "CubaLI", 4, params | {"v_leak": np.zeros(4)}, first)
    sketch.add("output", "Output", 2, {}, sketch.matrix("w2", rng.normal(size=(2, 4)), hidden))
    data = rng.normal(size=(4, 20, 3))
    return compile_graph(sketch.graph({}), PRESETS["seamount"], data), data


def shared_modes() -> tuple[Compiled, FloatArray]:
    graph, data = shared(1, 3, 2), np.random.default_rng(2).normal(size=(4, 20, 4))
    return compile_graph(graph, conventions_for(graph), data), data


def stepped(name: str) -> tuple[Compiled, FloatArray]:
    graph, data = getattr(test_oscillators_and_deltas, name)(), test_oscillators_and_deltas.data()
    return compile_graph(graph, conventions_for(graph), data), data


CASES: dict[str, Callable[[], tuple[Compiled, FloatArray]]] = {
    "gates, summed": lambda: gated("sum"),
    "gates, each step": lambda: gated("step"),
    "LIF": lambda: recurrent("LIF", "nir"),
    "LIF, subtract": lambda: recurrent("LIF", "snntorch-subtract"),
    "CubaLIF": lambda: recurrent("CubaLIF", "nir"),
    "CubaLIF, delayed": lambda: recurrent("CubaLIF", "snntorch-delayed"),
    "convolution": convolved,
    "rectifier": rectified,
    "CubaLI": leaky,
    "S5": shared_modes,
    "oscillators": lambda: stepped("oscillators"),
    "deltas": lambda: stepped("deltas"),
}


@pytest.mark.parametrize("case", CASES)
def test_each_rounded_coefficient_has_a_row(case: str) -> None:
    made, _ = CASES[case]()
    rows = {tensor.name for tensor in made.lowered.tensors}
    program = made.lowered.program
    coefficients = {
        f"{p.name}.{name}" for p in program.populations for name in p.coefficients if name not in NOT_ROUNDED
    }
    assert rows == coefficients | {f"{projection.name}.weights" for projection in program.projections}


@pytest.mark.parametrize("case", CASES)
def test_each_row_replaces_the_tensor_that_it_rounded(case: str) -> None:
    """A row in its place changes a unit's tensors, if it rounded anything, and no more than it says."""
    made, _ = CASES[case]()
    for unit in made.network.populations:
        own = unit.tensors()
        for tensor in made.lowered.tensors:
            where, _, name = tensor.name.rpartition(".")
            if where != unit.name:
                continue
            after = unit.replaced(own, name, tensor.rounded)
            assert after.keys() == own.keys(), tensor.name
            moved = sum(np.abs(after[key] - own[key]).max() > 1e-12 for key in own)
            assert moved <= 1 or name in ("bias", "bias_mant"), tensor.name
            assert moved or tensor.sqnr_db is None, tensor.name


def test_the_cases_hold_every_kind() -> None:
    found = {type(unit) for case in CASES.values() for unit in case()[0].network.units}
    assert found == set(KINDS) and Input in found


def test_units_know_their_nodes() -> None:
    graph = gated_graph(FORMS)
    network = units_of(graph, conventions_for(graph))
    assert all(unit.exit in graph.nodes and unit.origin in graph.nodes for unit in network.units)
