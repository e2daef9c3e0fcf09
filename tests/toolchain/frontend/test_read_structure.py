"""Nested graphs, edges that lead nowhere, missing ports."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.toolchain.frontend.files import (
    INPUT,
    OUTPUT,
    graph,
    lif,
    line,
    linear,
    port,
    read,
    refusal,
    said,
    sound,
)
from toolchain.errors import InputError


def nested(inner: dict[str, Any], edges: list[list[str]]) -> dict[str, Any]:
    nodes = {"input": INPUT, "fc": linear(2, 3), "sub": graph(inner, edges), "output": OUTPUT}
    return line(**nodes)


RECURRENT = [["input", "lif"], ["lif", "w"], ["w", "lif"], ["lif", "output"]]


def recurrent(**nodes: Any) -> dict[str, Any]:
    return {"input": port("Input", 2), "lif": lif(2), "w": linear(2, 2), "output": port("Output", 2)} | nodes


FLAT = {("input", "fc"), ("fc", "sub.lif"), ("sub.lif", "sub.w"), ("sub.w", "sub.lif"), ("sub.lif", "output")}


def test_a_subgraph_is_flattened_with_dotted_names(tmp_path: Path) -> None:
    result = read(tmp_path, nested(recurrent(), RECURRENT), strict=True)
    assert set(result.edges) == FLAT
    assert list(result.nodes) == ["fc", "input", "output", "sub.lif", "sub.w"]


def test_three_levels_are_flattened(tmp_path: Path) -> None:
    deep = graph(
        {"input": port("Input", 2), "n": lif(2), "output": port("Output", 2)}, [["input", "n"], ["n", "output"]]
    )
    middle = {"in": port("Input", 2), "deep": deep, "out": port("Output", 2)}
    result = read(tmp_path, nested(middle, [["in", "deep"], ["deep", "out"]]))
    assert set(result.edges) == {("input", "fc"), ("fc", "sub.deep.n"), ("sub.deep.n", "output")}


def test_wrong_inner_shapes_are_repaired(tmp_path: Path) -> None:
    inner = recurrent(input=port("Input", 3), output=port("Output", 5))
    result = read(tmp_path, nested(inner, RECURRENT))
    assert set(result.edges) == FLAT
    assert said(result) == [
        "sub.input: its shape is (3,) where fc gives (2,); took (2,)",
        "sub.output: its shape is (5,) where sub.lif gives (2,); took (2,)",
    ]


def test_inner_edges_with_another_name_or_the_graphs_own_are_mended(tmp_path: Path) -> None:
    inner = recurrent()
    inner["neuron"] = inner.pop("lif")
    result = read(tmp_path, nested(inner, RECURRENT))
    assert said(result) == ["sub: edges of lif: node lif does not exist; took neuron, the only unused node"]
    prefixed = [[f"sub.{a}", f"sub.{b}"] for a, b in RECURRENT]
    assert set(read(tmp_path, nested(recurrent(), prefixed)).edges) == FLAT


def flattened(*edges: list[str], **nodes: Any) -> dict[str, Any]:
    own = {"input": INPUT, "fc": linear(2, 3), "sub.lif": lif(2), "sub.w": linear(2, 2), "output": OUTPUT}
    loop = [["sub.lif", "sub.w"], ["sub.w", "sub.lif"], ["input", "fc"]]
    return graph(own | {name.replace("_", "."): node for name, node in nodes.items()}, [*loop, *edges])


def test_edges_to_a_half_flattened_graph_are_led_to_its_port(tmp_path: Path) -> None:
    ports = {"sub_input": port("Input", 2), "sub_output": port("Output", 2)}
    inner = [["sub.input", "sub.lif"], ["sub.lif", "sub.output"]]
    result = read(tmp_path, flattened(["fc", "sub"], ["sub", "output"], *inner, **ports))
    assert set(result.edges) == FLAT
    assert said(result) == [
        "graph: edge to sub: node sub does not exist; led to sub.input",
        "graph: edge from sub: node sub does not exist; led from sub.output",
    ]


def test_edges_to_a_flattened_graph_without_ports_mean_its_only_neuron(tmp_path: Path) -> None:
    result = read(tmp_path, flattened(["fc", "sub"], ["sub", "output"]))
    assert set(result.edges) == FLAT
    message = refusal(tmp_path, flattened(["fc", "sub"], ["sub", "output"], sub_other=lif(2)))
    assert message.startswith("graph: edge fc -> sub: node sub does not exist, and no one node can stand for it")


def test_duplicate_edges_are_kept_once(tmp_path: Path) -> None:
    root = line(**sound())
    root["edges"] += [["fc", "lif"]]
    result = read(tmp_path, root)
    assert result.edges.count(("fc", "lif")) == 1
    assert said(result) == ["graph: edge fc -> lif: is there 2 times; kept once"]


def test_dangling_edges_are_refused(tmp_path: Path) -> None:
    root = line(**sound())
    root["edges"] += [["lif", "ghost"]]
    assert refusal(tmp_path, root) == (
        "graph: edge lif -> ghost: node ghost does not exist, and no one node can stand for it; "
        "the nodes are: fc, input, lif, output"
    )


def test_a_subgraph_with_two_inputs_is_refused(tmp_path: Path) -> None:
    inner = recurrent(second=port("Input", 2))
    assert refusal(tmp_path, nested(inner, [*RECURRENT, ["second", "lif"]])) == (
        "sub: an edge means the input of this subgraph, which has 2 (input, second); "
        "give the subgraph exactly one Input"
    )


def test_missing_ports_are_added_where_one_place_exists(tmp_path: Path) -> None:
    result = read(tmp_path, line(fc=linear(2, 3), lif=lif(2)))
    assert result.edges == (("fc", "lif"), ("input", "fc"), ("lif", "output"))
    assert said(result) == ["graph: no Input node; added input at fc", "graph: no Output node; added output at lif"]


def test_a_cycle_without_ports_is_refused(tmp_path: Path) -> None:
    loop = graph({"lif": lif(2), "w": linear(2, 2)}, [["lif", "w"], ["w", "lif"]])
    assert refusal(tmp_path, loop) == (
        "graph: no Input node, and 0 nodes without predecessor (every node has one) (and 1 more: "
        "graph: no Output node, and 0 nodes without successor (every node has one)); "
        "add one Input node at the place that is meant"
    )


def test_an_inner_port_beside_a_direct_edge_keeps_both_paths(tmp_path: Path) -> None:
    inner = {"input": port("Input", 2), "lif": lif(2), "output": port("Output", 2)}
    root = nested(inner, [["input", "lif"], ["lif", "output"], ["input", "output"]])
    root["edges"] += [["fc", "output"]]
    result = read(tmp_path, root)
    assert ("fc", "output") in result.edges
    assert result.sources("sub.output") == ("sub.lif", "fc")
    assert result.sources("output") == ("sub.output", "fc")
    assert "sub.output: an inner Output beside a direct edge; became a Scale of ones" in said(result, "note")


def test_strict_refuses_what_would_be_repaired(tmp_path: Path) -> None:
    root = line(**sound() | {"output": port("Output", 1, 2), "input": port("Input", 1, 3)})
    with pytest.raises(InputError) as caught:
        read(tmp_path, root, strict=True)
    assert str(caught.value) == (
        "input: its shape (1, 3) has 1 leading batch or time axes (and 1 more repairs); "
        "read it without strict: took (3,)"
    )


def test_a_lone_subgraphs_ports_become_the_graphs(tmp_path: Path) -> None:
    result = read(tmp_path, graph({"sub": graph(recurrent(), RECURRENT)}, []))
    assert set(result.edges) == {edge for edge in FLAT if edge[0].startswith("sub") and edge[1] != "output"} | {
        ("sub.input", "sub.lif"),
        ("sub.lif", "sub.output"),
    }
    assert said(result, "note")[-2:] == [
        "sub.input: the outer graph has no Input; took this one of a subgraph as the Input",
        "sub.output: the outer graph has no Output; took this one of a subgraph as the Output",
    ]
