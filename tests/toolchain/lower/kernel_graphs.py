"""Graphs of convolutions and poolings between neurons whose numbers are multiples of a power of two.

Quantization then rounds nothing and float sums are exact, so that a program must spike where the float network does.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import numpy as np

from toolchain.frontend.graph import Graph, Node
from toolchain.frontend.shapes import conv_output, flatten_output, linear_shapes, pool_output

DT = 1.0
RNG_SEED = 11


def chain(input_shape: tuple[int, ...], *layers: tuple[str, dict[str, Any]]) -> Graph:
    """Input, the layers in order (named n0, n1, ...), Output; every layer's shape follows from the one before."""
    shape = input_shape
    nodes = [Node("input", "Input", {}, shape, shape)]
    for number, (kind, params) in enumerate(layers):
        made = node(f"n{number}", kind, params, shape)
        nodes.append(made)
        shape = made.output_shape
    nodes.append(Node("output", "Output", {}, shape, shape))
    names = [each.name for each in nodes]
    return Graph({each.name: each for each in nodes}, tuple(pairwise(names)))


def node(name: str, kind: str, params: dict[str, Any], shape: tuple[int, ...]) -> Node:
    if kind in ("Conv1d", "Conv2d"):
        return Node(name, kind, params, shape, conv_output(name, params, shape))
    if kind in ("SumPool2d", "AvgPool2d"):
        return Node(name, kind, params, shape, pool_output(name, params, shape))
    if kind == "Flatten":
        return Node(name, kind, params, shape, flatten_output(name, params, shape))
    if kind == "Affine":
        return Node(name, kind, params, *linear_shapes(params["weight"].shape))
    filled = {key: np.broadcast_to(np.float64(value), shape).copy() for key, value in params.items()}
    return Node(name, kind, filled, shape, shape)


def eighths(*shape: int, top: int = 12, seed: int = RNG_SEED) -> np.ndarray[Any, Any]:
    """Random multiples of 1/8 up to top/8, top/8 itself among them."""
    values = np.random.default_rng(seed).integers(-top, top + 1, shape)
    values.flat[0] = top
    return values / 8.0


def conv(*weight_shape: int, groups: int = 1, bias: bool = True, **geometry: Any) -> tuple[str, dict[str, Any]]:
    """A convolution over as many axes as the weight says."""
    axes = len(weight_shape) - 2
    one = 1 if axes == 1 else (1, 1)
    zero = 0 if axes == 1 else (0, 0)
    params = {"weight": eighths(*weight_shape), "stride": one, "padding": zero, "dilation": one, "groups": groups}
    added = eighths(weight_shape[0], top=4) if bias else np.zeros(weight_shape[0])
    return f"Conv{axes}d", {**params, **geometry, "bias": added}


def pool(kind: str, kernel: int, stride: int, padding: int = 0) -> tuple[str, dict[str, Any]]:
    pairs = {"kernel_size": (kernel,) * 2, "stride": (stride,) * 2, "padding": (padding,) * 2}
    return f"{kind}Pool2d", pairs


def fire(threshold: float = 1.0, r: float = 1.0) -> tuple[str, dict[str, Any]]:
    return "IF", {"r": r, "v_threshold": threshold, "v_reset": 0.0}


FLATTEN = ("Flatten", {"start_dim": 0, "end_dim": -1})


def spikes(shape: tuple[int, ...], samples: int = 2, steps: int = 12, rate: float = 0.4) -> np.ndarray[Any, Any]:
    """(sample, step, channel) zeros and ones."""
    return (np.random.default_rng(3).random((samples, steps, math.prod(shape))) < rate).astype(np.float64)
