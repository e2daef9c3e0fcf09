"""Loops through several layers, and late ones through one: where cores can close them, they are the float network's."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import nir
import numpy as np
import pytest

import seamount as sm
from exporters.nir import program_to_graph
from simulators.reference import simulate
from toolchain.errors import UnsupportedError
from toolchain.frontend.conventions import conventions_for
from toolchain.frontend.execute import run
from toolchain.frontend.graph import Graph
from toolchain.host.encode import encode_all, payloads_of
from toolchain.lower.activity import aligned_messages
from toolchain.lower.floating import float_network, run_units
from toolchain.lower.pipeline import compile_graph
from toolchain.passes.pipeline import DEFAULT, run_passes
from toolchain.units.network import levels_of

DT, STEPS = 1e-4, 30
SIZES = {"a": 5, "b": 4, "c": 3}


def weights(target: str, source: str) -> np.ndarray:
    rng = np.random.default_rng(ord(target[0]) * 31 + ord(source[0]))
    return rng.integers(-5, 8, (SIZES[target], SIZES.get(source, 6))) / 8


def neuron(kind: str, size: int) -> nir.NIRNode:
    one = np.ones(size)
    if kind == "LI":
        return nir.LI(tau=4 * DT * one, r=4 * one, v_leak=0 * one)
    values = {"v_leak": 0 * one, "v_threshold": one, "v_reset": 0 * one, "r": 2 * one}
    if kind == "CubaLIF":
        return nir.CubaLIF(tau_syn=2 * DT * one, tau_mem=2 * DT * one, w_in=2 * one, **values)
    return nir.LIF(tau=2 * DT * one, **values)


def network(*paths: str, **kinds: str) -> Graph:
    """Paths as "x a", "a 2 b": a Linear between neurons, behind a Delay of so many steps (some a channel as "0/1")."""
    nodes: dict[str, nir.NIRNode] = {"x": nir.Input({"input": np.array([6])})}
    nodes |= {
        name: neuron(kinds.get(name, "LIF"), size) for name, size in SIZES.items() if any(name in p for p in paths)
    }
    edges = []
    for number, path in enumerate(paths):
        source, *between, target = path.split()
        chain = [source]
        if between:
            size = SIZES.get(source, 6)
            steps = np.resize([int(word) for word in between[0].split("/")], size)
            nodes[f"d{number}"] = nir.Delay(steps * DT)
            chain.append(f"d{number}")
        nodes[f"w{number}"] = nir.Linear(weights(target, source))
        edges += list(pairwise([*chain, f"w{number}", target]))
    last = "b" if "b" in nodes else "a"
    nodes["out"] = nir.Output({"output": np.array([SIZES[last]])})
    return sm.from_nir(nir.NIRGraph(nodes, [*edges, (last, "out")], type_check=False))


@pytest.mark.parametrize(
    ("paths", "kinds", "preset"),
    [
        (("x a", "a b", "b 2 a"), {}, "nir"),
        (("x a", "a b", "b 5 a"), {}, "nir"),
        (("x a", "a 1 b", "b 1 a"), {}, "nir"),
        (("x a", "a 2 b", "b a"), {}, "nir"),
        (("x a", "a b", "b c", "c 3 a", "a a"), {"b": "CubaLIF"}, "nir"),
        (("x a", "a b", "b 2 a"), {"b": "LI"}, "nir"),
        (("x a", "a b", "b a"), {}, "nir,loop_delay_steps=2"),
        (("x a", "a b", "b c", "c a", "b b"), {}, "nir,loop_delay_steps=4"),
        (("x a", "a 3 a", "a b"), {}, "nir"),
        (("x a", "a 1 a", "a b"), {"a": "CubaLIF"}, "nir"),
        (("x a", "a 1 a", "a a", "a b"), {}, "nir"),
        (("x a", "a 0/1/2/0/3 a", "a b"), {}, "nir"),
        (("x a", "a 70 a", "a b"), {}, "nir"),
    ],
)
def test_loops_are_the_float_networks(paths: tuple[str, ...], kinds: dict[str, str], preset: str) -> None:
    graph = network(*paths, **kinds)
    x = (np.random.default_rng(2).random((3, STEPS, 6)) < 0.4).astype(float)
    conventions = conventions_for(graph, preset)
    names = [name for name in SIZES if name in graph.nodes]
    right = run(graph, x, conventions, record=names)[1]
    made = compile_graph(graph, conventions, x)
    floats = run_units(float_network(made.network), x)
    program = run_passes(made.lowered.program, "", lambda _: None).program
    sent = aligned_messages(program, made.network, simulate(program, payloads_of(encode_all(program, x))), STEPS)
    for name in names:
        assert np.allclose(floats[name], right[name], atol=1e-12)
        if kinds.get(name) != "LI":
            assert np.array_equal(sent[name], right[name][:, : sent[name].shape[1]]) and right[name].any()
    passed = run_passes(program, DEFAULT, lambda _: None)
    moved = aligned_messages(
        passed.program,
        made.network,
        simulate(passed.program, payloads_of(encode_all(program, x))),
        STEPS,
        passed.shifts,
    )
    assert all(np.array_equal(values, sent[name][:, : values.shape[1]]) for name, values in moved.items())


@pytest.mark.parametrize("paths", [("x a", "a b", "b 3 a"), ("x a", "a 3 a", "a b"), ("x a", "a 0/2 a", "a b")])
def test_written_as_nir_a_loop_is_as_late(paths: tuple[str, ...]) -> None:
    graph = network(*paths)
    x = (np.random.default_rng(2).random((2, STEPS, 6)) < 0.4).astype(float)
    made = compile_graph(graph, conventions_for(graph), x)
    again = program_to_graph(made.lowered.program)
    right = run(graph, x, conventions_for(graph), record=["a"])[1]["a"]
    assert np.array_equal(run(again, x, conventions_for(again), record=["a"])[1]["a"], right) and right.any()


@pytest.mark.parametrize(
    ("paths", "said"),
    [
        (("x a", "a b", "b a"), "a -> b: a loop through 2 units: NIR closes it in 1 step, .*--loop-delay 2"),
        (("x a", "a b", "b 1 a"), "a -> b: a loop through 2 units: its Delays take fewer, .*put Delays of 2 steps"),
        (("x a", "a b", "b c", "c 2 a"), "a -> b -> c: a loop through 3 units: its Delays take fewer"),
    ],
)
def test_what_cores_cannot_close_is_refused(paths: tuple[str, ...], said: str) -> None:
    graph = network(*paths)
    with pytest.raises(UnsupportedError, match=said):
        compile_graph(graph, conventions_for(graph), np.ones((1, 3, 6)))


def test_numbers_alone_in_a_loop_are_refused() -> None:
    graph = network("x a", "a b", "b 2 a", a="LI", b="LI")
    with pytest.raises(UnsupportedError, match="a -> b: a loop of neurons that all send numbers; put a neuron"):
        compile_graph(graph, conventions_for(graph), np.ones((1, 3, 6)))


def test_levels_are_the_least() -> None:
    graph = network("x a", "a b", "b 2 a", "b c")
    made = compile_graph(graph, conventions_for(graph), np.ones((1, 3, 6)))
    assert levels_of(made.network) == {"x": 0, "a": 1, "b": 2, "c": 3}
    assert [len(group) for group in made.network.together()] == [1, 2, 1]


@pytest.mark.slow
def test_a_loop_deploys_equal_everywhere(tmp_path: Path) -> None:
    graph = network("x a", "a b", "b 2 a", "b 0/2 b")
    x = (np.random.default_rng(2).random((4, STEPS, 6)) < 0.4).astype(float)
    build = sm.deploy(graph, tmp_path / "build", calibrate=x, compared=2)
    assert build.equal and build.report.fidelity is not None and build.report.fidelity.changed == 0
