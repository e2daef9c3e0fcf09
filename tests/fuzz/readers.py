"""Each reader with real files of its kind, and what may be done to them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import nir
import numpy as np

from seamount.build.compile import compile_source
from seamount.build.folder import BuildFolder, read_manifest
from seamount.given import samples_of
from seamount.network import find_source
from seamount.options import Options, read_settings
from tests.cli.conftest import lif_graph
from tests.cli.small_builds import small_builds
from tests.fuzz.mutate import BYTES, Mutation, in_archive, in_hdf5, in_json, in_text
from tests.toolchain.frontend.networks import deep_network
from tests.toolchain.frontend.test_netx import conv, dense, write
from toolchain.bounds.verify import verify
from toolchain.frontend import read_nir, write_nir
from toolchain.ir.storage import load_program
from toolchain.ir.text import read_program
from toolchain.ir.trace import load_trace
from toolchain.mapping.placement import read_placement
from toolchain.mapping.target import TARGETS, load_target
from toolchain.reading import text_of
from toolchain.report.costs import CONSTANTS, load_costs
from toolchain.report.evidence import load_evidence


@dataclass(frozen=True)
class Reader:
    """One kind of file.

    Attributes:
        seeds: real files.
        read: takes the path of a mutated one.
        mutations: what is done to them.
        suffix: of the file that is read.
        share: how many inputs of it are made for one of a slow reader.
    """

    seeds: list[bytes]
    read: Callable[[Path], object]
    mutations: tuple[Mutation, ...]
    suffix: str
    share: int = 1


def readers(folder: Path) -> dict[str, Reader]:
    """All of them; the folder takes the real files."""
    build = small_builds()[0]
    graphs = _nir_files(folder)
    net = write(folder / "a.net", dense(6, 4), dense(3, 6, 5)), write(folder / "b.net", conv(2, 2, 4), dense(3, 32))
    targets = [path.read_bytes() for path in sorted(TARGETS.glob("*.toml"))]
    tables = [path.read_bytes() for path in sorted(CONSTANTS.glob("*.toml"))]
    program = (build / "program.npz").read_bytes()
    traces = [(build / "traces" / name).read_bytes() for name in ("recorded.npz", "test.npz", "fast.npz")]
    settings = json.dumps({"weight_bits": 4, "populations": {"hidden": {"headroom_bits": 2}}}).encode()
    found = {
        "nir": Reader([path.read_bytes() for path in graphs], read_nir, (in_hdf5, *BYTES), ".nir"),
        "net": Reader([path.read_bytes() for path in net], read_nir, (in_hdf5, *BYTES), ".net"),
        "graph": Reader([path.read_bytes() for path in graphs], _compiled, (in_hdf5,), ".nir"),
        "program.txt": Reader([(build / "program.txt").read_bytes()], _text, (in_text, *BYTES), ".txt", 12),
        "program.npz": Reader([program], lambda path: verify(load_program(path)), (in_archive, *BYTES), ".npz", 6),
        "trace": Reader(traces, load_trace, (in_archive, *BYTES), ".npz", 6),
        "samples": Reader(_samples(folder), _given, (in_archive, *BYTES), ".npz", 12),
        "settings": Reader([settings], read_settings, (in_json, *BYTES), ".json", 24),
        "target": Reader(targets, load_target, (in_text, *BYTES), ".toml", 4),
        "costs": Reader(tables, load_costs, (in_text, *BYTES), ".toml", 4),
        "placement": Reader([(build / "placement.json").read_bytes()], _placement, (in_json, *BYTES), ".json", 24),
        "manifest": Reader([(build / "MANIFEST.json").read_bytes()], _manifest, (in_json, *BYTES), "", 12),
        "evidence": Reader([(build / "evidence.json").read_bytes()], _Evidence(build), (in_json, *BYTES), ".json", 2),
    }
    return found | _weights(folder)


def _nir_files(folder: Path) -> list[Path]:
    """Of ours and of nir's own writer, in both layouts that HDF5 has."""
    write_nir(lif_graph(), folder / "lif.nir")
    write_nir(deep_network(np.random.default_rng(0), width=2, modes=2, depth=1, classes=3, group=2), folder / "ssm.nir")
    nir.write(folder / "stock.nir", nir.read(folder / "lif.nir"))
    with h5py.File(folder / "lif.nir") as given, h5py.File(folder / "old.nir", "w", libver="earliest") as old:
        given.copy("node", old)
        given.copy("version", old)
    return [folder / f"{name}.nir" for name in ("lif", "ssm", "stock", "old")]


def _samples(folder: Path) -> list[bytes]:
    rng = np.random.default_rng(3)
    arrays: dict[str, Any] = {
        "x": rng.integers(0, 2, (4, 10, 4)).astype(float),
        "y": rng.integers(0, 3, 4),
        "lengths": np.full(4, 9),
    }
    np.savez(folder / "plain.npz", **arrays)
    np.savez_compressed(folder / "packed.npz", **arrays)
    np.savez(folder / "events.npz", t=np.sort(rng.integers(0, 9, 30)), x=rng.integers(0, 4, 30))
    return [(folder / f"{name}.npz").read_bytes() for name in ("plain", "packed", "events")]


def _weights(folder: Path) -> dict[str, Reader]:
    import torch

    from models.layers.weights import load_tensors, save_tensors

    save_tensors(folder / "w.safetensors", {"a": torch.ones(2, 3), "b": torch.zeros(4)}, {"epoch": 1})
    seeds = [(folder / "w.safetensors").read_bytes()]
    return {"weights": Reader(seeds, load_tensors, (in_text, *BYTES), ".safetensors", 12)}


def _text(path: Path) -> object:
    try:
        text = text_of(path)
    except ValueError:
        return None  # no UTF-8: what calls it says so
    verify(program := read_program(text))
    return program


def _given(path: Path) -> object:
    return samples_of(path, (4,))


def _placement(path: Path) -> object:
    try:
        return read_placement(text_of(path))
    except UnicodeDecodeError:
        return None


def _manifest(path: Path) -> object:
    return read_manifest(BuildFolder(path.parent))


class _Evidence:
    """Reads evidence.json beside the other files of a build."""

    def __init__(self, build: Path) -> None:
        self.build = build

    def __call__(self, path: Path) -> object:
        place = path.parent / "evidence"
        if not place.exists():
            (place / "traces").mkdir(parents=True)
            for name in ("program.npz", "placement.json", "traces/test.npz", "traces/recorded.npz"):
                (place / name).write_bytes((self.build / name).read_bytes())
        (place / "evidence.json").write_bytes(path.read_bytes())
        return load_evidence(place)


def _compiled(path: Path) -> object:
    """From the file to a placed program, on a few samples."""
    graph = read_nir(path)
    inputs = graph.of_kind("Input")
    shape = inputs[0].output_shape if inputs else (1,)
    size = int(np.prod(shape))
    if size > 4096 or len(inputs) != 1:
        return None
    data: dict[str, Any] = {"x": np.random.default_rng(0).integers(0, 2, (2, 5, size)).astype(float)}
    return compile_source(find_source(graph, data), Options(), lambda event: None)
