"""One fault at a time in every dataset of a network's file: read and sound, or refused on purpose, never a crash."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import nir
import numpy as np
import pytest

from tests.toolchain.frontend.networks import deep_network
from toolchain.errors import ToolchainError
from toolchain.frontend import Graph, conventions_for, find_ssm_blocks, read_nir, run, write_nir


def network() -> Graph:
    return deep_network(np.random.default_rng(0), width=2, modes=2, depth=1, classes=3, group=2)


FAULTS: dict[str, Callable[[Any], Any]] = {
    "missing": lambda value: None,
    "scalar": lambda value: np.asarray(value).flat[0],
    "not a number": lambda value: np.full(np.shape(value), np.nan),
    "negative": lambda value: -np.asarray(value),
    "boolean": lambda value: np.bool_(True),
    "text": lambda value: "hello",
    "empty": lambda value: np.zeros((0,)),
    "other shape": lambda value: np.ones((3, 2)),
    "transposed": lambda value: np.asarray(value).T,
    "leading axis": lambda value: np.asarray(value)[None],
    "complex": lambda value: np.asarray(value) * 1j,
    "float16": lambda value: np.asarray(value).astype(np.float16),
}


def datasets(path: Path) -> list[str]:
    found: list[str] = []
    with h5py.File(path) as file:
        file.visititems(lambda name, item: found.append(name) if isinstance(item, h5py.Dataset) else None)
    return found


def damage(path: Path, dataset: str, fault: Callable[[Any], Any]) -> None:
    """Put the fault into the dataset."""
    with h5py.File(path, "a") as file:
        value = file[dataset][()]
        if isinstance(value, bytes | np.ndarray) and np.asarray(value).dtype.kind in "OS":
            value = np.zeros(2)  # a word or the edges: numbers in their place
        changed = fault(value)
        del file[dataset]
        if changed is not None:
            file[dataset] = changed


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS)
def test_every_dataset_may_be_faulty(fault: str, tmp_path: Path) -> None:
    sound = tmp_path / "sound.nir"
    write_nir(network(), sound)
    outcomes = {"read": 0, "refused": 0}
    for number, dataset in enumerate(datasets(sound)):
        path = tmp_path / f"{number}.nir"
        path.write_bytes(sound.read_bytes())
        damage(path, dataset, FAULTS[fault])
        try:
            _use(read_nir(path))
            outcomes["read"] += 1
        except ToolchainError as error:
            assert error.where and error.remedy, str(error)
            outcomes["refused"] += 1
    assert outcomes["refused"] > 0


def _use(graph: Graph) -> None:
    """What was read is complete: finite, of matching shapes, and it runs or says why not."""
    for node in graph.nodes.values():
        arrays = [value for value in node.params.values() if isinstance(value, np.ndarray)]
        assert all(array.dtype == np.float64 and np.isfinite(array).all() for array in arrays)
    for source, target in graph.edges:
        assert graph.nodes[source].output_shape == graph.nodes[target].input_shape
    conventions = conventions_for(graph)
    find_ssm_blocks(graph, conventions)
    run(graph, np.zeros((1, 2, *graph.of_kind("Input")[0].input_shape)), conventions)


def test_a_whole_network_survives_us_and_stock_nir(tmp_path: Path) -> None:
    graph = network()
    write_nir(graph, tmp_path / "ours.nir")
    again = read_nir(tmp_path / "ours.nir", strict=True)
    nir.write(tmp_path / "theirs.nir", nir.read(tmp_path / "ours.nir"))
    through_nir = read_nir(tmp_path / "theirs.nir", strict=True)
    assert list(again.nodes) == list(graph.nodes) and again.edges == graph.edges
    # A v_reset of 0 is not written, so that nir before 1.0.6 opens the file; nothing else is missing.
    for read in (again, through_nir):
        assert {finding.where.rpartition(".")[2] for finding in read.findings} <= {"v_reset"}
    x = np.random.default_rng(1).uniform(size=(2, 30, 1))
    expected = run(graph, x, conventions_for(graph))[0]
    for read in (again, through_nir):
        assert np.allclose(run(read, x, conventions_for(read))[0], expected, rtol=1e-12)
    write_nir(again, tmp_path / "again.nir")
    assert (tmp_path / "again.nir").read_bytes() == (tmp_path / "ours.nir").read_bytes()
