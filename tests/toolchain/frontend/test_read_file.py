"""What is no NIR file, or an odd one: refused clearly, or read and said."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.toolchain.frontend.files import (
    INPUT,
    OUTPUT,
    graph,
    lif,
    line,
    linear,
    read,
    refusal,
    said,
    sound,
    without,
    write_raw,
)
from toolchain.errors import InputError
from toolchain.frontend import read_nir


def test_a_sound_file_has_no_findings(tmp_path: Path) -> None:
    result = read(tmp_path, line(**sound()), strict=True)
    assert result.findings == ()
    assert result.nodes["fc"].params["weight"].dtype == np.float64
    assert result.edges == (("input", "fc"), ("fc", "lif"), ("lif", "output"))


def file_refusal(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        read_nir(path)
    return str(caught.value).removeprefix(str(path))


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "net.nir"
    assert file_refusal(path) == ": does not exist; check the path"
    assert file_refusal(tmp_path) == ": cannot be read (Is a directory); give the path of a .nir file"
    path.write_text("hello there")
    assert file_refusal(path) == (
        ": is not an HDF5 file (it begins with b'hello there'); give a file written by nir or Seamount"
    )
    path.write_bytes(b"")
    assert file_refusal(path) == ": is empty (0 bytes); give a file written by nir or Seamount"
    path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\n")
    assert file_refusal(path) == ": is a Git LFS pointer, not the file itself; run 'git lfs pull'"


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5, 0.8, 0.95, 0.999])
def test_a_file_cut_off_anywhere_is_refused(tmp_path: Path, share: float) -> None:
    nodes = sound() | {"fc": linear(2, 3) | {"weight": np.random.default_rng(0).normal(size=(2, 3))}}
    path = write_raw(tmp_path / "net.nir", line(**nodes))
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    message = file_refusal(path)
    assert "is damaged or cut off" in message or "is not an HDF5 file" in message


def test_a_stump_is_refused(tmp_path: Path) -> None:
    message = "the group 'node' is empty: its writer stopped half-way; export the network again"
    assert message in refusal(tmp_path, {})
    assert refusal(tmp_path, {"type": "NIRGraph"}) == (
        "graph: has no nodes: its writer stopped half-way; export the network again"
    )
    assert refusal(tmp_path, line(**sound() | {"fc": without(linear(2, 3), "type")})) == (
        "fc: has no type (it holds weight); export the network again"
    )
    assert "the graph has no nodes" in refusal(tmp_path, graph({}, []))


def test_a_file_without_version_or_edge_type_is_read(tmp_path: Path) -> None:
    result = read_nir(write_raw(tmp_path / "net.nir", line(**sound()), version=None))
    assert said(result, "note") == ["file: no version; read as nir 1.0"]
    fixed = np.array([["input", "fc"], ["fc", "lif"], ["lif", "output"]], dtype="S8")
    assert read(tmp_path, graph(sound(), fixed)).edges == result.edges


def test_integer_names_and_edges_are_read(tmp_path: Path) -> None:
    nodes = {"0": INPUT, "1": linear(2, 3), "2": lif(2), "3": OUTPUT}
    result = read(tmp_path, graph(nodes, np.array([[0, 1], [1, 2], [2, 3]])))
    assert result.edges == (("0", "1"), ("1", "2"), ("2", "3"))
    assert said(result) == ["graph: edges are stored as int64; read as names"]


def test_a_name_with_a_slash_is_joined(tmp_path: Path) -> None:
    nodes = {"input": INPUT, "a/fc": linear(2, 3), "output": OUTPUT}
    result = read(tmp_path, line(**nodes))
    assert result.edges == (("input", "a.fc"), ("a.fc", "output"))
    assert said(result) == ["a.fc: its name was written a/fc; renamed with a dot"]


def test_a_single_node_becomes_a_graph(tmp_path: Path) -> None:
    result = read(tmp_path, lif(4))
    assert result.edges == (("input", "lif"), ("lif", "output"))
    assert result.nodes["output"].output_shape == (4,)
    assert said(result)[0] == "lif: the root is a single LIF, not a graph; made a graph of one node"
