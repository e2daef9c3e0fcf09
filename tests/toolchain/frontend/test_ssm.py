"""State spaces found from the primitives alone: rebuilt to rounding, and refused by the rule that they break."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.toolchain.frontend.files import CASES
from tests.toolchain.frontend.networks import (
    StateSpace,
    deep_network,
    graph_of,
    lif,
    linear,
    one_space,
    random_space,
    scale,
)
from toolchain.errors import UnsupportedError
from toolchain.frontend import (
    PRESETS,
    Graph,
    Node,
    SsmBlock,
    conventions_for,
    find_ssm_blocks,
    read_nir,
    run,
    write_nir,
)

OURS = PRESETS["seamount"]


def only(graph: Graph) -> SsmBlock:
    (block,) = find_ssm_blocks(graph, conventions_for(graph))
    return block


def close(ours: NDArray[np.inexact], theirs: NDArray[np.inexact]) -> bool:
    """Equal to a few roundings of float64 at the size of one."""
    return ours.shape == theirs.shape and bool(np.all(np.abs(ours - theirs) <= 1e-15 * (4 + np.abs(theirs))))


def is_space(block: SsmBlock, space: StateSpace) -> bool:
    parts = (block.poles, space.poles), (block.b, space.b), (block.c, space.c), (block.d, space.d)
    return all(close(*pair) for pair in parts)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), channels=st.integers(1, 9), modes=st.integers(1, 6), group=st.integers(1, 9))
def test_what_was_written_is_rebuilt(seed: int, channels: int, modes: int, group: int) -> None:
    space = random_space(np.random.default_rng(seed), channels, modes)
    block = only(one_space(space, group))
    assert is_space(block, space)
    assert block.modes.tolist() == [modes] * channels
    assert (block.name, block.input, block.output) == ("block0", "input", "block0.y")
    assert set(block.nodes) == set(one_space(space, group).nodes) - {"input", "output"}


def test_it_survives_the_file(tmp_path: Path) -> None:
    space = random_space(np.random.default_rng(0), 20, 4)
    write_nir(one_space(space, 8), tmp_path / "net.nir")
    assert is_space(only(read_nir(tmp_path / "net.nir", strict=True)), space)


def test_every_block_of_a_deep_network_is_found() -> None:
    graph = deep_network(np.random.default_rng(0), width=20, modes=3, depth=3)
    blocks = find_ssm_blocks(graph, conventions_for(graph))
    expected = [(f"block{k}", f"block{k}.in", f"block{k}.y") for k in range(3)]
    assert [(block.name, block.input, block.output) for block in blocks] == expected
    covered = [name for block in blocks for name in block.nodes]
    assert len(covered) == len(set(covered)) == 3 * (3 * 4 + 2)


def test_the_standard_case_is_found_without_its_metadata() -> None:
    path = CASES / "reference" / "ssm_s4d_standard_primitives.nir"
    if not path.exists():
        pytest.skip(f"no folder of real files beside the repository ({CASES})")
    graph = read_nir(path)
    record = json.loads(graph.metadata["toolchain.diag_ssm"])
    block = only(replace(graph, metadata={}))
    eigenvalues = np.array(record["lambda_re"]) + 1j * np.array(record["lambda_im"])
    assert block.poles.shape == (record["H"], record["N"]) == (8, 16)
    assert np.abs(block.poles - np.exp(record["dt_trained"] * eigenvalues)).max() < 1e-7  # stored as float32
    data = np.load(path.with_suffix(".npz"))
    y = StateSpace(block.poles, block.b, block.c, block.d).run(data["x"][None].astype(np.float64))
    assert np.abs(y[0] - data["y"]).max() < 1e-5
    assert only(graph).findings == ()


def permuted(graph: Graph, name: str, order: NDArray[np.int64]) -> Graph:
    """The same chunk with its states in another order."""
    changed = dict(graph.nodes)
    for part in "xABC":
        node = changed[f"{name}.{part}"]
        arrays: Mapping[str, NDArray[np.float64]] = node.params
        if part == "x":
            params = {key: value[order] for key, value in arrays.items()}
        else:
            weight = arrays["weight"][order] if part in "AB" else arrays["weight"]
            params = {"weight": weight[:, order] if part in "AC" else weight}
        changed[node.name] = replace(node, params=params)
    return replace(graph, nodes=changed)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_the_pairing_is_read_from_the_matrix(seed: int) -> None:
    """States in any order: the same system, though a mode may come as its conjugate and modes in another order."""
    rng = np.random.default_rng(seed)
    space = random_space(rng, 3, 4)
    block = only(permuted(one_space(space, 3), "block0.ssm0", rng.permutation(24)))
    assert np.allclose(np.sort(np.abs(block.poles), 1), np.sort(np.abs(space.poles), 1), rtol=1e-14)
    assert np.allclose(np.sort(block.poles.real, 1), np.sort(space.poles.real, 1), rtol=1e-14)
    u = rng.normal(size=(1, 30, 3))
    ours = StateSpace(block.poles, block.b, block.c, block.d).run(u)
    assert np.allclose(ours, space.run(u), rtol=1e-10, atol=1e-11)


def test_real_modes_need_no_partner() -> None:
    """Four states of different poles and no coupling, and no self-loop at all."""
    rng = np.random.default_rng(1)
    size = 4
    decay = np.array([0.5, 0.6, 0.7, 0.8])
    tau = OURS.dt / (1 - decay)
    state = Node("s.x", "LI", {"tau": tau, "r": tau / OURS.dt, "v_leak": np.zeros(size)}, (size,), (size,))
    enter, leave = np.zeros((size, 2)), np.zeros((2, size))
    owner = np.array([0, 0, 1, 1])
    enter[np.arange(size), owner], leave[owner, np.arange(size)] = rng.normal(size=size), rng.normal(size=size)
    nodes = [linear("s.B", enter), state, linear("s.C", leave), scale("s.y", np.ones(2))]
    edges = [("input", "s.B"), ("s.B", "s.x"), ("s.x", "s.C"), ("s.C", "s.y"), ("s.y", "output")]
    graph = graph_of(nodes, edges, 2, 2)
    block = only(graph)
    assert np.allclose(block.poles, decay.reshape(2, 2), rtol=1e-15)
    u = rng.normal(size=(1, 20, 2))
    y = StateSpace(block.poles, block.b, block.c, block.d).run(u)
    assert np.allclose(y, run(graph, u, OURS)[0], rtol=1e-12)


def test_a_mode_without_rotation_beside_others_keeps_its_imaginary_part() -> None:
    space = random_space(np.random.default_rng(2), 2, 3)
    poles = space.poles.copy()
    poles[:, 0] = 0.9
    space = replace(space, poles=poles)
    assert is_space(only(one_space(space, 2)), space)


def test_channels_with_fewer_modes_are_padded() -> None:
    space = random_space(np.random.default_rng(3), 2, 3)
    graph = one_space(space, 1)
    keep = np.array([0, 1, 3, 4])
    for part in "xABC":
        node = graph.nodes[f"block0.ssm1.{part}"]
        if part == "x":
            params = {key: value[keep] for key, value in node.params.items()}
            small = replace(node, params=params, input_shape=(4,), output_shape=(4,))
        else:
            weight = node.params["weight"][keep] if part in "AB" else node.params["weight"]
            small = linear(node.name, weight[:, keep] if part in "AC" else weight)
        graph = replace(graph, nodes={**graph.nodes, node.name: small})
    block = only(graph)
    assert block.modes.tolist() == [3, 2]
    assert block.poles[1, 2] == block.b[1, 2] == block.c[1, 2] == 0


def test_a_scaled_sum_and_a_direct_edge_are_folded() -> None:
    space = random_space(np.random.default_rng(4), 2, 2)
    graph = one_space(space, 2)
    nodes = {**graph.nodes, "block0.y": scale("block0.y", np.array([2.0, -3.0]))}
    graph = Graph(nodes, (*graph.edges, ("input", "block0.y")), graph.metadata)
    block = only(graph)
    assert close(block.c, space.c * np.array([[2.0], [-3.0]]))
    assert close(block.d, (space.d + 1) * np.array([2.0, -3.0]))
    u = np.random.default_rng(5).normal(size=(1, 20, 2))
    ours = StateSpace(block.poles, block.b, block.c, block.d).run(u)
    assert np.allclose(ours, run(graph, u, OURS)[0], rtol=1e-11)


def test_networks_without_state_spaces_have_none() -> None:
    """An LI as readout, and an LI between full matrices, are ordinary nodes."""
    rng = np.random.default_rng(6)
    tau = {"tau": np.full(3, 1e-3), "r": np.full(3, 10.0), "v_leak": np.zeros(3)}
    li = Node("li", "LI", tau, (3,), (3,))
    names = ["input", "a", "li", "b", "output"]
    edges = list(pairwise(names))
    full = graph_of([linear("a", rng.normal(size=(3, 2))), li, linear("b", rng.normal(size=(2, 3)))], edges, 2, 2)
    assert find_ssm_blocks(full, OURS) == ()
    last = graph_of([linear("a", rng.normal(size=(3, 2))), li], [*edges[:2], ("li", "output")], 2, 3)
    assert find_ssm_blocks(last, OURS) == ()


# --- refusals --------------------------------------------------------------------------------------------------------

REMEDY = "; a diagonal state space has one channel in, one channel out and its own 2 x 2 rotation for each mode"


def changed(part: str, place: tuple[int, ...] | None, value: float, field: str = "weight") -> Graph:
    """Two channels of two modes in one chunk (states 0-3 real, 4-7 imaginary) with one number changed."""
    poles = np.array([[0.5 + 0.25j, 0.75 + 0.5j], [0.25 + 0.5j, 0.5 + 0.75j]])
    ones = np.ones((2, 2), dtype=np.complex128) * (1 + 0.5j)
    graph = one_space(StateSpace(poles, ones, ones, np.ones(2)), 2)
    node = graph.nodes[f"block0.ssm0.{part}"]
    array = node.params[field].copy()
    array[slice(None) if place is None else place] = value
    return replace(graph, nodes={**graph.nodes, node.name: replace(node, params={**node.params, field: array})})


def refusal(graph: Graph) -> str:
    with pytest.raises(UnsupportedError) as caught:
        find_ssm_blocks(graph, OURS)
    return str(caught.value)


def test_broken_rules_are_named_with_numbers() -> None:
    assert refusal(changed("A", (0, 1), 0.1)) == (
        "block0.ssm0.x: 2 of 8 states couple to several others: state 0 to 1, 4" + REMEDY
    )
    assert refusal(changed("A", (0, 4), -0.3)) == (
        "block0.ssm0.x: states 0 and 4 step by [[0.5, -0.3], [0.25, 0.5]], which is no rotation" + REMEDY
    )
    assert refusal(changed("B", (4, 1), 0.1)) == (
        "block0.ssm0.x: the mode of states 0, 4 is driven by 2 channels (0, 1) and read by 1 (0)" + REMEDY
    )
    assert refusal(changed("C", None, 1.0)) == (
        "block0.ssm0.x: the mode of states 0, 4 is driven by 1 channels (0) and read by 2 (0, 1)" + REMEDY
    )
    assert refusal(changed("x", (0,), 0.1, "v_leak")) == "block0.ssm0.x: v_leak is not 0 in 1 states" + REMEDY


def test_a_pole_outside_the_unit_circle_is_refused() -> None:
    graph = changed("A", (3, 7), -0.9)
    node = graph.nodes["block0.ssm0.A"]
    node.params["weight"][7, 3] = 0.9
    assert refusal(graph) == (
        "block0.ssm0.x: 1 of 4 modes have |pole| >= 1 (largest 1.02956); "
        "export the discretized system: tau = dt/(1 - alpha), r = tau/dt, A holding beta"
    )


def test_a_state_space_without_a_sum_of_its_own_is_refused() -> None:
    graph = one_space(random_space(np.random.default_rng(7), 2, 2), 2)
    nodes = {**graph.nodes, "n": lif("n", 2, 1.0)}
    edges = [(b != "block0.y" and edge) or (edge[0], "n") for edge in graph.edges for b in [edge[1]]]
    edges = [("n", "output") if edge == ("block0.y", "output") else edge for edge in edges]
    del nodes["block0.y"]
    assert refusal(Graph(nodes, tuple(edges), graph.metadata)) == (
        "block0.ssm0.C: it is summed with 1 other signals in n, no node of its own; sum in a Scale of ones before it"
    )


def test_a_foreign_signal_in_the_sum_is_refused() -> None:
    graph = one_space(random_space(np.random.default_rng(8), 2, 2), 2)
    nodes = {**graph.nodes, "w": linear("w", np.ones((2, 2)))}
    net = Graph(nodes, (*graph.edges, ("input", "w"), ("w", "block0.y")), graph.metadata)
    assert refusal(net) == "block0.y: w (Linear) enters it beside C and D; sum it in a node after the state space"


def test_a_gain_other_than_one_is_folded_and_said() -> None:
    graph = changed("x", None, OURS.dt * 2, "tau")
    node = graph.nodes["block0.ssm0.x"]
    node = replace(node, params={**node.params, "r": np.full(8, 1.0)})
    graph = replace(graph, nodes={**graph.nodes, node.name: node})
    block = only(graph)
    assert [str(finding) for finding in block.findings] == [
        "block0.ssm0.x: r dt/tau differs from 1 by up to 0.5 at dt 0.0001 s; folded into A and B"
    ]
    u = np.random.default_rng(9).normal(size=(1, 25, 2))
    ours = StateSpace(block.poles, block.b, block.c, block.d).run(u)
    assert np.allclose(ours, run(graph, u, OURS)[0], rtol=1e-12)


def test_metadata_that_contradicts_is_said_and_not_believed() -> None:
    space = random_space(np.random.default_rng(10), 2, 3)
    graph = one_space(space, 2)
    hint = {**graph.metadata["seamount"], "state_spaces": {"block0": {"channels": 2, "modes": 5, "dt": 1e-3}}}
    block = only(replace(graph, metadata={"seamount": json.dumps(hint)}))
    assert is_space(block, space)
    assert [str(finding) for finding in block.findings] == [
        "block0: metadata seamount says modes 5, the primitives hold 3; took the primitives",
        "block0: metadata seamount says dt 0.001, the primitives hold 0.0001; took the primitives",
    ]
