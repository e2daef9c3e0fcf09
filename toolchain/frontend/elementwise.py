"""Parameters of the nodes that act per element: scalars and batch axes are repaired to the width of the signal."""

from __future__ import annotations

from math import prod

import numpy as np

from toolchain.frontend.draft import Draft, DraftNode, Shape


def strip_ones(shape: Shape) -> Shape:
    """`shape` without leading axes of size 1, but at least one axis."""
    while len(shape) > 1 and shape[0] == 1:
        shape = shape[1:]
    return shape


def own_shape(node: DraftNode, draft: Draft) -> Shape | None:
    """The shape that a node's own arrays agree on; None if all of them are scalars."""
    shapes = {field: node.params[field].shape for field in node.primitive.arrays if field in node.params}
    wide = {shape for shape in shapes.values() if prod(shape) > 1} or {shape for shape in shapes.values() if shape}
    if len(wide) < 2:
        return next(iter(wide), None)
    stripped = {strip_ones(shape) for shape in wide}
    try:
        if len({len(shape) for shape in stripped}) == 1:
            return np.broadcast_shapes(*stripped)
    except ValueError:
        pass  # reported below
    listed = ", ".join(f"{field} {shape}" for field, shape in shapes.items())
    draft.fault(node.name, f"its parameters differ in shape: {listed}", "store every parameter at the neurons' shape")
    return None


def fit(own: Shape | None, signal: Shape) -> Shape:
    """The shape that a node with arrays of shape `own` has on `signal`: the signal's, where the arrays can take it."""
    if own is None or prod(own) == 1 or strip_ones(own) == signal:
        return signal
    per_channel = len(own) == len(signal) and all(a in (1, b) for a, b in zip(own, signal, strict=True))
    return signal if per_channel else own


def widen(node: DraftNode, shape: Shape, draft: Draft) -> None:
    """Bring every array of `node` to `shape`, and say which ones were not."""
    absent = {finding.where for finding in draft.findings if finding.what == "is missing"}
    changed: dict[Shape, list[str]] = {}
    for field in node.primitive.arrays:
        array = node.params[field]
        if array.shape == shape:
            continue
        if f"{node.name}.{field}" not in absent:
            changed.setdefault(array.shape, []).append(field)
        node.params[field] = np.broadcast_to(array.reshape(strip_ones(array.shape)), shape).copy()
    for old, fields in changed.items():
        names = ", ".join(fields)
        if prod(old) == 1:
            draft.repair(node.name, f"scalar {names}", f"broadcast to {shape}")
        else:
            draft.repair(node.name, f"{names} of shape {old}", f"took the shape {shape}")
