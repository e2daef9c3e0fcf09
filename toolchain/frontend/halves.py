"""Shapes of the extension nodes: one axis of channels, which a node of two inputs halves."""

from __future__ import annotations

import numpy as np

from toolchain.errors import InputError
from toolchain.frontend.draft import Draft, DraftNode, Shape
from toolchain.frontend.extensions import HALVED, RECTIFIER

SHAPED = (*HALVED, RECTIFIER)
"""Extension types whose shape is not that of an array of theirs."""


def accepts_halves(node: DraftNode, signal: Shape) -> bool:
    """Whether an extension node of `SHAPED` can take a signal of this shape."""
    needed = needed_halves(node)
    fits = needed is None or signal == needed
    return fits and (node.kind == RECTIFIER or (len(signal) == 1 and signal[0] % 2 == 0))


def needed_halves(node: DraftNode) -> Shape | None:
    """The input shape that the node's own fields ask for; None where they leave it open."""
    threshold = node.params.get("threshold")
    if threshold is not None and threshold.size > 1:
        return (2 * threshold.size,)
    return node.declared


def settle_halves(node: DraftNode, signal: Shape, draft: Draft) -> None:
    """Give a node of `SHAPED` its shapes from what enters it.

    Raises:
        InputError: an odd number of channels, several axes, or a width that its fields contradict.
    """
    if not accepts_halves(node, signal):
        raise InputError(node.name, _mismatch(node, signal), "correct the shapes where the network was exported")
    node.input_shape = node.output_shape = signal
    if node.kind == RECTIFIER:
        return
    node.output_shape = (signal[0] // 2,)
    for field in node.primitive.arrays:
        values = node.params[field]
        if values.shape != node.output_shape:
            draft.repair(node.name, f"{field} of shape {values.shape}", f"took the shape {node.output_shape}")
            node.params[field] = np.broadcast_to(values.reshape(-1), node.output_shape).copy()


def _mismatch(node: DraftNode, signal: Shape) -> str:
    needed = needed_halves(node)
    if needed is not None and needed != signal:
        return f"takes {needed} and gets {signal}"
    return f"gets {signal}, which is not one axis of two equal halves"
