"""A graph as a file stores it, unchecked: what the readers of bytes give to those that judge."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass
class RawNode:
    """One node as stored: its type and its fields (str, int, float, bool or numpy array), unchecked."""

    name: str
    kind: str
    fields: dict[str, Any] = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)


@dataclass
class RawGraph:
    """One graph as stored. Names are local to it; edges are as written, even where they lead nowhere."""

    name: str
    nodes: dict[str, RawNode | RawGraph] = field(default_factory=dict)
    edges: list[tuple[str, str]] = field(default_factory=list)
    metadata: dict[str, Any] = field(default_factory=dict)
