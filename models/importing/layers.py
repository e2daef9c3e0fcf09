"""Functions of torch that are layers: matrices, convolutions, pooling, batch normalization."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from models.importing.neurons import Layer, array, convolution, linear
from models.importing.signals import Shape
from models.importing.trace import Args, Handler, Trace, Words, signal_of

T = torch.Tensor
_POOL_REST = {
    "AvgPool2d": ("ceil_mode", "count_include_pad", "divisor_override"),
    "MaxPool2d": ("dilation", "ceil_mode", "return_indices"),
}
_POOL_USUAL: dict[str, tuple[Any, ...]] = {
    "ceil_mode": (None, False), "count_include_pad": (None, True), "divisor_override": (None,),
    "dilation": (None, 1, (1, 1)), "return_indices": (None, False),
}  # fmt: skip  # fmt: skip


def matrix(trace: Trace, func: Any, args: Args, kwargs: Words, out: Any) -> None:
    """A matrix on the channels of each sample."""
    signal = signal_of(trace, args)
    weight, bias = _named(args, kwargs, "weight", "bias")
    if signal is None or trace.origin(weight) is not None or len(signal.shape) != 1:
        return trace.refuse(out, "a matrix product of other axes than channels", "flatten before a Linear")
    return trace.layer("linear", signal, out, lambda _: linear(weight, bias))


def _named(args: Args, kwargs: Words, *names: str) -> list[Any]:
    """Arguments after the first, by place or by name."""
    return [args[place] if place < len(args) else kwargs.get(name) for place, name in enumerate(names, 1)]


def conv(trace: Trace, func: Any, args: Args, kwargs: Words, out: Any) -> None:
    """A convolution of each sample."""
    signal = signal_of(trace, args)
    names = ("weight", "bias", "stride", "padding", "dilation", "groups")
    weight, bias, *rest = _named(args, kwargs, *names)
    if signal is None or len(signal.lead) != 1 or len(signal.shape) != args[0].dim() - 1:
        return trace.refuse(out, "a convolution over other axes than a sample's", "give it (sample, channel, ...)")
    usual = {"stride": 1, "padding": 0, "dilation": 1, "groups": 1}
    how = {name: usual[name] if value is None else value for name, value in zip(names[2:], rest, strict=True)}
    return trace.layer("conv", signal, out, lambda _: convolution(weight, bias, **how))


def pool(kind: str) -> Handler:
    """A mean (AvgPool2d) or maximum (MaxPool2d) over windows of each sample."""

    def pool(trace: Trace, func: Any, args: Args, kwargs: Words, out: Any) -> None:
        signal = signal_of(trace, args)
        names = ("kernel_size", "stride", "padding")
        kernel, stride, padding, *rest = _named(args, kwargs, *names, *_POOL_REST[kind])
        # What differs from the usual: ceil_mode, dilation, leaving padding out of the mean, a divisor of its own.
        odd = [name for name, value in zip(_POOL_REST[kind], rest, strict=True) if value not in _POOL_USUAL[name]]
        if signal is None or len(signal.lead) != 1 or len(signal.shape) != 3 or (odd and padding not in (0, None)):
            return trace.refuse(out, f"pooling with {', '.join(odd) or 'other axes'}", "use its defaults")
        if "ceil_mode" in odd or "dilation" in odd or "divisor_override" in odd:
            return trace.refuse(out, f"pooling with {', '.join(odd)}", "use its defaults")
        size, step = _pair(kernel), _pair(kernel if stride in (None, []) else stride)
        params = {"kernel_size": size, "stride": step, "padding": _pair(padding or 0)}
        return trace.layer("pool", signal, out, lambda _: Layer(kind, params))

    return pool


def _pair(value: Any) -> tuple[int, int]:
    numbers = (value, value) if isinstance(value, int) else tuple(value) * (2 // len(value))
    return int(numbers[0]), int(numbers[1])


def power_pool(trace: Trace, func: Any, args: Args, kwargs: Words, out: Any) -> None:
    """A pooling of norm 1 of what is not negative, as sinabs sums spikes."""
    signal = signal_of(trace, args)
    norm, kernel, stride, ceil = _named(args, kwargs, "norm_type", "kernel_size", "stride", "ceil_mode")
    if signal is None or norm != 1 or ceil or len(signal.lead) != 1 or len(signal.shape) != 3:
        return trace.refuse(out, f"pooling by the norm {norm}", "sum or average")
    size = _pair(kernel)
    params = {"kernel_size": size, "stride": size if stride is None else _pair(stride), "padding": (0, 0)}
    return trace.layer("pool", signal, out, lambda _: Layer("SumPool2d", params))


def adaptive_pool(trace: Trace, func: Any, args: Args, kwargs: Words, out: Any) -> None:
    """A mean over windows that divide a sample evenly."""
    signal = signal_of(trace, args)
    if signal is None or len(signal.lead) != 1 or len(signal.shape) != 3:
        return trace.refuse(out, "adaptive pooling of other axes", "give it (sample, channel, height, width)")
    sizes = [(own, made) for own, made in zip(signal.shape[1:], out.shape[-2:], strict=True)]
    if any(own % made for own, made in sizes):
        return trace.refuse(out, f"adaptive pooling of {signal.shape} to {tuple(out.shape[1:])}", "use AvgPool2d")
    kernel = tuple(own // made for own, made in sizes)
    params = {"kernel_size": kernel, "stride": kernel, "padding": (0, 0)}
    return trace.layer("pool", signal, out, lambda _: Layer("AvgPool2d", params))


def batch_norm(trace: Trace, func: Any, args: Args, kwargs: Words, out: Any) -> None:
    """y = (x - mean) / sqrt(var + eps) * weight + bias, a channel."""
    signal = signal_of(trace, args)
    names = ("running_mean", "running_var", "weight", "bias", "training", "momentum", "eps")
    mean, var, weight, bias, training, _, eps = _named(args, kwargs, *names)
    if signal is None or training or mean is None or len(signal.lead) != 1:
        return trace.refuse(out, "batch normalization by the batch's own statistics", "keep running statistics")
    scale = (1.0 if weight is None else array(weight)) / np.sqrt(array(var) + (1e-5 if eps is None else eps))
    shift = (0.0 if bias is None else array(bias)) - array(mean) * scale
    return trace.layer("batch_norm", signal, out, lambda shape: _per_channel(scale, shift, shape))


def _per_channel(scale: Any, shift: Any, shape: Shape) -> Layer:
    if len(shape) == 1:
        return Layer("Affine", {"weight": np.diag(scale), "bias": shift})
    kernel = scale.reshape(-1, 1, *(1,) * (len(shape) - 1))
    return convolution(kernel, shift, stride=1, padding=0, dilation=1, groups=len(scale))
