"""Writes small NIR files as other tools would, faults included: no check stands between a test and the bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from toolchain.errors import InputError
from toolchain.frontend import Graph, read_nir

CASES = Path(__file__).parents[4] / "shared" / "cases"
"""Real files by other tools; not part of the repository, so that what uses them skips where they are absent."""

Fields = Mapping[str, Any]


def put(group: h5py.Group, fields: Fields) -> None:
    """Store a dict as NIR does: str as text, dict as group, list of pairs as edges, anything else as it is."""
    for key, value in fields.items():
        if isinstance(value, Mapping):
            put(group.create_group(key), value)
        elif isinstance(value, str):
            group.create_dataset(key, data=value, dtype=h5py.string_dtype())
        elif key == "edges" and isinstance(value, list):
            pairs = np.array(value, dtype=object).reshape(-1, 2)
            group.create_dataset(key, data=pairs, dtype=h5py.string_dtype())
        else:
            group.create_dataset(key, data=value)


def graph(nodes: Mapping[str, Fields], edges: Any, **extra: Any) -> dict[str, Any]:
    """A NIRGraph as a dict."""
    return {"type": "NIRGraph", "nodes": nodes, "edges": edges, **extra}


def write_raw(path: Path, root: Fields, version: str | None = "1.0.8") -> Path:
    """A file with `root` under /node."""
    with h5py.File(path, "w") as file:
        if version is not None:
            put(file, {"version": version})
        put(file.create_group("node"), root)
    return path


def line(**nodes: Fields) -> dict[str, Any]:
    """input -> nodes in their order -> output, where the given nodes may include both."""
    names = list(nodes)
    return graph(nodes, [list(pair) for pair in pairwise(names)])


def port(kind: str, *shape: int) -> dict[str, Any]:
    """An Input or Output."""
    return {"type": kind, "shape": np.array(shape)}


def linear(out: int, into: int, **fields: Any) -> dict[str, Any]:
    """A Linear with weights that all differ; an Affine, if a bias is given."""
    weight = np.linspace(-1, 1, out * into).reshape(out, into).astype(np.float32)
    return {"type": "Affine" if "bias" in fields else "Linear", "weight": weight, **fields}


def lif(*shape: int, **fields: Any) -> dict[str, Any]:
    """A LIF with plausible values in every field."""
    values = {"tau": 1e-3, "r": 10.0, "v_leak": 0.0, "v_threshold": 1.0, "v_reset": 0.0}
    full: dict[str, Any] = {name: np.full(shape, value) for name, value in values.items()}
    return {"type": "LIF", **full, **fields}


def without(fields: Fields, *names: str) -> dict[str, Any]:
    """The node without some of its fields."""
    return {name: value for name, value in fields.items() if name not in names}


def conv(out: int, into: int, kernel: Sequence[int], **fields: Any) -> dict[str, Any]:
    """A Conv1d or Conv2d without padding."""
    axes = len(kernel)
    rng = np.random.default_rng(out)
    return {
        "type": f"Conv{axes}d",
        "weight": rng.normal(size=(out, into, *kernel)),
        "bias": np.zeros(out),
        "stride": np.ones(axes, int) if axes == 2 else 1,
        "padding": np.zeros(axes, int) if axes == 2 else 0,
        "dilation": np.ones(axes, int) if axes == 2 else 1,
        "groups": 1,
        **fields,
    }


INPUT, OUTPUT = port("Input", 3), port("Output", 2)


def sound() -> dict[str, Any]:
    return {"input": INPUT, "fc": linear(2, 3), "lif": lif(2), "output": OUTPUT}


def read(tmp_path: Path, root: dict[str, Any], **options: Any) -> Graph:
    return read_nir(write_raw(tmp_path / "net.nir", root), **options)


def said(result: Graph, severity: str = "repair") -> list[str]:
    return [str(finding) for finding in result.findings if finding.severity == severity]


def refusal(tmp_path: Path, root: dict[str, Any], kind: type[Exception] = InputError) -> str:
    with pytest.raises(kind) as caught:
        read(tmp_path, root)
    return str(caught.value)
