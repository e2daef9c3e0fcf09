"""The node types that NIR lacks, under our own prefix: gates, a product, a ternary quantizer, a rectifier, two neurons.

A stock reader refuses a file that holds one of them, so they are used where nothing else can say what a network does.
All edges into a NIR node sum and carry no port names. A node of two inputs therefore takes *one* signal of twice the
width, as torch's GLU does: the first half is its value (or left factor), the second half its drive (or right factor).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import scipy.special

from toolchain.errors import UnsupportedError
from toolchain.frontend.graph import FloatArray, Graph, Node
from toolchain.frontend.primitives import PRIMITIVES, Primitive

PREFIX = "seamount."
SIGMOID_GATE = "seamount.SigmoidGate"
BINARY_GATE = "seamount.BinaryGate"
PRODUCT = "seamount.Product"
TERNARY = "seamount.Ternary"
RECTIFIER = "seamount.Rectifier"
RESONATE_FIRE = "seamount.ResonateFire"
SIGMA_DELTA = "seamount.SigmaDelta"

HALVED = (SIGMOID_GATE, BINARY_GATE, PRODUCT, RESONATE_FIRE)
"""Types of 2H channels in and H out."""

METADATA_KEY = "seamount_extensions"
"""Key of the root's metadata under which a file lists the extension types that it holds."""

_TABLE = (
    Primitive(SIGMOID_GATE, derived="shape"),
    Primitive(BINARY_GATE, ("threshold",)),
    Primitive(PRODUCT, derived="shape"),
    Primitive(TERNARY, ("threshold",), positive=("threshold",), per_element=True),
    Primitive(RECTIFIER, derived="shape"),
    Primitive(RESONATE_FIRE, ("decay", "phase", "threshold")),
    Primitive(SIGMA_DELTA, ("bias", "threshold"), positive=("threshold",), per_element=True),
)

EXTENSIONS: Mapping[str, Primitive] = {primitive.kind: primitive for primitive in _TABLE}
"""Every extension type, by name."""

NODE_TYPES: Mapping[str, Primitive] = {**PRIMITIVES, **EXTENSIONS}
"""Every type that a graph may hold, by name."""


def extension_kinds(graph: Graph) -> tuple[str, ...]:
    """The extension types that a graph holds, sorted; empty for a graph that every NIR reader takes."""
    return tuple(sorted({node.kind for node in graph.nodes.values() if node.kind in EXTENSIONS}))


def extension_note(graph: Graph) -> str:
    """What to tell the user of a file of this graph; empty where it is pure NIR."""
    kinds = extension_kinds(graph)
    return f"holds {', '.join(kinds)}, which NIR lacks: stock readers refuse the file" if kinds else ""


def extension_layer(node: Node) -> Callable[[FloatArray], FloatArray]:
    """What an extension node does to a batch of signals, (N, channels) -> (N, channels of the output), in float64.

    Raises:
        UnsupportedError: not an extension type.
    """
    if node.kind == TERNARY:
        threshold = node.params["threshold"]
        return lambda x: (x >= threshold).astype(np.float64) - (-x >= threshold)
    if node.kind == RECTIFIER:
        return lambda x: np.maximum(x, 0.0)
    if node.kind == PRODUCT:
        return lambda x: _first(x) * _second(x)
    if node.kind == SIGMOID_GATE:
        return lambda x: _first(x) * scipy.special.expit(_second(x))
    if node.kind == BINARY_GATE:
        opens_at = node.params["threshold"]
        return lambda x: np.where(_second(x) >= opens_at, _first(x), 0.0)
    raise UnsupportedError(node.name, f"{node.kind} is not an extension type", f"use {', '.join(EXTENSIONS)}")


def _first(x: FloatArray) -> FloatArray:
    return x[:, : x.shape[1] // 2]


def _second(x: FloatArray) -> FloatArray:
    return x[:, x.shape[1] // 2 :]
