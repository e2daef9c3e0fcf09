"""A module runs on a sample; what its neurons are called with, and where that came from, is kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from models.importing.neurons import Layer, Neuron
from models.importing.signals import BEFORE, VOLTAGE, Extent, Opaque, Shape, Signal, Term
from toolchain.errors import UnsupportedError
from toolchain.frontend.graph import FloatArray

Args = tuple[Any, ...]
Words = Mapping[str, Any]
Handler = Callable[["Trace", Any, Args, Words, Any], None]
"""What a function of torch does to where a tensor came from: (trace, function, arguments, result)."""


@dataclass
class Call:
    """One run of a node.

    Attributes:
        step: None for all steps at once.
        sources: the step of each node that it was fed by.
    """

    step: int | None
    sources: Mapping[str, int | None]


@dataclass
class Place:
    """A node to be.

    Attributes:
        layer: what it is, where it is no neuron.
        neuron: what it is, where it is one.
        shape_in, shape_out: of a sample at one step.
        calls: in order.
        sent, voltages: of a neuron, arrays a call.
        lead: of those arrays.
        zeros: whether it ran on zeros in place of spikes before the first step.
    """

    layer: Layer | None
    neuron: Neuron | None
    shape_in: Shape
    shape_out: Shape
    calls: list[Call] = field(default_factory=list)
    sent: list[FloatArray] = field(default_factory=list)
    voltages: list[FloatArray] = field(default_factory=list)
    lead: tuple[str, ...] = ("N",)
    zeros: bool = False


class Trace(TorchFunctionMode):
    """Follows tensors while a module runs inside ``with``.

    Args:
        net: the module.
        neuron: what a module is, where it is a neuron; None elsewhere.
        extent: samples and steps.
        handlers: what the functions of torch do to where a tensor came from.

    Raises:
        UnsupportedError: from the module's run, what a graph cannot say.
    """

    def __init__(
        self,
        net: nn.Module,
        neuron: Callable[[nn.Module, str], Neuron | None],
        extent: Extent,
        handlers: Mapping[Any, Handler],
    ) -> None:
        super().__init__()
        self.net, self.extent, self.handlers = net, extent, handlers
        self.neurons = {module: found for name, module in net.named_modules() if (found := neuron(module, name))}
        self.names = {module: name for name, module in net.named_modules()}
        self.places: dict[str, Place] = {}
        self.read: dict[str, str] = {}
        self._known: dict[int, tuple[torch.Tensor, Signal | Opaque]] = {}
        self._path: list[str] = []
        self._inside = 0
        self._hooks: list[Any] = []

    def __enter__(self) -> Trace:
        """Hook every module."""
        for module in self.net.modules():
            self._hooks.append(module.register_forward_pre_hook(self._entered, with_kwargs=True))
            self._hooks.append(module.register_forward_hook(self._left, with_kwargs=True, always_call=True))
        super().__enter__()  # type: ignore[no-untyped-call]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        """Leave the module as it was."""
        super().__exit__(kind, error, where)  # type: ignore[no-untyped-call]
        for hook in self._hooks:
            hook.remove()
        self._known.clear()

    @property
    def where(self) -> str:
        """The module that runs."""
        return self._path[-1] if self._path and self._path[-1] else "network"

    def mark(self, tensor: torch.Tensor, signal: Signal | Opaque) -> None:
        """Say where a tensor came from."""
        self._known[id(tensor)] = (tensor, signal)

    def origin(self, tensor: Any) -> Signal | Opaque | None:
        """Where it came from; None for what is no tensor or does not depend on the input."""
        found = self._known.get(id(tensor))
        return found[1] if found is not None and found[0] is tensor else None

    def refuse(self, out: Any, what: str, remedy: str) -> None:
        """Say that tensors cannot be followed further; an error where they matter in the end."""
        for tensor in tensors_in(out):
            self.mark(tensor, Opaque(self.where, what, remedy))

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run a function of torch, and say where its result came from."""
        kwargs = kwargs or {}
        out = func(*args, **kwargs)
        if self._inside or not any(self.origin(tensor) for tensor in tensors_in((args, kwargs))):
            if not self._inside and func in ZEROS_PASS:
                self._zeros(func, args, kwargs, out)
            return out
        with torch._C.DisableTorchFunction():
            self._follow(func, args, kwargs, out)
        return out

    def _follow(self, func: Any, args: Any, kwargs: Any, out: Any) -> None:
        name = getattr(func, "__name__", str(func)).strip("_")
        if name == "bool":
            what = "its forward pass chooses by values of its signals, and a graph has no such choice"
            raise UnsupportedError(self.where, what, "take the condition out of forward")
        if name in READS:
            self.read.setdefault(self.where, name)
        opaque = [found for t in tensors_in((args, kwargs)) if isinstance(found := self.origin(t), Opaque)]
        if opaque:
            for tensor in tensors_in(out):
                self.mark(tensor, opaque[0])
        elif func in self.handlers:
            self.handlers[func](self, func, args, kwargs, out)
        else:
            self.refuse(out, f"{name} of torch acts on its signals", "a graph has no such operation: take it out")

    def _zeros(self, func: Any, args: Any, kwargs: Any, out: Any) -> None:
        """A layer that runs on zeros in place of spikes before the first step."""
        if any(isinstance(tensor, nn.Parameter) for tensor in args[:1]) or bool(torch.any(args[0] != 0)):
            return
        with torch._C.DisableTorchFunction():
            signal = Signal(frozenset(), ("N",), tuple(args[0].shape[1:]))
            self.mark(args[0], signal)
            self.handlers[func](self, func, args, kwargs, out)
            del self._known[id(args[0])]

    def layer(self, suffix: str, signal: Signal, out: torch.Tensor, make: Callable[[Shape], Layer]) -> None:
        """A stateless node that turns a signal into `out`.

        Args:
            suffix: of its name, where the module that runs is no such layer itself.
            signal: what enters.
            out: what leaves.
            make: the node, given the shape of a sample.
        """
        if signal.reduced:
            self.refuse(out, f"{suffix} acts on the {signal.reduced} over time", "put it before the sum over time")
            return
        shape = tuple(out.shape[len(signal.lead) :])
        name = self._instance(suffix, signal, lambda: Place(make(signal.shape), None, signal.shape, shape))
        step = BEFORE if not signal.terms else signal.step
        self.mark(out, Signal(frozenset({Term(name, step)}), signal.lead, shape))

    def _instance(self, suffix: str, signal: Signal, make: Callable[[], Place]) -> str:
        """The node for this call: a layer that is called twice in a step is two nodes."""
        stem = self.names_of(suffix)
        sources = {term.node: term.step for term in signal.terms}
        number = 0
        while True:
            name = stem if number == 0 else f"{stem}.again{number}"
            place = self.places.setdefault(name, make())
            if not sources:
                place.zeros = True
                return name
            now = [call.sources for call in place.calls if call.step == signal.step]
            if not now:
                place.calls.append(Call(signal.step, sources))
            if not now or sources in now:
                return name
            number += 1

    def names_of(self, suffix: str) -> str:
        """The module's own name, with the operation where the module has parts or more operations."""
        path = self._path[-1] if self._path else ""
        own = self.net.get_submodule(path)
        if path and not next(own.children(), None) and suffix in type(own).__name__.lower().replace("norm", "_norm"):
            return path
        return f"{path}.{suffix}" if path else suffix

    def _entered(self, module: nn.Module, args: Any, kwargs: Any) -> None:
        if not self._inside:
            self._path.append(self.names[module])
        if module in self.neurons or self._inside:
            self._inside += 1

    def _left(self, module: nn.Module, args: Any, kwargs: Any, out: Any) -> None:
        if self._inside:
            self._inside -= 1
        if self._inside:
            return
        if module in self.neurons and out is not None:
            with torch._C.DisableTorchFunction():
                self._fired(module, (*args, *kwargs.values())[0], out)
        self._path.pop()

    def _fired(self, module: nn.Module, given: Any, out: Any) -> None:
        neuron, name = self.neurons[module], self.names[module] or "neurons"
        signal = self.origin(given)
        first = out[0] if isinstance(out, tuple | list) else out
        if isinstance(signal, Opaque):
            raise UnsupportedError(signal.where, signal.what, signal.remedy)
        if signal is None:
            if bool(torch.any(given != 0)):
                raise UnsupportedError(name, "is fed by a constant", "feed it from the input")
            signal = Signal(frozenset(), ("N",), tuple(given.shape[1:]))
        self._check_time(name, neuron, signal)
        shape = tuple(first.shape[len(signal.lead) :])
        place = self.places.setdefault(name, Place(None, neuron, signal.shape, shape, lead=signal.lead))
        step = None if signal.whole else len(place.calls)
        place.calls.append(Call(step, {term.node: term.step for term in signal.terms}))
        place.sent.append(copied(first))
        self.mark(first, Signal(frozenset({Term(name, step)}), signal.lead, shape))
        if isinstance(out, tuple | list):
            self._keep_states(name, place, step, out)

    def _keep_states(self, name: str, place: Place, step: int | None, out: Any) -> None:
        for tensor in list(tensors_in(out))[1:]:
            if self.origin(tensor) is None and tensor.dim():
                term = Term(name + VOLTAGE, step)
                self.mark(tensor, Signal(frozenset({term}), place.lead, tuple(tensor.shape[len(place.lead) :])))
        assert place.neuron is not None
        if place.neuron.voltage is not None and isinstance(out[place.neuron.voltage], torch.Tensor):
            place.voltages.append(copied(out[place.neuron.voltage]))

    def _check_time(self, name: str, neuron: Neuron, signal: Signal) -> None:
        if signal.reduced:
            what = f"takes the {signal.reduced} over time of other signals"
            raise UnsupportedError(name, what, "a program has no layer after the sum over time")
        if neuron.time is None:
            expected: tuple[tuple[str, ...], ...] = (("N",),)
        else:
            expected = (("T", "N"),) if neuron.time == 0 else (("N", "T"), ("NT",))
        if signal.lead not in expected:
            what = f"takes axes {_axes(expected[0])} and is given {_axes(signal.lead)}"
            raise UnsupportedError(name, what, "say how the network takes time: time='step', 'first', 'second'")


