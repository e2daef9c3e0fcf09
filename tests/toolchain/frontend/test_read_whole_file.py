"""A file must hold its network by itself, be finished, and have names that later stages can hold."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from tests.toolchain.frontend.files import INPUT, OUTPUT, lif, line, linear, port, read, refusal, said, sound, write_raw
from toolchain.errors import InputError
from toolchain.frontend import read_nir, write_nir
from toolchain.frontend.expected import expected_of
from toolchain.frontend.plain_names import plain_name


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write_raw(tmp_path / "net.nir", line(**sound()))


def refused(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        read_nir(path)
    return str(caught.value)


def test_a_link_into_another_file_is_refused_by_name(path: Path) -> None:
    with h5py.File(path.with_name("other.h5"), "w") as other:
        other["weight"] = np.ones((2, 3))
    with h5py.File(path, "r+") as file:
        del file["node/nodes/fc/weight"]
        file["node/nodes/fc/weight"] = h5py.ExternalLink("other.h5", "/weight")
    assert refused(path) == (
        "net.nir: /node/nodes/fc/weight: is a link into the file other.h5 (/weight); "
        "write the network again, with everything in one file"
    )


def test_storage_outside_the_file_is_refused(path: Path) -> None:
    path.with_name("raw.bin").write_bytes(np.ones(6).tobytes())
    with h5py.File(path, "r+") as file:
        del file["node/nodes/fc/weight"]
        file["node/nodes/fc"].create_dataset(
            "weight", (2, 3), np.float64, external=[(str(path.with_name("raw.bin")), 0, 48)]
        )
    assert "/node/nodes/fc/weight: keeps its data in the file" in refused(path)


def test_a_virtual_dataset_is_refused(path: Path) -> None:
    layout = h5py.VirtualLayout((2, 3), np.float64)
    layout[:] = h5py.VirtualSource("other.h5", "weight", (2, 3))
    with h5py.File(path, "r+") as file:
        del file["node/nodes/fc/weight"]
        file["node/nodes/fc"].create_virtual_dataset("weight", layout)
    assert "/node/nodes/fc/weight: is a virtual dataset, links into other.h5" in refused(path)


@pytest.mark.parametrize("target", ["/", "/node", "/node/nodes", "/node/nodes/lif"])
def test_a_cycle_of_groups_is_refused(path: Path, target: str) -> None:
    with h5py.File(path, "r+") as file:
        file["node/nodes/again"] = file[target]
    assert f"is a link to the group {target}, which is read already" in refused(
        path
    ) or "which is read already" in refused(path)


def test_a_soft_link_that_leads_nowhere_is_refused(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        file["node/nodes/lif/tau_mem"] = h5py.SoftLink("/nowhere")
    assert "/node/nodes/lif/tau_mem: is a link to /nowhere that leads nowhere" in refused(path)


def test_data_that_no_file_holds_are_refused_unread(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        file["node/nodes/fc"].create_dataset("huge", (1 << 20, 1 << 20), np.float64, chunks=(1024, 1024))
    assert "/node/nodes/fc/huge: declares 8,796,093,022,208 bytes" in refused(path)


@pytest.mark.parametrize("lost", [("edges",), ("edges", "type")])
def test_a_writer_that_stopped_half_way_is_named_so(path: Path, lost: tuple[str, ...]) -> None:
    with h5py.File(path, "r+") as file:
        for name in lost:
            del file[f"node/{name}"]
        del file["node/nodes/lif/r"]  # what it did not come to is no second fault
    which = "no edges and no type" if len(lost) > 1 else "no edges"
    assert refused(path) == f"graph: has 4 nodes, but {which}: its writer stopped half-way; export the network again"


def test_an_empty_node_is_a_writer_that_stopped_half_way(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        for name in list(file["node/nodes/lif"]):
            del file[f"node/nodes/lif/{name}"]
    assert refused(path) == "lif: has no type (it holds nothing: its writer stopped half-way); export the network again"


NAMES = {
    "lif 1": "lif_1",
    "schätzer": "schatzer",
    "rec+1": "rec_1",
    "a->b": "a-_b",
    "v:v": "v_v",
    "層": "u5c64",
    "x\n": "x_",
}


@pytest.mark.parametrize(("name", "plain"), NAMES.items())
def test_odd_names_are_renamed_with_a_finding(tmp_path: Path, name: str, plain: str) -> None:
    assert plain_name(name) == plain
    graph = read(tmp_path, line(input=INPUT, fc=linear(2, 3), **{name: lif(2)}, output=OUTPUT))
    assert ("fc", plain) in graph.edges
    assert said(graph) == [f"{name}: its name has signs that programs cannot hold; called {plain}"]
    assert set(expected_of({f"spikes/{name}": np.zeros((1, 2, 2))}, graph).spikes) == {plain}


def test_names_that_become_alike_stay_apart(tmp_path: Path) -> None:
    nodes = {"lif_1": lif(2), "lif 1": lif(2), "lif+1": lif(2)}
    graph = read(tmp_path, line(input=INPUT, fc=linear(2, 3), **nodes, output=OUTPUT))
    assert {"lif_1", "lif_1_2", "lif_1_3"} < set(graph.nodes)
    write_nir(graph, tmp_path / "again.nir")
    assert read_nir(tmp_path / "again.nir").edges == graph.edges


def test_a_time_axis_before_a_scalar_neuron_is_noticed(tmp_path: Path) -> None:
    one = {name: np.asarray(value).reshape(-1)[:1] if name != "type" else value for name, value in lif(1).items()}
    graph = read(tmp_path, line(input=port("Input", 1000), lif=one, output=port("Output", 1000)))
    assert any(
        "its shape (1000,) leads straight to lif, a LIF of one value; read as 1000 neurons" in f
        for f in said(graph, "note")
    )
    assert not any("time steps" in text for text in said(read(tmp_path, line(**sound())), "note"))


def test_refusals_name_the_file(tmp_path: Path) -> None:
    assert refusal(tmp_path, {"type": "NIRGraph"}) == (
        "graph: has no nodes: its writer stopped half-way; export the network again"
    )


def test_a_damaged_heap_of_texts_is_refused_before_hdf5_goes_round_in_it(path: Path) -> None:
    """HDF5 2.0 never comes back from free space of no size."""
    data = bytearray(path.read_bytes())
    heap = data.find(b"GCOL\x01\x00\x00\x00")
    assert heap > 0
    first = heap + 16
    length = int.from_bytes(data[first + 8 : first + 16], "little")
    for size in (0xFFFF, 3000):
        data[first + 8 : first + 16] = size.to_bytes(8, "little")
        path.write_bytes(data)
        assert refused(path) == f"{path}: is damaged or cut off (its texts, at byte {heap}); get the file again"
    data[first + 8 : first + 16] = length.to_bytes(8, "little")
    path.write_bytes(data)
    assert "fc" in read_nir(path).nodes


def test_a_text_beyond_the_end_of_the_file_is_refused(path: Path) -> None:
    """HDF5 2.0 never comes back from an address that lies beyond the file's end."""
    with h5py.File(path) as file:
        start = file["node/edges"].id.get_offset()
    data = bytearray(path.read_bytes())
    data[start + 4 : start + 12] = (896310066880566).to_bytes(8, "little")
    path.write_bytes(data)
    assert "net.nir: is damaged or cut off (/node/edges names a text at byte 896310066880566 of" in refused(path)
