"""Write a `Graph` as a NIR file that is the same bytes each time, and that every stock reader takes (but extensions).

The layout is that of nir 1.0.8: `/version`, `/node/type`, `/node/edges`, `/node/nodes/<name>/<field>` and
`/node/metadata`. Written over h5py directly, because `nir.write` refuses scalars, leaves a stump behind when it fails
and puts nodes in no stated order.
"""

from __future__ import annotations

import errno
import io
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from toolchain.errors import InputError, UnsupportedError
from toolchain.files import written_whole
from toolchain.frontend.extensions import METADATA_KEY, NODE_TYPES, extension_kinds
from toolchain.frontend.graph import Graph, Node
from toolchain.frontend.primitives import PRIMITIVES

NIR_VERSION = "1.0.8"
"""The nir release whose layout and fields the files follow."""

HINT_KEY = "seamount"
"""Key of our JSON record in a graph's or a node's metadata."""

_FILE_FORMAT = ("v110", "v110")
"""That of HDF5 1.10 (2016), whatever library writes: a group or a chunk takes half the room that it did before."""
_COMPRESSION: dict[str, Any] = {"compression": "gzip", "compression_opts": 6, "shuffle": True}
_GZIP_MIN_BYTES = 1024  # below this a chunked dataset takes more room than it saves


def write_nir(graph: Graph, path: str | os.PathLike[str]) -> None:
    """Write `graph` to `path`: same graph, same bytes.

    The file is written beside its place and renamed, so that a failure leaves what was there. Nodes and edges keep
    their order. Float parameters are stored as float64. Metadata values may be strings, numbers or arrays; a mapping
    (and anything under the key "seamount") is stored as one JSON string.

    Raises:
        InputError: a name, edge, field or value that a stock reader would not read back, or a place that cannot be
            written.
        UnsupportedError: a node type that neither NIR nor its extensions have.
    """
    data = nir_bytes(graph)
    target = Path(path)
    try:
        if not target.parent.is_dir():
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
        with written_whole(target) as beside:
            beside.write_bytes(data)
    except OSError as error:
        raise InputError(
            str(target), f"cannot be written ({error.strerror})", "check the folder and its rights"
        ) from None


def nir_bytes(graph: Graph) -> bytes:
    """The NIR file of `graph` as bytes. Raises as `write_nir` does."""
    _check_writable(graph)
    buffer = io.BytesIO()
    with h5py.File(buffer, "w", libver=_FILE_FORMAT) as file:
        _put_text(file, "version", NIR_VERSION)
        _put_graph(file.create_group("node"), graph)
    return buffer.getvalue()


def _put_graph(group: h5py.Group, graph: Graph) -> None:
    _put_text(group, "type", "NIRGraph")
    edges = np.array(graph.edges, dtype=object).reshape(-1, 2)
    group.create_dataset("edges", data=edges, dtype=h5py.string_dtype())
    nodes = _ordered_group(group, "nodes")
    for node in graph.nodes.values():
        _put_node(nodes.create_group(node.name), node)
    _put_metadata(group, _root_metadata(graph), "graph")


def _root_metadata(graph: Graph) -> dict[str, Any]:
    """The graph's own, and the list of the extension types that make the file unreadable to stock readers."""
    metadata = {key: value for key, value in graph.metadata.items() if key != METADATA_KEY}
    kinds = extension_kinds(graph)
    return metadata | {METADATA_KEY: ", ".join(kinds)} if kinds else metadata


def _ordered_group(parent: h5py.Group, name: str) -> h5py.Group:
    """A group that keeps the order in which its members were made, without time stamps."""
    order = h5py.h5p.CRT_ORDER_TRACKED | h5py.h5p.CRT_ORDER_INDEXED
    properties = h5py.h5p.create(h5py.h5p.GROUP_CREATE)
    properties.set_link_creation_order(order)
    properties.set_obj_track_times(False)
    return h5py.Group(h5py.h5g.create(parent.id, name.encode(), gcpl=properties))


def _put_node(group: h5py.Group, node: Node) -> None:
    primitive = NODE_TYPES[node.kind]
    _put_text(group, "type", node.kind)
    if primitive.derived:
        _put_shape(group, primitive.derived, node)
    for name in primitive.arrays:
        array = _float_array(node, name)
        # nir before 1.0.6, and so sinabs and rockpool, cannot open a file that has the field.
        if name != "v_reset" or np.any(array != primitive.defaults[name]):
            _put_array(group, name, array)
    for name in primitive.settings:
        _put_setting(group, name, node)
    _put_metadata(group, node.metadata, node.name)


def _put_shape(group: h5py.Group, field: str, node: Node) -> None:
    """The field that repeats the input shape; convolutions store its spatial part, Conv1d as one integer."""
    if node.kind == "Conv1d":
        group.create_dataset(field, data=np.int64(node.input_shape[1]))
        return
    shape = node.input_shape[1:] if node.kind == "Conv2d" else node.input_shape
    group.create_dataset(field, data=np.array(shape, dtype=np.int64))


