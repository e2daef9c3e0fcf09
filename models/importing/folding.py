"""Nodes that are better said otherwise: batch normalization in the layer before it, the maximum of spikes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from toolchain.errors import UnsupportedError
from toolchain.frontend.graph import Node
from toolchain.frontend.primitives import SPIKING

_MATRICES = ("Linear", "Affine", "Conv1d", "Conv2d")
_HALF = 0.5


def folded(nodes: dict[str, Node], edges: list[tuple[str, str]]) -> None:
    """Put a map of single channels into the matrix or convolution before it, where nothing else reads that."""
    for name in [name for name, node in nodes.items() if _per_channel(node)]:
        sources = [source for source, target in edges if target == name]
        if len(sources) != 1 or nodes[sources[0]].kind not in _MATRICES:
            continue
        before = sources[0]
        if [target for source, target in edges if source == before] != [name]:
            continue
        scale, shift = _scale_and_shift(nodes[name])
        nodes[before] = _scaled(nodes[before], scale, shift)
        del nodes[name]
        edges[:] = [(before if a == name else a, b) for a, b in edges if (a, b) != (before, name)]


def _per_channel(node: Node) -> bool:
    if not node.name.rsplit(".", 1)[-1].startswith("batch_norm") and node.kind not in ("Affine", "Conv2d", "Conv1d"):
        return False
    weight = np.asarray(node.params.get("weight", 0.0))
    if node.kind == "Affine":
        return weight.ndim == 2 and weight.shape[0] == weight.shape[1] and not np.any(weight - np.diag(np.diag(weight)))
    single = weight.ndim > 2 and weight.shape[1:] == (1,) * (weight.ndim - 1) and node.params["groups"] == len(weight)
    return bool(single and node.params["stride"] in (1, (1,) * (weight.ndim - 2)) and len(weight) > 1)


def _scale_and_shift(node: Node) -> tuple[Any, Any]:
    weight = node.params["weight"]
    return (np.diag(weight) if node.kind == "Affine" else weight.reshape(-1)), node.params["bias"]


def _scaled(node: Node, scale: Any, shift: Any) -> Node:
    weight, bias = node.params["weight"], node.params.get("bias", 0.0)
    params = {
        **node.params,
        "weight": weight * scale.reshape(-1, *(1,) * (weight.ndim - 1)),
        "bias": bias * scale + shift,
    }
    return replace(node, kind="Affine" if node.kind == "Linear" else node.kind, params=params)


def pooled_maxima(draft: Any) -> None:
    """The maximum of spikes is their sum beyond a half; a maximum of anything else is refused.

    Raises:
        UnsupportedError: maximum pooling of values that are no spikes.
    """
    for name, node in list(draft.nodes.items()):
        if node.kind != "MaxPool2d":
            continue
        sources = [source for source, target in draft.edges if target == name]
        if len(sources) != 1 or not _binary(draft, sources[0]):
            what = f"takes the maximum of {', '.join(sources)}, which are no spikes"
            raise UnsupportedError(name, what, "pool after the neurons, or average")
        shape = node.output_shape
        draft.nodes[name] = replace(node, kind="SumPool2d")
        fires = f"{name}.any"
        draft.nodes[fires] = Node(fires, "Threshold", {"threshold": np.full(shape, _HALF)}, shape, shape)
        draft.edges[:] = [(fires if a == name else a, b) for a, b in draft.edges] + [(name, fires)]


def _binary(draft: Any, name: str) -> bool:
    """Whether a node sends 0 and 1 alone."""
    kind = draft.nodes[name].kind
    return kind in (*SPIKING, "Threshold")
