"""A NIR file written from plain data, by h5py alone: no part of a tree that is compared makes what it is given."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np

DT = 1e-4
"""Seconds a step: what the exporters of snnTorch, norse and Spyx mean, and Seamount's own."""


@dataclass
class Net:
    """Nodes by name as (type, fields), and edges; a name is given out once."""

    nodes: dict[str, tuple[str, dict[str, Any]]] = field(default_factory=dict)
    edges: list[tuple[str, str]] = field(default_factory=list)

    def add(self, kind: str, source: str | None = None, name: str = "", **fields: Any) -> str:
        """Append a node behind `source`, and return its name."""
        name = name or f"{kind.rpartition('.')[2].lower()}{len(self.nodes)}"
        self.nodes[name] = (kind, fields)
        if source is not None:
            self.edges.append((source, name))
        return name

    def write(self, path: Path) -> None:
        """Write the file, nodes in the order in which they were added."""
        with h5py.File(path, "w", track_order=True) as file:
            file.create_dataset("version", data="1.0.8", dtype=h5py.string_dtype())
            root = file.create_group("node")
            root.create_dataset("type", data="NIRGraph", dtype=h5py.string_dtype())
            root.create_dataset("edges", data=np.array(self.edges, dtype=object), dtype=h5py.string_dtype())
            nodes = root.create_group("nodes", track_order=True)
            for name, (kind, fields) in self.nodes.items():
                group = nodes.create_group(name)
                group.create_dataset("type", data=kind, dtype=h5py.string_dtype())
                for key, value in fields.items():
                    _put(group, key, value)


def _put(group: h5py.Group, key: str, value: Any) -> None:
    if isinstance(value, str):
        group.create_dataset(key, data=value, dtype=h5py.string_dtype())
    elif isinstance(value, float | np.ndarray) and np.asarray(value).dtype.kind == "f":
        group.create_dataset(key, data=np.asarray(value, np.float32))
    else:
        group.create_dataset(key, data=np.asarray(value, np.int64))
