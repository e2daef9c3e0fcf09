"""The bytes of a NIR file as a raw graph: groups become nodes, datasets values. Nothing is judged here but form.

A child process reads the file (`apart.py`). Every release of nir (0.1 to 1.0.8) writes the same tree; see `write.py`.
Names that older writers split at "/" and edges stored as integers are put together again, and noted.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from toolchain.errors import InputError
from toolchain.frontend.apart import Tree, read_tree
from toolchain.frontend.conventions import hint_for
from toolchain.frontend.extensions import NODE_TYPES
from toolchain.frontend.graph import Finding
from toolchain.frontend.netx import FIELDS, is_net, net_graph
from toolchain.frontend.presets import PRESETS
from toolchain.frontend.raw import RawGraph, RawNode
from toolchain.frontend.write import HINT_KEY

MOST_NODES, MOST_EDGES = 10_000, 100_000
"""Of a graph; the largest network of the zoo has some hundreds."""
_WANTED = sorted(
    {"type", "edges", "metadata", "version", "shape", "input_type", "output_type", *FIELDS}.union(
        *({*found.arrays, *found.settings, found.derived} for found in NODE_TYPES.values())
    )
)
"""Names of the datasets that are read."""


def load(path: str | os.PathLike[str]) -> tuple[RawGraph, list[Finding]]:
    """The file's root graph and what was noticed about its form.

    A root that is a single node becomes a graph of that node.

    Raises:
        InputError: no such file, not HDF5, cut off, with links or sizes that cannot be, or a group that is no NIR node.
    """
    place = Path(path)
    _check_is_a_file(place)
    findings: list[Finding] = []
    return _root(read_tree(place, _WANTED), place, findings), findings


def _check_is_a_file(place: Path) -> None:
    if place.exists() and not place.is_file() and not place.is_dir():
        raise InputError(str(place), "is a pipe or a device", "give the path of a .nir file")
    try:
        with place.open("rb") as stream:
            head = stream.read(40)
    except FileNotFoundError:
        raise InputError(str(place), "does not exist", "check the path") from None
    except OSError as error:
        raise InputError(str(place), f"cannot be read ({error.strerror})", "give the path of a .nir file") from None
    if head.startswith(b"version https://git-lfs"):
        raise InputError(str(place), "is a Git LFS pointer, not the file itself", "run 'git lfs pull'")


def _root(file: Tree, place: Path, findings: list[Finding]) -> RawGraph:
    if is_net(file):
        return net_graph(file, place.name, findings, {HINT_KEY: hint_for(PRESETS["lava-dl"])})
    if not isinstance(file.get("node"), dict):
        listed = ", ".join(map(_text, file)) or "nothing"
        raise InputError(str(place), f"has no group 'node' (it holds {listed})", "give a file written by nir")
    if "version" not in file:
        findings.append(Finding("file", "no version", "read as nir 1.0", "note"))
    group = file["node"]
    if not len(group):
        what = "the group 'node' is empty: its writer stopped half-way"
        raise InputError(str(place), what, "export the network again")
    root = _node(group, "", findings)
    if isinstance(root, RawGraph):
        return root
    name = root.kind.lower()
    findings.append(Finding(name, f"the root is a single {root.kind}, not a graph", "made a graph of one node"))
    return RawGraph("", {name: RawNode(name, root.kind, root.fields, root.metadata)})


def _node(group: Tree, path: str, findings: list[Finding]) -> RawNode | RawGraph:
    """The node or graph in `group`; `path` holds its own and its parents' names, joined with NUL (names hold dots)."""
    stored = group.get("type")
    kind = _text(stored) if stored is not None and not isinstance(stored, dict) else ""
    if kind == "NIRGraph" or (not kind and "nodes" in group):
        return _graph(group, path, findings)
    if not kind:
        listed = ", ".join(map(_text, group)) or "nothing: its writer stopped half-way"
        raise InputError(
            path.replace("\0", ".") or "node", f"has no type (it holds {listed})", "export the network again"
        )
    name = path.rpartition("\0")[2]
    fields = {_text(key): _value(item) for key, item in group.items() if key not in ("type", "metadata")}
    return RawNode(name, kind, fields, _metadata(group))


def _graph(group: Tree, path: str, findings: list[Finding]) -> RawGraph:
    where = path.replace("\0", ".") or "graph"
    if not isinstance(group.get("nodes"), dict):
        raise InputError(where, "has no nodes: its writer stopped half-way", "export the network again")
    if "edges" not in group and len(group["nodes"]) > 1:
        lost = "no edges" if "type" in group else "no edges and no type"
        what = f"has {len(group['nodes'])} nodes, but {lost}: its writer stopped half-way"
        raise InputError(where, what, "export the network again")
    graph = RawGraph(path.rpartition("\0")[2], metadata=_metadata(group))
    for name, member in _members(group["nodes"], where, findings):
        graph.nodes[name] = _node(member, f"{path}\0{name}" if path else name, findings)
    if len(graph.nodes) > MOST_NODES:
        raise InputError(where, f"has {len(graph.nodes):,} nodes, more than {MOST_NODES:,}", "export a smaller network")
    graph.edges = _edges(group, where, findings)
    extra = [
        _text(key) for key in group if key not in ("type", "nodes", "edges", "metadata", "input_type", "output_type")
    ]
    if extra:
        findings.append(Finding(where, f"unknown entries {', '.join(extra)}", "left out", "note"))
    return graph


def _members(nodes: Tree, where: str, findings: list[Finding]) -> Iterator[tuple[str, Tree]]:
    """Named groups in order. A name with "/" was stored as nested groups; it is joined with a dot."""
    for name, member in nodes.items():
        if not isinstance(member, dict):
            raise InputError(f"{where}.{name}", "is a dataset where a node should be", "export the network again")
        if "type" in member or "nodes" in member or not _only_groups(member):
            yield _text(name), member
            continue
        for inner, group in _members(member, where, findings):
            findings.append(Finding(f"{name}.{inner}", f"its name was written {name}/{inner}", "renamed with a dot"))
            yield f"{name}.{inner}", group


def _only_groups(group: Tree) -> bool:
    return len(group) > 0 and all(isinstance(item, dict) for item in group.values())


def _edges(group: Tree, where: str, findings: list[Finding]) -> list[tuple[str, str]]:
    if "edges" not in group:
        findings.append(Finding(where, "no edges are stored", "read as none", "note"))
        return []
    stored = np.asarray(group["edges"])
    if stored.size == 0:
        return []
    if stored.ndim != 2 or stored.shape[1] != 2 or stored.dtype.kind not in "OSUiu":
        what = f"edges have shape {stored.shape} and dtype {stored.dtype}, not N pairs of names"
        raise InputError(where, what, "export the network again")
    if len(stored) > MOST_EDGES:
        raise InputError(where, f"has {len(stored):,} edges, more than {MOST_EDGES:,}", "export a smaller network")
    if stored.dtype.kind in "iu":
        findings.append(Finding(where, f"edges are stored as {stored.dtype}", "read as names"))
    return [(_edge_name(source), _edge_name(target)) for source, target in stored.tolist()]


def _edge_name(value: object) -> str:
    return _text(value).replace("/", ".")


def _metadata(group: Tree) -> dict[str, Any]:
    stored = group.get("metadata")
    return {_text(key): _value(item) for key, item in stored.items()} if isinstance(stored, dict) else {}


def _value(item: Any) -> Any:
    """A dataset's content; a group (nested metadata) becomes a dict."""
    return {key: _value(inner) for key, inner in item.items()} if isinstance(item, dict) else item


def _text(value: object) -> str:
    return str(value)
