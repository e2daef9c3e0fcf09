"""The NIR writer: read back by stock `nir`, the same bytes each time, and clear refusals."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import nir
import numpy as np
import pytest

from toolchain.errors import InputError, UnsupportedError
from toolchain.frontend.graph import Graph, Node
from toolchain.frontend.primitives import PRIMITIVES
from toolchain.frontend.write import nir_bytes, write_nir


def chain(*nodes: Node, metadata: dict[str, object] | None = None) -> Graph:
    """input -> nodes -> output, in a line."""
    first = Node("input", "Input", {}, nodes[0].input_shape, nodes[0].input_shape)
    last = Node("output", "Output", {}, nodes[-1].output_shape, nodes[-1].output_shape)
    line = (first, *nodes, last)
    edges = tuple((a.name, b.name) for a, b in pairwise(line))
    return Graph({node.name: node for node in line}, edges, metadata or {})


def sample_node(kind: str) -> Node:
    """One valid node of each type, with odd values and, where possible, odd shapes."""
    rng = np.random.default_rng(sum(map(ord, kind)))
    primitive = PRIMITIVES[kind]
    if primitive.per_element:
        return Node("n", kind, {name: rng.uniform(0.1, 2, (3, 2)) for name in primitive.arrays}, (3, 2), (3, 2))
    if kind in ("Linear", "Affine"):
        arrays = {"weight": rng.normal(size=(4, 3)), "bias": rng.normal(size=4)}
        return Node("n", kind, {name: arrays[name] for name in primitive.arrays}, (3,), (4,))
    if kind == "Conv1d":
        params = {"weight": rng.normal(size=(4, 3, 5)), "bias": rng.normal(size=4)}
        return Node("n", kind, params | {"stride": 2, "padding": 1, "dilation": 1, "groups": 1}, (3, 11), (4, 5))
    if kind == "Conv2d":
        params = {"weight": rng.normal(size=(4, 3, 3, 3)), "bias": rng.normal(size=4)}
        settings = {"stride": (2, 1), "padding": (1, 1), "dilation": (1, 1), "groups": 1}
        return Node("n", kind, params | settings, (3, 8, 6), (4, 4, 6))
    if kind == "Flatten":
        return Node("n", kind, {"start_dim": 0, "end_dim": -1}, (3, 4, 2), (24,))
    return Node("n", kind, {"kernel_size": (2, 2), "stride": (2, 2), "padding": (0, 0)}, (3, 4, 6), (3, 2, 3))


INNER = [kind for kind in PRIMITIVES if kind not in ("Input", "Output")]


@pytest.mark.parametrize("kind", INNER)
def test_stock_nir_reads_the_same_values(kind: str, tmp_path: Path) -> None:
    node = sample_node(kind)
    write_nir(chain(node), tmp_path / "net.nir")
    read = nir.read(tmp_path / "net.nir")
    twin = read.nodes["n"]
    assert type(twin).__name__ == kind
    for name, value in node.params.items():
        assert np.array_equal(getattr(twin, name), value), name
    assert tuple(read.nodes["input"].input_type["input"]) == node.input_shape
    assert tuple(twin.output_type["output"]) == node.output_shape
    assert read.edges == [("input", "n"), ("n", "output")]


def test_nodes_keep_their_order(tmp_path: Path) -> None:
    scales = [Node(name, "Scale", {"scale": np.ones(2)}, (2,), (2,)) for name in ("10", "9", "zeta.x", "a")]
    write_nir(chain(*scales), tmp_path / "net.nir")
    assert list(nir.read(tmp_path / "net.nir").nodes) == ["input", "10", "9", "zeta.x", "a", "output"]


def test_two_writes_give_equal_bytes(tmp_path: Path) -> None:
    graph = chain(
        *[replace(sample_node(kind), name=kind) for kind in ("LIF",)], metadata={"seamount": {"b": 1, "a": 2}}
    )
    write_nir(graph, tmp_path / "one.nir")
    write_nir(graph, tmp_path / "two.nir")
    assert (tmp_path / "one.nir").read_bytes() == (tmp_path / "two.nir").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one.nir", "two.nir"]


def test_another_process_at_another_time_gives_equal_bytes(tmp_path: Path) -> None:
    code = (
        "import sys, time; time.sleep(1.1)\n"
        "from tests.toolchain.frontend.test_write import chain, sample_node\n"
        "from toolchain.frontend.write import write_nir\n"
        "write_nir(chain(sample_node('CubaLIF'), metadata={'seamount': {'b': 1}}), sys.argv[1])"
    )
    root = Path(__file__).parents[3]
    subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "net.nir")], check=True, cwd=root, env={"PYTHONPATH": "."}
    )
    here = nir_bytes(chain(sample_node("CubaLIF"), metadata={"seamount": {"b": 1}}))
    assert (tmp_path / "net.nir").read_bytes() == here


def test_metadata_is_one_json_string(tmp_path: Path) -> None:
    write_nir(chain(sample_node("LI"), metadata={"seamount": {"dt": 1e-4, "format": 1}}), tmp_path / "net.nir")
    metadata = nir.read(tmp_path / "net.nir").metadata
    assert list(metadata) == ["seamount"]
    assert json.loads(metadata["seamount"]) == {"dt": 1e-4, "format": 1}


def test_stock_nir_can_write_what_it_read_from_us(tmp_path: Path) -> None:
    write_nir(chain(sample_node("Conv2d"), metadata={"seamount": {"format": 1}}), tmp_path / "net.nir")
    nir.write(tmp_path / "again.nir", nir.read(tmp_path / "net.nir"))
    assert nir.read(tmp_path / "again.nir").metadata == {"seamount": '{"format": 1}'}


def refusal(graph: Graph, kind: type[Exception] = InputError) -> str:
    with pytest.raises(kind) as caught:
        nir_bytes(graph)
    return str(caught.value)


def with_param(node: Node, **params: object) -> Graph:
    return chain(replace(node, params={**node.params, **params}))


def test_output_with_two_predecessors_is_refused() -> None:
    graph = chain(sample_node("Scale"))
    graph = replace(graph, edges=(*graph.edges, ("input", "output")))
    assert refusal(graph) == (
        "output: an Output with 2 predecessors (n, input) is a tuple to some readers; "
        "put a Scale of ones before it as an explicit sum"
    )


def test_unreadable_parameters_are_refused() -> None:
    node = sample_node("LI")
    assert refusal(with_param(node, r=np.float64(1))) == (
        "n.r: is a scalar, which nir 1.0.8 cannot store; broadcast it to the node's shape"
    )
    assert refusal(with_param(node, r=np.array([1, np.nan, np.inf]))) == (
        "n.r: 2 of 3 values are NaN or infinite; repair the network"
    )
    assert refusal(with_param(node, r=None)) == "n.r: dtype object is not a real number; convert it to float64"
    assert refusal(with_param(node, gain=np.ones(2))) == ("n: LI has no place for gain; its fields are: tau, r, v_leak")
    assert refusal(chain(Node("n", "LI", {"r": np.ones(2)}, (2,), (2,)))) == (
        "n: LI lacks tau, v_leak; its fields are: tau, r, v_leak"
    )


def test_unreadable_structure_is_refused() -> None:
    graph = chain(sample_node("Scale"))
    assert refusal(replace(graph, edges=(*graph.edges, ("n", "ghost")))) == (
        "n -> ghost: node ghost does not exist; remove the edge or add the node"
    )
    assert refusal(replace(graph, edges=(("input", "n"), ("input", "n")))) == (
        "input -> n: is there twice; NIR allows one edge between two nodes"
    )
    assert refusal(chain(replace(sample_node("Scale"), name="a/b"))) == (
        "graph: the name 'a/b' cannot be read back from an HDF5 file; use a non-empty string without '/'"
    )
    assert re.match(
        "n: type Sigmoid is not one of NIR's 18 types, nor an extension; express it with Input, Output, Linear",
        refusal(chain(Node("n", "Sigmoid", {}, (2,), (2,))), UnsupportedError),
    )


def test_failure_leaves_the_old_file(tmp_path: Path) -> None:
    place = tmp_path / "net.nir"
    write_nir(chain(sample_node("Scale")), place)
    before = place.read_bytes()
    with pytest.raises(InputError):
        write_nir(with_param(sample_node("LI"), r=None), place)
    assert place.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["net.nir"]
    with pytest.raises(InputError, match=r"absent.net\.nir: cannot be written \(No such file or directory\); check"):
        write_nir(chain(sample_node("Scale")), tmp_path / "absent" / "net.nir")
