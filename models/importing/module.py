"""A module on a sample -> the graph, its conventions and what the framework's layers sent."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import nn

from models.importing.assemble import assemble
from models.importing.driving import TIMES, Run, run
from models.importing.files import STATES
from models.importing.imported import Imported
from models.importing.neurons import check_finite
from models.importing.signals import OUTPUT, VOLTAGE
from models.importing.tools import Tool, find_tool
from models.importing.trace import Place, copied
from toolchain.frontend.graph import Finding, FloatArray, Graph
from toolchain.frontend.primitives import SPIKING

_READ = {"sum": "the sum", "mean": "the mean", "max": "the greatest value", "last": "the last value"}


def imported(net: nn.Module, sample: FloatArray, tool: str | None, time: str | None) -> Imported:
    """Run a network on a sample, (sample, step, *shape), and read it.

    Raises:
        InputError: no neurons of the framework, parameters that are NaN or infinite, or a word for time that is none.
        UnsupportedError: what a graph cannot say.
    """
    found = find_tool(net, tool)
    _check_finite(net, found)
    done = run(net, found, sample, time)
    double = any(parameter.dtype == torch.float64 for parameter in net.parameters())
    graph, conventions = assemble(done, found.name, "double" if double else "single")
    read = {term.node for term in done.output.terms}
    traces = {
        name: _trace(place, done, name + VOLTAGE in read)
        for name, place in done.places.items()
        if place.neuron is not None and name in graph.nodes
    }
    if not done.output.reduced and not set(graph.sources(OUTPUT)) & traces.keys():
        traces[OUTPUT] = _put_out(done)
    bounds = {
        name: place.neuron.least
        for name, place in done.places.items()
        if place.neuron is not None and place.neuron.least is not None and name in graph.nodes
    }
    decision = _decision(graph, done.output.reduced)
    notes = tuple(_findings(done, decision))
    return Imported(found.name, found.version, graph, conventions, traces, bounds, decision, notes, _reduced(done))


def _check_finite(net: nn.Module, tool: Tool) -> None:
    """Parameters, stored statistics and thresholds are numbers; states are put back before a run."""
    for name, value in net.state_dict().items():
        if name.rpartition(".")[2] not in STATES and isinstance(value, torch.Tensor) and value.is_floating_point():
            check_finite(name, copied(value))
    for name, module in net.named_modules():
        neuron = tool.found(module, name)
        if neuron is not None and "v_threshold" in neuron.fields:
            check_finite(f"{name or 'network'}.threshold", np.asarray(neuron.fields["v_threshold"]))


def _decision(graph: Graph, reduced: str) -> str:
    spikes = all(graph.nodes[name].kind in SPIKING for name in graph.sources(OUTPUT))
    return {"sum": "", "mean": ""}.get(reduced, reduced) if spikes else {"mean": "sum"}.get(reduced, reduced)


def _reduced(done: Run) -> tuple[str, FloatArray] | None:
    return (done.output.reduced, done.values[0]) if done.output.reduced else None


def _trace(place: Place, done: Run, voltage: bool) -> FloatArray:
    """(sample, step, *shape), however the layer was called."""
    arrays = place.voltages if voltage else place.sent
    if place.lead == ("N",):
        return np.stack(arrays, axis=1)
    whole = arrays[0].reshape(*done.extent.sizes(_apart(place.lead)), *place.shape_out)
    return np.swapaxes(whole, 0, 1) if place.lead[0].startswith("T") else whole


def _put_out(done: Run) -> FloatArray:
    """What the network put out, (sample, step, *shape)."""
    if len(done.values) > 1 or done.output.lead == ("N",):
        return np.stack(done.values, axis=1)
    whole = done.values[0].reshape(*done.extent.sizes(_apart(done.output.lead)), *done.output.shape)
    return np.swapaxes(whole, 0, 1) if done.output.lead[0].startswith("T") else whole


def _apart(lead: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(lead[0]) if len(lead) == 1 else lead


def _findings(done: Run, decision: str) -> Iterator[Finding]:
    yield Finding("network", f"the module {TIMES[done.time]}", "run so", "note")
    reduced = done.output.reduced
    if reduced:
        what = f"the module puts out {_READ[reduced]} over time"
        yield Finding(OUTPUT, what, f"the graph puts out every step, read by {decision or 'count'}", "note")
    for where, function in done.read.items():
        what = f"its forward pass takes numbers out of signals ({function})"
        yield Finding(where, what, "what is computed of them is not in the graph", "loss")
    if done.others:
        yield Finding(OUTPUT, f"the module returns {done.others} more tensors", "read the first", "note")
