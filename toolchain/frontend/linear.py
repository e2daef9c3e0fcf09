"""Stateless linear nodes as sparse float64 matrices (output, input) over flattened signals, C order, and a constant.

Source of the geometry: torch, as in `shapes.py`; an average counts padded zeros, as torch does by default.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import scipy.sparse

from toolchain.errors import UnsupportedError
from toolchain.frontend.graph import FloatArray, Node
from toolchain.frontend.shapes import paddings
from toolchain.windows import Windows, unrolled

CONVOLUTIONS = ("Conv1d", "Conv2d")
POOLINGS = ("SumPool2d", "AvgPool2d")
KERNELS = (*CONVOLUTIONS, *POOLINGS)
"""Nodes whose matrix repeats a few weights."""

LINEAR_KINDS = ("Linear", "Affine", "Scale", "Flatten", *KERNELS)


def linear_matrix(node: Node) -> scipy.sparse.csr_array:
    """The matrix of a node of `LINEAR_KINDS`.

    Raises:
        UnsupportedError: a weight with a batch axis.
    """
    if node.kind == "Flatten":
        return scipy.sparse.eye_array(math.prod(node.input_shape), format="csr")
    if node.kind == "Scale":
        return scipy.sparse.diags_array(np.ravel(node.params["scale"]), format="csr")
    if node.kind in CONVOLUTIONS:
        return _convolution(node)
    if node.kind in POOLINGS:
        return _pooling(node)
    weight = np.asarray(node.params["weight"], dtype=np.float64)
    if weight.ndim != 2:
        raise UnsupportedError(node.name, f"a weight of {weight.ndim} axes", "use a matrix (output, input)")
    return scipy.sparse.csr_array(weight)


def linear_bias(node: Node) -> FloatArray:
    """What a node adds to its matrix' product, (output,)."""
    bias: FloatArray = np.asarray(node.params.get("bias", 0.0), dtype=np.float64)
    if node.kind in CONVOLUTIONS:
        bias = np.repeat(bias, math.prod(node.output_shape[1:]))
    return np.broadcast_to(bias.ravel(), (math.prod(node.output_shape),))


def windows_of(node: Node) -> Windows:
    """Where the kernel of a convolution or pooling lies on each channel."""
    axes = len(node.input_shape) - 1
    if node.kind in POOLINGS:
        padding = tuple((size, size) for size in node.params["padding"])
        kernel, stride = node.params["kernel_size"], node.params["stride"]
        return Windows(node.input_shape[1:], kernel, stride, padding, (1,) * axes)
    stride, dilation = (_per_axis(node.params, name, axes) for name in ("stride", "dilation"))
    kernel = node.params["weight"].shape[2:]
    return Windows(node.input_shape[1:], kernel, stride, paddings(node.params, axes), dilation)


def _per_axis(params: Mapping[str, Any], name: str, axes: int) -> tuple[int, ...]:
    value = params[name]
    return (value,) * axes if isinstance(value, int) else tuple(value)


def _convolution(node: Node) -> scipy.sparse.csr_array:
    """One channel pair after the other: each output channel sees the input channels of its group."""
    weight, windows = np.asarray(node.params["weight"], dtype=np.float64), windows_of(node)
    place, position, tap = windows.entries()
    out, within = np.indices(weight.shape[:2]).reshape(2, -1, 1)
    entering = out // (weight.shape[0] // node.params["groups"]) * weight.shape[1] + within
    values = weight.reshape(*weight.shape[:2], -1)[out, within, tap].ravel()
    rows = (out * math.prod(windows.places) + place).ravel()
    columns = (entering * math.prod(windows.sizes) + position).ravel()
    return _matrix(node, rows, columns, values)


def _pooling(node: Node) -> scipy.sparse.csr_array:
    windows = windows_of(node)
    rows, columns, _ = unrolled(windows, node.input_shape[0])
    share = 1.0 / math.prod(windows.kernel) if node.kind == "AvgPool2d" else 1.0
    return _matrix(node, rows, columns, np.full(rows.size, share))


def _matrix(node: Node, rows: Any, columns: Any, values: FloatArray) -> scipy.sparse.csr_array:
    shape = (math.prod(node.output_shape), math.prod(node.input_shape))
    matrix = scipy.sparse.csr_array((values, (rows, columns)), shape=shape)
    matrix.eliminate_zeros()
    return matrix