def _axes(lead: tuple[str, ...]) -> str:
    words = {"N": "sample", "T": "step", "TN": "step and sample", "NT": "sample and step"}
    return "(" + ", ".join(words[axis] for axis in lead) + ", ...)"


def copied(tensor: torch.Tensor) -> FloatArray:
    """Its values, in float64."""
    return np.array(tensor.detach().cpu().to(torch.float64).numpy())


def tensors_in(value: Any) -> Iterator[torch.Tensor]:
    """Every tensor in tuples, lists and mappings, in order."""
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from tensors_in(part)
    elif isinstance(value, tuple | list):
        for part in value:
            yield from tensors_in(part)


READS = ("item", "float", "int", "index", "tolist", "numpy")
"""Functions that take values out of tensors; what is computed of them is the sample's."""
ZEROS_PASS: set[Any] = set()
"""Functions that are followed although they are given zeros of no origin: matrices on spikes before the first step."""


@contextmanager
def evaluated(net: nn.Module) -> Iterator[None]:
    """The module without dropout and with stored statistics, and afterwards as it was."""
    training = {module: module.training for module in net.modules()}
    net.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for module, was in training.items():
            module.training = was


def signal_of(trace: Trace, args: Args) -> Signal | None:
    """Where the first argument came from."""
    found = trace.origin(args[0]) if args else None
    return found if isinstance(found, Signal) else None


def same(trace: Trace, func: Any, args: Args, kwargs: Words, out: Any) -> None:
    """The values are those of the first tensor."""
    signal = signal_of(trace, args)
    if isinstance(out, torch.Tensor) and signal is not None:
        trace.mark(out, signal)
