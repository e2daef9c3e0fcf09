"""What functions of torch that move axes do to where a tensor came from: reshapes, steps taken out and joined."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from models.importing.neurons import Layer
from models.importing.signals import Shape, Signal, Term, reshaped
from models.importing.trace import Args, Trace, Words, same, signal_of

T = torch.Tensor
_MIXED = "mixes samples or steps", "keep (sample, step) as leading axes"


def reshape(trace: Trace, func: Any, args: Args, kwargs: Words, out: Any) -> None:
    """Leading axes may merge or part; those of a sample are flattened."""
    signal = signal_of(trace, args)
    found = None if signal is None else reshaped(signal, tuple(out.shape), trace.extent)
    if signal is None or found is None or signal.reduced:
        trace.refuse(out, f"a reshape to {tuple(out.shape)} {_MIXED[0]}", _MIXED[1])
    elif found.shape == signal.shape:
        trace.mark(out, found)
    else:
        same = replace(signal, lead=found.lead)
        trace.layer("flatten", same, out, lambda _: Layer("Flatten"))


def permute(trace: Trace, func: Any, args: Args, kwargs: Words, out: Any) -> None:
    """Only sample and step may change places."""
    signal = signal_of(trace, args)
    order = _order(func, args, kwargs)
    if signal is None or order is None or signal.lead not in (("T", "N"), ("N", "T")):
        swaps = order is not None and order == list(range(len(order)))
        return same(trace, func, args, kwargs, out) if swaps else trace.refuse(out, "axes change places", _MIXED[1])
    if order == [1, 0, *range(2, len(order))]:
        return trace.mark(out, replace(signal, lead=signal.lead[::-1]))
    return trace.refuse(out, f"axes change places as {order}", "give the network its input with channels first")


def _order(func: Any, args: Args, kwargs: Words) -> list[int] | None:
    axes = args[0].dim()
    if kwargs:
        return None
    if func is T.permute or func is torch.permute:
        given = args[1] if isinstance(args[1], tuple | list) else args[1:]
        return [int(axis) % axes for axis in given]
    order = list(range(axes))
    first, second = (int(axis) % axes for axis in args[1:3])
    if func in (T.movedim, torch.movedim):
        order.insert(second, order.pop(first))
    else:
        order[first], order[second] = order[second], order[first]
    return order


def item(trace: Trace, func: Any, args: Args, kwargs: Words, out: Any) -> None:
    """One step of a sequence."""
    signal = signal_of(trace, args)
    where = args[1] if isinstance(args[1], tuple) else (args[1],)
    step = None if signal is None else _step(trace, signal, where)
    if signal is None or step is None:
        trace.refuse(out, f"a part {args[1]!r} of a tensor is taken", "take whole samples, one step after the other")
    else:
        trace.mark(out, signal.at(step))


def _step(trace: Trace, signal: Signal, where: Args) -> int | None:
    """The step that an index takes out of a whole sequence; None where it takes anything else."""
    if "T" not in signal.lead or signal.reduced:
        return None
    axis = signal.lead.index("T")
    others = [part for place, part in enumerate(where) if place != axis]
    whole = all(part is Ellipsis or part == slice(None) for part in others)
    if not whole or len(where) <= axis or isinstance(where[axis], bool):
        return None
    found = where[axis]
    if isinstance(found, T) and found.dim() == 0 and trace.origin(found) is None:
        found = int(found)
    return int(found) % trace.extent.steps if isinstance(found, int) else None


def select(trace: Trace, func: Any, args: Args, kwargs: Words, out: Any) -> None:
    """One step of a sequence, by the axis of time."""
    axis, number = kwargs.get("dim", args[1] if len(args) > 1 else 0), kwargs.get("index", args[-1])
    where = (slice(None),) * (axis % args[0].dim()) + (number,)
    item(trace, func, (args[0], where), {}, out)


def unbind(trace: Trace, func: Any, args: Args, kwargs: Words, out: Any) -> None:
    """All steps of a sequence."""
    axis = kwargs.get("dim", args[1] if len(args) > 1 else 0) % args[0].dim()
    for step, tensor in enumerate(out):
        item(trace, func, (args[0], (slice(None),) * axis + (step,)), {}, tensor)


def stack(trace: Trace, func: Any, args: Args, kwargs: Words, out: Any) -> None:
    """Steps 0, 1, ... of one signal, joined."""
    parts = [trace.origin(tensor) for tensor in args[0]]
    axis = kwargs.get("dim", args[1] if len(args) > 1 else 0)
    first = parts[0]
    if isinstance(first, Signal) and first.step is None and all(part == first for part in parts):
        return _repeated(trace, first, axis % out.dim(), len(parts), out)
    good = isinstance(first, Signal) and len(parts) == trace.extent.steps and axis % out.dim() in (0, 1)
    for step, part in enumerate(parts):
        good = good and isinstance(part, Signal) and isinstance(first, Signal) and _continues(first, part, step)
    if not good or not isinstance(first, Signal):
        return trace.refuse(out, f"{len(parts)} tensors are stacked that are no steps of one signal", _MIXED[1])
    lead = ("T", "N") if axis % out.dim() == 0 else ("N", "T")
    terms = frozenset(Term(term.node, None) for term in first.terms)
    return trace.mark(out, Signal(terms, lead, first.shape))


def repeat(trace: Trace, func: Any, args: Args, kwargs: Words, out: Any) -> None:
    """A signal that is the same at all steps, along a new axis of time."""
    signal = signal_of(trace, args)
    if signal is None or signal.step is not None or "1" not in signal.lead or out[0].numel() == 0:
        return trace.refuse(out, "a signal is repeated", "repeat the input along a new axis of time")
    axis = signal.lead.index("1")
    same = tuple(out.shape[:axis]) == tuple(args[0].shape[:axis]) and out.shape[axis + 1 :] == args[0].shape[axis + 1 :]
    return _repeated(trace, signal, axis, out.shape[axis] if same else 0, out)


def _repeated(trace: Trace, signal: Signal, axis: int, times: int, out: Any) -> None:
    if times != trace.extent.steps or axis > 1 or signal.reduced:
        return trace.refuse(out, f"a signal is repeated {times} times", f"repeat it for {trace.extent.steps} steps")
    return trace.mark(out, replace(signal, lead=("T", "N") if axis == 0 else ("N", "T")))


def cat(trace: Trace, func: Any, args: Args, kwargs: Words, out: Any) -> None:
    """Channels beside each other: the sum of matrices that put each signal in its place."""
    axis = kwargs.get("dim", args[1] if len(args) > 1 else 0)
    parts = [(trace.origin(tensor), tensor) for tensor in args[0]]
    signals = [found for found, _ in parts if isinstance(found, Signal)]
    lead = signals[0].lead
    flat = all(signal.lead == lead and len(signal.shape) == 1 and not signal.reduced for signal in signals)
    constant = any(found is None and bool(torch.any(tensor != 0)) for found, tensor in parts)
    if not flat or constant or axis % out.dim() != len(lead):
        return trace.refuse(out, "tensors are joined along another axis than channels", "add signals instead")
    terms: set[Term] = set()
    start = 0
    for found, tensor in parts:
        if isinstance(found, Signal):
            where = Layer("Linear", {"weight": np.eye(out.shape[-1])[:, start : start + tensor.shape[-1]]})
            joined = torch.empty_like(out)
            trace.layer(f"cat{start}", found, joined, _always(where))
            made = trace.origin(joined)
            terms |= made.terms if isinstance(made, Signal) else set()
        start += tensor.shape[-1]
    return trace.mark(out, Signal(frozenset(terms), lead, (int(out.shape[-1]),)))


def _always(layer: Layer) -> Callable[[Shape], Layer]:
    return lambda _: layer


def _continues(first: Signal, part: Signal, step: int) -> bool:
    same = {term.node for term in first.terms} == {term.node for term in part.terms}
    return same and part.lead == ("N",) and all(term.step == step for term in part.terms)