def _put_setting(group: h5py.Group, field: str, node: Node) -> None:
    value = node.params[field]
    if isinstance(value, str):
        _put_text(group, field, value)
        return
    numbers = np.asarray(value, dtype=np.int64)
    pair = node.kind in ("Conv2d", "SumPool2d", "AvgPool2d") and field != "groups"
    group.create_dataset(field, data=np.broadcast_to(numbers, (2,)) if pair else numbers.reshape(())[()])


def _put_array(group: h5py.Group, field: str, array: np.ndarray[Any, Any]) -> None:
    large = array.nbytes >= _GZIP_MIN_BYTES
    group.create_dataset(field, data=array, **(_COMPRESSION if large else {}))


def _put_text(group: h5py.Group, field: str, text: str) -> None:
    group.create_dataset(field, data=text, dtype=h5py.string_dtype())


def _put_metadata(group: h5py.Group, metadata: Mapping[str, Any], where: str) -> None:
    if not metadata:
        return
    target = group.create_group("metadata")
    for key in sorted(metadata):
        _check_name(key, f"{where}.metadata")
        _put_metadata_value(target, key, metadata[key], where)


def _put_metadata_value(group: h5py.Group, key: str, value: Any, where: str) -> None:
    if isinstance(value, bytes):
        value = value.decode("utf-8")
    if isinstance(value, Mapping) or (key == HINT_KEY and not isinstance(value, str)):
        value = _json(value, f"{where}.metadata.{key}")
    if isinstance(value, str):
        _put_text(group, key, value)
        return
    array = np.asarray(value)
    if array.dtype.kind not in "biuf":
        what = f"{type(value).__name__} has no form in NIR metadata"
        raise InputError(f"{where}.metadata.{key}", what, "store it in a mapping, which is written as JSON")
    group.create_dataset(key, data=array)


def _json(value: Any, where: str) -> str:
    try:
        return json.dumps(value, sort_keys=True, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise InputError(where, f"is not JSON ({error})", "use strings, finite numbers, lists and mappings") from None


def _float_array(node: Node, field: str) -> np.ndarray[Any, Any]:
    where = f"{node.name}.{field}"
    array = np.asarray(node.params[field])
    if array.dtype.kind not in "iuf":
        raise InputError(where, f"dtype {array.dtype} is not a real number", "convert it to float64")
    if array.ndim == 0:
        raise InputError(where, "is a scalar, which nir 1.0.8 cannot store", "broadcast it to the node's shape")
    bad = int(array.size - np.isfinite(array).sum())
    if bad:
        raise InputError(where, f"{bad} of {array.size} values are NaN or infinite", "repair the network")
    return np.ascontiguousarray(array, dtype=np.float64)


def _check_writable(graph: Graph) -> None:
    for name, node in graph.nodes.items():
        _check_name(name, "graph")
        if node.name != name:
            raise InputError(name, f"is stored under a key that differs from its name {node.name!r}", "use one name")
        _check_fields(node)
    _check_edges(graph)


def _check_name(name: object, where: str) -> None:
    if not isinstance(name, str) or name in ("", ".", "..") or "/" in name or "\0" in name:
        what = f"the name {name!r} cannot be read back from an HDF5 file"
        raise InputError(where, what, "use a non-empty string without '/'")


def _check_fields(node: Node) -> None:
    primitive = NODE_TYPES.get(node.kind)
    if primitive is None:
        what = f"type {node.kind} is not one of NIR's {len(PRIMITIVES)} types, nor an extension"
        raise UnsupportedError(node.name, what, "express it with " + ", ".join(NODE_TYPES))
    known = (*primitive.arrays, *primitive.settings)
    _refuse_fields(node, "lacks", [field for field in known if field not in node.params], known)
    _refuse_fields(node, "has no place for", [field for field in node.params if field not in known], known)


def _refuse_fields(node: Node, verb: str, fields: Iterable[str], known: Iterable[str]) -> None:
    listed = ", ".join(fields)
    if listed:
        raise InputError(node.name, f"{node.kind} {verb} {listed}", f"its fields are: {', '.join(known) or 'none'}")


def _check_edges(graph: Graph) -> None:
    seen: set[tuple[str, str]] = set()
    for edge in graph.edges:
        where = " -> ".join(edge)
        if unknown := [name for name in edge if name not in graph.nodes]:
            raise InputError(where, f"node {unknown[0]} does not exist", "remove the edge or add the node")
        if edge in seen:
            raise InputError(where, "is there twice", "NIR allows one edge between two nodes")
        seen.add(edge)
    for node in graph.of_kind("Output"):
        if len(sources := graph.sources(node.name)) > 1:
            what = f"an Output with {len(sources)} predecessors ({', '.join(sources)}) is a tuple to some readers"
            raise InputError(node.name, what, "put a Scale of ones before it as an explicit sum")
