"""The nodes that hold no state, as functions on arrays (N, *input_shape) -> (N, *output_shape), in float64."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import scipy.sparse
from numpy.lib.stride_tricks import sliding_window_view

from toolchain.errors import UnsupportedError
from toolchain.frontend.conventions import Conventions
from toolchain.frontend.extensions import EXTENSIONS, extension_layer
from toolchain.frontend.graph import FloatArray, Node
from toolchain.frontend.shapes import paddings

Layer = Callable[[FloatArray], FloatArray]

_SPARSE_SIZE = 4096  # weights; below this a dense product is faster at any density
_SPARSE_SHARE = 0.1  # of weights that are not zero
_ROWS_AT_ONCE = 256  # of a convolution, whose windows take kernel-size times the room of its input


def stateless_layer(node: Node, conventions: Conventions) -> Layer:
    """What `node` does to a batch of signals at one step.

    Raises:
        UnsupportedError: a type that is not one of the stateless primitives or extensions.
    """
    params = node.params
    if node.kind in ("Input", "Output"):
        return lambda x: x
    if node.kind in ("Linear", "Affine"):
        return _linear(params)
    if node.kind == "Scale":
        return lambda x: x * params["scale"]
    if node.kind in ("Conv1d", "Conv2d"):
        return _by_slices(lambda x: _convolve(params, x))
    if node.kind in ("SumPool2d", "AvgPool2d"):
        return lambda x: _pool(params, x, mean=node.kind == "AvgPool2d")
    if node.kind == "Flatten":
        return lambda x: x.reshape(len(x), *node.output_shape)
    if node.kind == "Threshold":
        fires = np.greater_equal if conventions.compare == ">=" else np.greater
        return lambda x: fires(x, params["threshold"]).astype(np.float64)
    if node.kind in EXTENSIONS:
        return extension_layer(node)
    raise UnsupportedError(node.name, f"{node.kind} cannot be run", "use a NIR primitive")


def _linear(params: Mapping[str, Any]) -> Layer:
    weight, bias = params["weight"], params.get("bias", 0.0)
    if weight.ndim > 2:
        return lambda x: np.einsum("...oi,n...i->n...o", weight, x) + bias
    if weight.size >= _SPARSE_SIZE and np.count_nonzero(weight) < _SPARSE_SHARE * weight.size:
        sparse = scipy.sparse.csr_array(weight)
        return lambda x: np.ascontiguousarray((sparse @ x.T).T) + bias
    return lambda x: x @ weight.T + bias


def _by_slices(layer: Layer) -> Layer:
    def sliced(x: FloatArray) -> FloatArray:
        return np.concatenate([layer(x[i : i + _ROWS_AT_ONCE]) for i in range(0, len(x), _ROWS_AT_ONCE)])

    return sliced


def _convolve(params: Mapping[str, Any], x: FloatArray) -> FloatArray:
    """Cross-correlation as torch has it, a group of channels at a time."""
    weight, groups = params["weight"], params["groups"]
    axes = weight.ndim - 2
    kernel = weight.shape[2:]
    padded = np.pad(x, ((0, 0), (0, 0), *paddings(params, axes)))
    windows = _windows(padded, kernel, _tuple(params["stride"], axes), _tuple(params["dilation"], axes))
    summed = [1, *range(2 + axes, 2 + 2 * axes)], [1, *range(2, 2 + axes)]
    parts = [
        np.moveaxis(np.tensordot(inputs, kernels, summed), -1, 1)
        for inputs, kernels in zip(np.split(windows, groups, axis=1), np.split(weight, groups), strict=True)
    ]
    out: FloatArray = np.concatenate(parts, axis=1) + params["bias"].reshape(-1, *(1,) * axes)
    return out


def _pool(params: Mapping[str, Any], x: FloatArray, *, mean: bool) -> FloatArray:
    """Window sums or means; the mean counts padded zeros, as torch does by default."""
    before_after = tuple((size, size) for size in params["padding"])
    padded = np.pad(x, ((0, 0), (0, 0), *before_after))
    total: FloatArray = _windows(padded, params["kernel_size"], params["stride"], (1, 1)).sum(axis=(-2, -1))
    return total / np.prod(params["kernel_size"]) if mean else total


def _windows(x: FloatArray, kernel: tuple[int, ...], stride: tuple[int, ...], dilation: tuple[int, ...]) -> FloatArray:
    """(N, C, *places, *kernel) view."""
    spans = tuple(d * (k - 1) + 1 for d, k in zip(dilation, kernel, strict=True))
    view = sliding_window_view(x, spans, axis=tuple(range(2, 2 + len(kernel))))
    steps = tuple(slice(None, None, step) for step in (*stride, *dilation))
    return view[(slice(None), slice(None), *steps)]


def _tuple(value: int | tuple[int, ...], axes: int) -> tuple[int, ...]:
    return (value,) * axes if isinstance(value, int) else tuple(value)
