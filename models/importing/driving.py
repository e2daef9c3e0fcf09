"""A network is run on a sample, whatever way it takes time, and its trace kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import nn

from models.importing.functions import HANDLERS
from models.importing.signals import INPUT, Extent, Opaque, Shape, Signal, Term
from models.importing.tools import Tool
from models.importing.trace import Place, Trace, copied, evaluated, tensors_in
from toolchain.errors import InputError, ToolchainError, UnsupportedError
from toolchain.frontend.graph import FloatArray

TIMES = {
    "step": "is called once a step with (sample, ...)",
    "first": "is called once with (step, sample, ...)",
    "second": "is called once with (sample, step, ...)",
    "merged": "is called once with samples and steps on one axis, (sample x step, ...)",
    "static": "is called once with (sample, ...) and repeats that itself",
}
"""How a network may take time."""
_LEADS = {"first": ("T", "N"), "second": ("N", "T"), "merged": ("NT",), "static": ("N",), "step": ("N",)}


@dataclass(frozen=True)
class Run:
    """What a network did with a sample.

    Attributes:
        places: the nodes, by name.
        output: what it puts out.
        extent: samples and steps.
        shape: of a sample at one step.
        time: how it took time.
        others: further things that it put out and that were left aside.
        read: modules whose forward pass takes numbers out of signals, and by which function.
        values: of the output, an array a call.
    """

    places: dict[str, Place]
    output: Signal
    extent: Extent
    shape: Shape
    time: str
    others: int = 0
    read: Mapping[str, str] = field(default_factory=dict)
    values: list[FloatArray] = field(default_factory=list)


def run(net: nn.Module, tool: Tool, sample: FloatArray, time: str | None) -> Run:
    """Run a network.

    Args:
        net: the network.
        tool: whose neurons it has.
        sample: (sample, step, *shape).
        time: a word of `TIMES`; None tries those that the framework makes likely.

    Raises:
        InputError: no such word.
        UnsupportedError: it runs in none of these ways, or does what a graph cannot say.
    """
    if time is not None and time not in TIMES:
        raise InputError("time", f"{time!r} is not a way to take time", f"use one of {', '.join(TIMES)}")
    still = bool(np.all(sample == sample[:, :1]))
    words = (time,) if time else (*tool.times(net), *(("static",) if still else ()))
    failures: list[tuple[str, Exception]] = []
    for word in words:
        try:
            return _run(net, tool, sample, word)
        except ToolchainError as error:
            failures.append((word, error))
        except Exception as error:  # whatever the user's own forward raises: another way may do, else it is named
            failures.append((word, error))
    raise _failed(failures)


def _failed(failures: list[tuple[str, Exception]]) -> ToolchainError:
    """The failure of the likeliest way that got as far as a refusal of ours; else of the likeliest."""
    refused = [error for _, error in failures if isinstance(error, ToolchainError)]
    if refused:
        return refused[0]
    word, error = failures[0]
    tried = ", ".join(word for word, _ in failures)
    what = f"its forward pass fails: {type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
    return UnsupportedError(
        "network", f"{what} (it {TIMES[word]}; tried: {tried})", "say time=, or give another sample"
    )


def _run(net: nn.Module, tool: Tool, sample: FloatArray, word: str) -> Run:
    extent, shape = Extent(*sample.shape[:2]), sample.shape[2:]
    given = _given(net, sample, word)
    tool.reset(net)
    with evaluated(net), Trace(net, tool.found, extent, HANDLERS) as trace:
        outputs = _stepped(net, trace, given, shape) if word == "step" else _whole(net, trace, given, shape, word)
        found, others, values = _output(trace, outputs)
        places, read = trace.places, trace.read
    tool.reset(net)
    return Run(places, found, extent, shape, word, others, read, values)


def _given(net: nn.Module, sample: FloatArray, word: str) -> torch.Tensor:
    first = next(net.parameters(), torch.zeros(1))
    x = torch.as_tensor(sample).to(first.device, first.dtype)
    if word in ("first", "step"):
        return x.transpose(0, 1).contiguous()
    if word == "merged":
        return x.flatten(0, 1)
    return x[:, 0].contiguous() if word == "static" else x


def _stepped(net: nn.Module, trace: Trace, given: torch.Tensor, shape: Shape) -> list[Any]:
    """One call a step; where a state is returned beside the output and can be given, it is handed on."""
    outputs: list[Any] = []
    state: tuple[Any, ...] = ()
    for step, x in enumerate(given.unbind(0)):
        trace.mark(x, Signal(frozenset({Term(INPUT, step)}), ("N",), shape))
        out = net(x, *state)
        outputs.append(out)
        if isinstance(out, tuple) and len(out) == 2 and _takes_state(net):
            outputs[-1], state = out[0], (out[1],)
    return outputs


def _takes_state(net: nn.Module) -> bool:
    names = type(net).forward.__code__.co_varnames[: type(net).forward.__code__.co_argcount]
    return len(names) >= 3 and "state" in names[2]


def _whole(net: nn.Module, trace: Trace, given: torch.Tensor, shape: Shape, word: str) -> list[Any]:
    trace.mark(given, Signal(frozenset({Term(INPUT, None)}), _LEADS[word], shape))
    return [net(given)]


def _output(trace: Trace, outputs: list[Any]) -> tuple[Signal, int, list[FloatArray]]:
    """The first tensor that a graph can say, in each step's output alike; how many more there are; its values."""
    many = [list(tensors_in(out)) for out in outputs]
    opaque: Opaque | None = None
    for place in range(min(map(len, many))):
        signals = [trace.origin(tensors[place]) for tensors in many]
        found = _joined(signals, trace.extent)
        if found is not None:
            with torch._C.DisableTorchFunction():  # the trace would take this for the network's own reading of numbers
                return found, len(many[0]) - 1, [copied(tensors[place]) for tensors in many]
        opaque = opaque or next((signal for signal in signals if isinstance(signal, Opaque)), None)
    if opaque is not None:
        raise UnsupportedError(opaque.where, opaque.what, opaque.remedy)
    raise UnsupportedError("network", "what it puts out depends on no neuron", "return the spikes of its last layer")


def _joined(signals: list[Any], extent: Extent) -> Signal | None:
    """One output for all steps, or that of each step."""
    first = signals[0]
    if not all(isinstance(signal, Signal) and signal.terms for signal in signals):
        return None
    if len(signals) == 1 and extent.steps > 1:
        return _over_time(first, extent)
    if any({t.node for t in signal.terms} != {t.node for t in first.terms} for signal in signals):
        return None
    late = {step - term.step for step, signal in enumerate(signals) for term in signal.terms if term.step is not None}
    if late - {0}:
        return None
    return Signal(frozenset(Term(term.node, None) for term in first.terms), first.lead, first.shape)


def _over_time(signal: Signal, extent: Extent) -> Signal | None:
    """A whole sequence; or, where steps of one node were added or the last one was taken, that reduction."""
    steps = {term.step for term in signal.terms}
    nodes = frozenset(Term(node, None) for node in {term.node for term in signal.terms})
    if steps == {None}:
        return signal
    if steps == set(range(extent.steps)) and len(signal.terms) == extent.steps * len(nodes):
        return Signal(nodes, signal.lead, signal.shape, "sum")
    return Signal(nodes, signal.lead, signal.shape, "last") if steps == {extent.steps - 1} else None
