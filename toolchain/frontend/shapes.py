"""The shape rules of the NIR primitives, as pure functions on shapes without batch or time axis.

Convolution and pooling sizes are those of torch (floor((n + 2p - d(k-1) - 1)/s) + 1). nir 1.0.8 itself takes the
kernel's height for both axes and forgets `groups`; here both axes and all groups count.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import Any

from toolchain.errors import InputError
from toolchain.windows import MOST_ENTRIES

Shape = tuple[int, ...]


def linear_shapes(weight_shape: Shape) -> tuple[Shape, Shape]:
    """(input, output) of a Linear or Affine; leading axes of the weight are batches of the signal."""
    return (*weight_shape[:-2], weight_shape[-1]), weight_shape[:-1]


def conv_channels(params: Mapping[str, Any]) -> int:
    """Input channels of a convolution: a group's, times the groups."""
    return int(params["weight"].shape[1]) * int(params["groups"])


def paddings(params: Mapping[str, Any], axes: int) -> tuple[tuple[int, int], ...]:
    """(before, after) zeros on each spatial axis, with 'same' and 'valid' as torch has them."""
    padding = params["padding"]
    if padding == "valid":
        return ((0, 0),) * axes
    if padding == "same":
        kernel, dilation = params["weight"].shape[2:], _per_axis(params["dilation"], axes)
        totals = [d * (k - 1) for d, k in zip(dilation, kernel, strict=True)]
        return tuple((total // 2, total - total // 2) for total in totals)
    return tuple((size, size) for size in _per_axis(padding, axes))


def conv_output(where: str, params: Mapping[str, Any], input_shape: Shape) -> Shape:
    """Output shape of a Conv1d or Conv2d.

    Raises:
        InputError: wrong channels or axes, a kernel larger than its input, 'same' with a stride.
    """
    kernel = tuple(params["weight"].shape[2:])
    axes = len(kernel)
    channels = conv_channels(params)
    if len(input_shape) != axes + 1 or input_shape[0] != channels:
        what = f"takes ({channels}, {', '.join('NHW'[-axes:])}) and gets {input_shape}"
        raise InputError(where, what, "check channels and groups, and that there is no batch axis")
    stride = _per_axis(params["stride"], axes)
    if params["padding"] == "same" and max(stride) > 1:
        raise InputError(where, f"padding 'same' with stride {stride} has no meaning", "give the padding in numbers")
    dilation = _per_axis(params["dilation"], axes)
    sizes = _windows(where, input_shape[1:], paddings(params, axes), dilation, kernel, stride)
    return (int(params["weight"].shape[0]), *sizes)


def pool_output(where: str, params: Mapping[str, Any], input_shape: Shape) -> Shape:
    """Output shape of a SumPool2d or AvgPool2d.

    Raises:
        InputError: not three axes, or a kernel larger than its input.
    """
    if len(input_shape) != 3:
        raise InputError(where, f"takes (channels, H, W) and gets {input_shape}", "remove the batch axis")
    padding = tuple((size, size) for size in params["padding"])
    sizes = _windows(where, input_shape[1:], padding, (1, 1), params["kernel_size"], params["stride"])
    return (input_shape[0], *sizes)


def flatten_output(where: str, params: Mapping[str, Any], input_shape: Shape) -> Shape:
    """Output shape of a Flatten; negative axes count from the end, as in torch.

    Raises:
        InputError: axes that the input does not have.
    """
    axes = len(input_shape)
    start, end = (axis + axes if axis < 0 else axis for axis in (params["start_dim"], params["end_dim"]))
    if not 0 <= start <= end < axes:
        what = f"start_dim {params['start_dim']} and end_dim {params['end_dim']} do not fit {input_shape}"
        raise InputError(where, what, "NIR shapes have no batch axis: the first axis is 0")
    return (*input_shape[:start], prod(input_shape[start : end + 1]), *input_shape[end + 1 :])


def _windows(
    where: str, sizes: Shape, padding: tuple[tuple[int, int], ...], dilation: Shape, kernel: Shape, stride: Shape
) -> Shape:
    out = []
    for size, (before, after), d, k, s in zip(sizes, padding, dilation, kernel, stride, strict=True):
        span = d * (k - 1) + 1
        if size + before + after < span:
            what = f"a kernel that spans {span} does not fit an input of {size} with padding {before + after}"
            raise InputError(where, what, "check input_shape, kernel and dilation")
        out.append((size + before + after - span) // s + 1)
    if prod(out) * prod(kernel) > MOST_ENTRIES:
        what = f"a kernel of {tuple(kernel)} at {tuple(out)} places"
        raise InputError(where, what, "check kernel, padding and stride; export a smaller network")
    return tuple(out)


def _per_axis(value: int | Shape, axes: int) -> Shape:
    return (value,) * axes if isinstance(value, int) else tuple(value)
