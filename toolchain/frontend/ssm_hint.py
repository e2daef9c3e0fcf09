"""What metadata says of a state space, held against what its primitives hold. The primitives win; the rest is said."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from toolchain.frontend.conventions import Conventions
from toolchain.frontend.graph import Finding, Graph
from toolchain.reading import parse_json

_FIELDS = {"channels": ("channels", "H"), "modes": ("modes", "N"), "dt": ("dt", "dt_nir")}


def check_hint(
    graph: Graph, name: str, states: set[str], counts: NDArray[np.int64], conventions: Conventions
) -> list[Finding]:
    """Contradictions between the metadata's record of this block and the block.

    Args:
        graph: the graph with its metadata.
        name: the block's name; a record stands under `state_spaces.<name>` of a JSON entry.
        states: its LI nodes; a record that names one of them under `nodes` (``{"x": "ssm.x"}``) is its record too.
        counts: (H,) modes of each channel.
        conventions: give dt.
    """
    held = {"channels": len(counts), "modes": int(counts.max(initial=0)), "dt": conventions.dt}
    findings = []
    for key, record in _records(graph, name, states):
        for field, spellings in _FIELDS.items():
            said = next((record[word] for word in spellings if word in record), held[field])
            if said != held[field]:
                what = f"metadata {key} says {field} {said}, the primitives hold {held[field]}"
                findings.append(Finding(name, what, "took the primitives", "note"))
    return findings


def _records(graph: Graph, name: str, states: set[str]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for key, stored in graph.metadata.items():
        entry = _parsed(stored)
        spaces = entry.get("state_spaces")
        if isinstance(spaces, Mapping) and isinstance(spaces.get(name), Mapping):
            yield key, spaces[name]
        nodes = entry.get("nodes")
        if isinstance(nodes, Mapping) and states & {value for value in nodes.values() if isinstance(value, str)}:
            yield key, entry


def _parsed(stored: object) -> Mapping[str, Any]:
    if isinstance(stored, Mapping):
        return stored
    try:
        entry = parse_json(stored) if isinstance(stored, str) else None
    except ValueError:
        return {}  # somebody else's text
    return entry if isinstance(entry, dict) else {}
