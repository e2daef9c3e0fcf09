"""Read a NIR file: load, flatten, complete the shapes, repair and say so, or refuse and say why."""

from __future__ import annotations

import os
from dataclasses import replace

from toolchain.errors import InputError
from toolchain.frontend.draft import Draft
from toolchain.frontend.extensions import extension_note
from toolchain.frontend.flatten import flatten
from toolchain.frontend.graph import Finding, Graph
from toolchain.frontend.hdf5 import load
from toolchain.frontend.infer import infer_shapes
from toolchain.frontend.plain_names import rename_nodes
from toolchain.frontend.ports import complete_ports, dissolve_ports


def read_nir(path: str | os.PathLike[str], *, strict: bool = False) -> Graph:
    """The flat graph in a NIR file of any release, by any tool.

    Parameters are float64 at the full shape of their node; subgraphs are flattened with dotted names; every edge joins
    equal shapes. What was repaired or noticed is in `Graph.findings`.

    Args:
        path: the file.
        strict: refuse whatever would be repaired (notes are no repairs).

    Raises:
        InputError: no such file, damage, or a network with faults that have no one repair; all are named.
        UnsupportedError: a node type that is neither a NIR primitive nor an extension.
    """
    raw, findings = load(path)
    draft = flatten(raw, findings)
    draft.raise_faults()
    if not draft.nodes:
        raise InputError(str(path), "the graph has no nodes", "export the network again")
    _complete(draft)
    graph = draft.pinned()
    if text := extension_note(graph):
        graph = replace(graph, findings=(*graph.findings, Finding("graph", text, "read as extensions", "note")))
    if strict:
        _refuse_repairs(graph)
    return graph


def _complete(draft: Draft) -> None:
    rename_nodes(draft)
    complete_ports(draft)
    draft.raise_faults()
    infer_shapes(draft)
    dissolve_ports(draft)


def _refuse_repairs(graph: Graph) -> None:
    repairs = [finding for finding in graph.findings if finding.severity == "repair"]
    if not repairs:
        return
    first = repairs[0]
    more = f" (and {len(repairs) - 1} more repairs)" if len(repairs) > 1 else ""
    raise InputError(first.where, f"{first.what}{more}", f"read it without strict: {first.action}")
