"""What functions of torch do to where a tensor came from: the table, sums and scales; the rest is refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from models.importing.axes import cat, item, permute, repeat, reshape, select, stack, unbind
from models.importing.layers import adaptive_pool, batch_norm, conv, matrix, pool, power_pool
from models.importing.neurons import Layer, array
from models.importing.signals import Signal, axis_of
from models.importing.trace import ZEROS_PASS, Args, Handler, Trace, Words, same, signal_of, tensors_in

T = torch.Tensor


def _dropout(trace: Trace, func: Any, args: Args, kwargs: Words, out: Any) -> None:
    training = kwargs.get("training", args[2] if len(args) > 2 else True)
    if training:
        trace.refuse(out, "dropout is on although the network is evaluated", "use torch.nn.Dropout")
    else:
        same(trace, func, args, kwargs, out)


def _add(trace: Trace, func: Any, args: Args, kwargs: Words, out: Any) -> None:
    left, right = args[:2]
    signals = [found for side in (left, right) if isinstance(found := trace.origin(side), Signal)]
    if kwargs.get("alpha", 1) != 1:
        return trace.refuse(out, "a scaled sum", "scale in a layer of its own")
    if len(signals) == 1:
        other = right if trace.origin(left) is not None else left
        zero = not torch.any(torch.as_tensor(other) != 0)
        return (
            trace.mark(out, signals[0])
            if zero
            else trace.refuse(out, "a constant is added", "put it in a layer's bias")
        )
    first, second = signals
    if first.lead != second.lead or first.shape != second.shape or first.reduced != second.reduced:
        what = f"a sum of {first.lead} {first.shape} and {second.lead} {second.shape}"
        return trace.refuse(out, what, "add signals of one shape")
    if first.terms & second.terms:
        return trace.refuse(out, "a signal is added to itself", "double the weights after it")
    return trace.mark(out, replace(first, terms=first.terms | second.terms))


def _scale(trace: Trace, func: Any, args: Args, kwargs: Words, out: Any) -> None:
    """A product with a number or a constant a neuron."""
    left, right = args[:2]
    first, second = trace.origin(left), trace.origin(right)
    divides = func in (T.div, T.__truediv__, T.true_divide, torch.div, torch.true_divide, T.div_, T.__itruediv__)
    signal, factor = (first, right) if isinstance(first, Signal) else (second, left)
    both = isinstance(first, Signal) and isinstance(second, Signal)
    if both or kwargs or not isinstance(signal, Signal) or (divides and not isinstance(first, Signal)):
        return trace.refuse(out, "signals are multiplied or divided", "a program has no product here")
    values = 1.0 / array(factor) if divides else array(factor)
    if signal.reduced or len({term.step for term in signal.terms}) > 1:
        positive = bool(values.size == 1 and values > 0)
        return trace.mark(out, signal) if positive else trace.refuse(out, "a sum over time is scaled", "leave it out")
    own = np.broadcast_shapes(values.shape, signal.shape)
    if own != signal.shape:
        return trace.refuse(out, f"a factor of shape {values.shape}", f"use one of {signal.shape}")
    return trace.layer("scale", signal, out, lambda shape: Layer("Scale", {"scale": np.broadcast_to(values, shape)}))


def _reduce(trace: Trace, func: Any, args: Args, kwargs: Words, out: Any) -> None:
    """Sum, mean or maximum over time, and nothing after it."""
    signal = signal_of(trace, args)
    axis = kwargs.get("dim", kwargs.get("axis", args[1] if len(args) > 1 else None))
    if isinstance(axis, tuple | list) and len(axis) == 1:
        axis = axis[0]
    if signal is None or not isinstance(axis, int) or axis_of(signal, axis, args[0].dim()) != "T":
        return trace.refuse(out, f"{func.__name__} over axes of a sample", "reduce over time alone")
    word = func.__name__ if func.__name__ in ("sum", "mean") else "max"
    made = replace(signal, lead=("N",), reduced=word)
    first = next(tensors_in(out))
    if kwargs.get("keepdim", False):
        return trace.refuse(out, "a sum over time that keeps the axis", "leave keepdim out")
    return trace.mark(first, made)


def _decision(trace: Trace, func: Any, args: Args, kwargs: Words, out: Any) -> None:
    """Softmax over classes changes no decision."""
    signal = signal_of(trace, args)
    if signal is not None:
        trace.mark(out, signal)


def _nothing(trace: Trace, func: Any, args: Args, kwargs: Words, out: Any) -> None:
    """The result has values of its own."""


def _negate(trace: Trace, func: Any, args: Args, kwargs: Words, out: Any) -> None:
    _scale(trace, T.mul, (args[0], -1.0), {}, out)


def _subtract(trace: Trace, func: Any, args: Args, kwargs: Words, out: Any) -> None:
    if isinstance(trace.origin(args[1]), Signal):
        return trace.refuse(out, "a signal is subtracted", "negate the weights before it and add")
    return _add(trace, func, args, kwargs, out)


_HANDLED: dict[Handler, tuple[Any, ...]] = {
    same: (
        T.clone, torch.clone, T.detach, torch.detach, T.contiguous, T.to, T.float, T.type, T.cpu, T.cuda,
        T.requires_grad_,
        T.type_as, T.data.__get__,  # type: ignore[attr-defined]
        T.detach_, T.double,
    ),
    _dropout: (F.dropout, torch.dropout, F.dropout1d, F.dropout2d, F.dropout3d, F.alpha_dropout),
    reshape: (
        T.reshape, T.view, T.flatten, T.squeeze, T.unsqueeze, T.unflatten, torch.reshape, torch.flatten, torch.squeeze,
        torch.unsqueeze, torch.unflatten, T.view_as, T.reshape_as,
    ),
    permute: (
        T.permute, T.transpose, T.swapaxes, T.swapdims, T.movedim, torch.permute, torch.transpose, torch.swapaxes,
        torch.movedim,
    ),
    item: (T.__getitem__,),
    select: (T.select, torch.select),
    unbind: (T.unbind, torch.unbind),
    stack: (torch.stack,),
    cat: (torch.cat, torch.concat),
    repeat: (T.repeat, T.expand, T.expand_as),
    _add: (T.add, T.__add__, T.__radd__, T.add_, T.__iadd__, torch.add),
    _subtract: (T.sub, T.__sub__, T.sub_, T.__isub__, torch.sub),
    _scale: (
        T.mul, T.__mul__, T.__rmul__, T.mul_, T.__imul__, torch.mul, torch.multiply, T.div, T.__truediv__,
        T.true_divide, torch.div, torch.true_divide, T.div_, T.__itruediv__,
    ),
    _negate: (T.neg, T.__neg__, torch.neg),
    matrix: (F.linear,),
    conv: (F.conv1d, F.conv2d, torch.conv1d, torch.conv2d),
    pool("AvgPool2d"): (F.avg_pool2d,),
    pool("MaxPool2d"): (F.max_pool2d, torch.max_pool2d),
    power_pool: (F.lp_pool2d,),
    adaptive_pool: (F.adaptive_avg_pool2d,),
    batch_norm: (F.batch_norm,),
    _reduce: (T.sum, T.mean, T.max, T.amax, torch.sum, torch.mean, torch.max, torch.amax),
    _decision: (F.softmax, F.log_softmax, T.softmax, T.log_softmax, torch.softmax, torch.log_softmax),
    _nothing: (
        torch.zeros_like, torch.ones_like, torch.empty_like, torch.full_like, torch.rand_like, torch.randn_like,
        T.new_zeros, T.new_ones, T.new_empty, T.new_full, T.size, T.dim, T.numel,
    ),
}  # fmt: skip  # fmt: skip

HANDLERS: Mapping[Any, Handler] = {func: handler for handler, funcs in _HANDLED.items() for func in funcs}
"""By function of torch."""

ZEROS_PASS.update({F.linear, F.conv1d, F.conv2d})
