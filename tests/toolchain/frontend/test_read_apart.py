"""A file is read by a child: what it declares is bounded, and a child that hangs, grows or dies is one error."""

from __future__ import annotations

import signal
import threading
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from tests.toolchain.frontend.files import OUTPUT, lif, line, linear, port, refusal, sound, write_raw
from toolchain.errors import InputError
from toolchain.frontend import apart, hdf5_tree, read_nir
from toolchain.frontend.apart import Unread, read_tree


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write_raw(tmp_path / "net.nir", line(**sound()))


def refused(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        read_nir(path)
    return str(caught.value)


def test_a_fork_and_an_interpreter_give_the_same_tree(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = ["type", "edges", "weight"]
    forked = read_tree(path, wanted)
    monkeypatch.setattr(apart, "_may_fork", lambda: False)
    spawned = read_tree(path, wanted)
    node = forked["node"]
    assert node["type"] == spawned["node"]["type"] == "NIRGraph"
    assert node["edges"].tolist() == spawned["node"]["edges"].tolist()
    assert node["nodes"]["fc"]["weight"].dtype == np.float32
    assert np.array_equal(node["nodes"]["fc"]["weight"], spawned["node"]["nodes"]["fc"]["weight"])
    assert node["nodes"]["lif"]["tau"] == Unread("is no field that is known")


def test_a_process_of_several_threads_does_not_fork(path: Path) -> None:
    assert apart._may_fork()
    waiting = threading.Event()
    other = threading.Thread(target=waiting.wait)
    other.start()
    try:
        assert not apart._may_fork()
        assert "fc" in read_nir(path).nodes
    finally:
        waiting.set()
        other.join()


def loop(*_: Any) -> None:
    while True:
        pass


@pytest.mark.slow
def test_a_child_that_does_not_end_is_ended(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apart, "CPU_SECONDS", 1)
    monkeypatch.setattr(hdf5_tree, "_read", loop)
    assert refused(path) == (
        f"{path}: is damaged: HDF5 did not come to an end within 1 s of processor time; get the file again"
    )


def test_a_child_that_dies_is_said(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hdf5_tree, "_read", lambda walk: signal.raise_signal(signal.SIGSEGV))
    assert refused(path) == f"{path}: is damaged: HDF5 ended with SIGSEGV; get the file again"


def test_a_child_that_asks_for_too_much_memory_is_said(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hdf5_tree, "_read", lambda walk: bytearray(2 * apart.MEMORY))
    assert "asks for more memory than a network may take" in refused(path)


def add(path: Path, name: str, **given: Any) -> None:
    with h5py.File(path, "r+") as file:
        file["node/nodes/fc"].create_dataset(name, **given)


def test_numbers_that_are_not_stored_are_no_gigabytes(path: Path) -> None:
    add(path, "bias", shape=(1 << 24,), dtype="f4")
    assert "/node/nodes/fc/bias: declares 67,108,864 bytes, and 0 are stored" in refused(path)


def test_filters_that_are_not_known_are_not_run(path: Path) -> None:
    add(path, "bias", shape=(8,), dtype="i4", scaleoffset=4, chunks=(8,))
    assert "/node/nodes/fc/bias: is packed by the filters" in refused(path)


@pytest.mark.parametrize("target", ["/node/nodes/fc/weight", "/node/nodes/lif"])
def test_each_object_is_visited_once_and_by_a_hard_link(path: Path, target: str) -> None:
    with h5py.File(path, "r+") as file:
        file["node/nodes/fc/again"] = file[target]
    assert "which is read already" in refused(path)
    with h5py.File(path, "r+") as file:
        del file["node/nodes/fc/again"]
        file["node/nodes/fc/again"] = h5py.SoftLink(target)
    assert f"/node/nodes/fc/again: is a link to {target}; write the network again" in refused(path)


def test_depth_entries_and_texts_are_bounded(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with h5py.File(path, "r+") as file:
        file.create_group("node/" + "/".join("g" * 40))
    assert "lies in more than 32 groups within each other" in refused(path)
    with h5py.File(path, "r+") as file:
        del file["node/g"]
    monkeypatch.setattr(hdf5_tree, "MOST_OBJECTS", 10)
    assert "has more than 10 entries" in refused(path)


def test_a_named_type_is_no_node(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        file["node/nodes/kind"] = np.dtype("f8")
    assert "is a Datatype of HDF5 where a group or a dataset should be" in refused(path)


@pytest.mark.parametrize(
    ("nodes", "message"),
    [
        ({"input": port("Input", 1 << 30), "lif": lif(1)}, "input: a signal of (1073741824,), 1,073,741,824 values"),
        ({"input": {"type": "Input", "shape": np.array([float("nan")])}, "lif": lif(1)}, "is not a shape"),
        ({"input": {"type": "Input", "shape": np.ones(40, int)}, "lif": lif(1)}, "is not a shape"),
    ],
)
def test_shapes_are_bounded_before_anything_is_made_of_them(
    tmp_path: Path, nodes: dict[str, Any], message: str
) -> None:
    assert message in refusal(tmp_path, line(**nodes, output=OUTPUT))


@pytest.mark.parametrize("setting", ["stride", "padding", "dilation"])
def test_settings_are_bounded(tmp_path: Path, setting: str) -> None:
    node = {
        "type": "Conv1d", "weight": np.ones((1, 1, 3)), "bias": np.zeros(1), "stride": 1, "padding": 0, "dilation": 1,
        "groups": 1, "input_shape": 9,
    }  # fmt: skip
    root = line(input=port("Input", 1, 9), conv={**node, setting: 10**9}, output=OUTPUT)
    assert f"conv.{setting}: (1000000000,) is more than 32768" in refusal(tmp_path, root)


def test_a_long_chain_needs_no_stack(tmp_path: Path) -> None:
    """Each Scale passes its shape on, and the Input asks the whole chain for its own."""
    chain = {f"s{number}": {"type": "Scale", "scale": np.float32(1)} for number in range(3000)}
    root = line(input={"type": "Input"}, **chain, fc=linear(2, 3), output=OUTPUT)
    graph = read_nir(write_raw(tmp_path / "net.nir", root))
    assert graph.nodes["s0"].input_shape == (3,)
