"""What a trace saw -> a graph and its conventions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from math import prod
from typing import Any

import numpy as np

from models.importing.driving import Run
from models.importing.folding import folded, pooled_maxima
from models.importing.neurons import Layer
from models.importing.signals import BEFORE, INPUT, OUTPUT, VOLTAGE
from models.importing.trace import Place
from toolchain.errors import UnsupportedError
from toolchain.frontend.graph import Graph, Node
from toolchain.frontend.presets import PRESETS
from toolchain.frontend.rules import Conventions, Precision

_SILENT = {"LIF": "LI", "CubaLIF": "CubaLI", "IF": "I"}
_LI_FIELDS = ("tau", "tau_mem", "tau_syn", "r", "v_leak", "w_in")
_FLAT = {"start_dim": 0, "end_dim": -1}


@dataclass
class Draft:
    """A graph that is being put together.

    Attributes:
        nodes: by name.
        edges: in order.
        switches: what each neuron needs of the conventions, by its name.
    """

    nodes: dict[str, Node]
    edges: list[tuple[str, str]]
    switches: dict[str, Mapping[str, Any]]

    def put(self, name: str, layer: Layer, shape_in: tuple[int, ...], shape_out: tuple[int, ...]) -> None:
        """Append a node."""
        self.nodes[name] = Node(name, layer.kind, layer.params, shape_in, shape_out)


def assemble(run: Run, tool: str, precision: Precision) -> tuple[Graph, Conventions]:
    """The graph of a run and the conventions that its neurons step by.

    Raises:
        UnsupportedError: a node that is fed by different things at different steps, neurons of different rules, a
            shape that no NIR node makes.
    """
    draft = Draft({}, [], {})
    edges = list(_edges(run))
    draft.put(INPUT, Layer("Input"), run.shape, run.shape)
    for name in _wanted(run, edges):
        _place(draft, name, run.places[name], read=_read_at(run))
    conventions = _conventions(tool, precision, draft.switches, run)
    # What acts within the step first: only then is it known which late edges close a loop.
    for source, target, late in sorted(edges, key=lambda edge: edge[2] > 0):
        if target in draft.nodes or target == OUTPUT:
            _join(draft, source, target, late, conventions.dt)
    _end(draft, run)
    _shaped(draft)
    pooled_maxima(draft)
    folded(draft.nodes, draft.edges)
    return Graph(draft.nodes, tuple(draft.edges)), conventions


def _edges(run: Run) -> Iterator[tuple[str, str, int]]:
    """(source, target, steps of delay) of every node."""
    for name, place in run.places.items():
        late: dict[str, set[int]] = {}
        for call in place.calls:
            for source, step in call.sources.items():
                if step == BEFORE:
                    continue
                late.setdefault(source, set()).add(0 if step is None or call.step is None else call.step - step)
        for source, found in late.items():
            yield source, name, _delay(name, source, found, place, run)


def _delay(name: str, source: str, found: set[int], place: Place, run: Run) -> int:
    delay = max(found)
    if len(found) > 1 or delay < 0:
        what = f"is fed by {source} of {len(found)} different steps ago ({min(found)} to {max(found)})"
        raise UnsupportedError(name, what, "feed it alike at every step")
    missing = [call.step for call in place.calls if source not in call.sources and (call.step or 0) >= delay]
    if missing:
        raise UnsupportedError(name, f"is not fed by {source} at step {missing[0]}", "feed it alike at every step")
    whole = any(call.step is None for call in place.calls)
    steps = run.extent.steps
    if place.neuron is not None and not (whole and len(place.calls) == 1) and (whole or len(place.calls) != steps):
        what = f"runs {len(place.calls)} times for {steps} steps"
        raise UnsupportedError(name, what, "give each layer neurons of its own, run once a step; or say time=")
    return delay


def _wanted(run: Run, edges: list[tuple[str, str, int]]) -> list[str]:
    """The places from which the output can be reached, in the order in which they ran."""
    into: dict[str, list[str]] = {}
    for source, target, _ in edges:
        into.setdefault(target, []).append(source)
    found: set[str] = set()
    todo = [term.node.removesuffix(VOLTAGE) for term in run.output.terms]
    while todo:
        name = todo.pop()
        if name.endswith(VOLTAGE):
            raise UnsupportedError(name.removesuffix(VOLTAGE), "its voltage feeds other layers", "use its spikes")
        if name not in found:
            found.add(name)
            todo += into.get(name, [])
    if INPUT not in found:
        raise UnsupportedError("network", "what it puts out does not depend on its input", "check its forward pass")
    return [name for name in run.places if name in found]


def _read_at(run: Run) -> frozenset[str]:
    """Neurons whose voltage is what the network puts out."""
    names = frozenset(term.node.removesuffix(VOLTAGE) for term in run.output.terms if term.node.endswith(VOLTAGE))
    if names and len(names) != len(run.output.terms):
        raise UnsupportedError("network", "puts out a sum of spikes and voltages", "return one of them")
    return names


def _place(draft: Draft, name: str, place: Place, read: frozenset[str]) -> None:
    if place.layer is not None:
        draft.put(name, place.layer, place.shape_in, place.shape_out)
        return
    neuron = place.neuron
    assert neuron is not None
    shape = place.shape_out
    kind, fields, switches = neuron.kind, dict(neuron.fields), dict(neuron.switches)
    if name in read:
        kind, fields = _voltage_alone(name, kind, fields, switches)
    broad = {field: _broad(name, field, value, shape) for field, value in fields.items()}
    if neuron.inlet is not None:
        draft.put(f"{name}.w_in", neuron.inlet, place.shape_in, shape)
        draft.edges.append((f"{name}.w_in", name))
    draft.put(name, Layer(kind, broad), shape, shape)
    draft.switches[name] = switches
    if neuron.loop is not None:
        loop = neuron.loop
        if loop.kind == "Scale":
            loop = replace(loop, params={"scale": _broad(name, "V", loop.params["scale"], shape)})
        _loop(draft, name, loop, shape)


def _loop(draft: Draft, name: str, loop: Layer, shape: tuple[int, ...]) -> None:
    """The recurrent connection, flattened before where it is a matrix of an image."""
    inner = f"{name}.w_rec"
    if loop.kind in ("Linear", "Affine") and len(shape) > 1:
        raise UnsupportedError(name, f"a recurrent matrix on a layer of shape {shape}", "flatten the layer before it")
    draft.put(inner, loop, shape, shape)
    draft.edges += [(name, inner), (inner, name)]


def _voltage_alone(
    name: str, kind: str, fields: dict[str, Any], switches: dict[str, Any]
) -> tuple[str, dict[str, Any]]:
    """A neuron without reset whose voltage is read is a leaky integrator."""
    if kind not in _SILENT:
        return kind, fields
    if switches.pop("reset", "none") != "none":
        what = "the network puts out its voltage, which its own spikes reset"
        raise UnsupportedError(
            name, what, "return its spikes, or take the reset away (snnTorch: reset_mechanism='none')"
        )
    return _SILENT[kind], {field: value for field, value in fields.items() if field in _LI_FIELDS}


def _broad(name: str, field: str, value: Any, shape: tuple[int, ...]) -> Any:
    values = np.asarray(value, dtype=np.float64)
    try:
        if values.ndim == 1 and len(shape) > 1 and values.shape != (1,) and len(values) == shape[0] != shape[-1]:
            values = values.reshape(-1, *(1,) * (len(shape) - 1))
        return np.array(np.broadcast_to(values, shape))
    except ValueError:
        what = f"{field} of shape {values.shape} for neurons of shape {shape}"
        raise UnsupportedError(name, what, "give one value, or one a neuron") from None


def _conventions(tool: str, precision: Precision, switches: Mapping[str, Mapping[str, Any]], run: Run) -> Conventions:
    """One set of rules for all layers.

    Raises:
        UnsupportedError: two layers need different ones.
    """
    chosen: dict[str, tuple[Any, str]] = {}
    for name, own in switches.items():
        for switch, value in own.items():
            known = chosen.setdefault(switch, (value, name))
            if known[0] != value:
                what = f"its {switch} is {value!r}, that of {known[1]} {known[0]!r}"
                raise UnsupportedError(name, what, "use one rule in all layers")
    late = [name for name, place in run.places.items() if place.layer and _late_bias(place)]
    values = {switch: value for switch, (value, _) in chosen.items()}
    if late and "recurrent_bias_at_start" not in values:
        values["recurrent_bias_at_start"] = False
    return replace(PRESETS["nir"], name=tool, precision=precision, **values)


def _late_bias(place: Place) -> bool:
    """Whether a layer with a bias first runs after the first step: in a loop that is closed by hand."""
    first = min((call.step for call in place.calls if call.step is not None), default=0)
    return bool(first > 0 and not place.zeros and place.layer and np.any(place.layer.params.get("bias", 0.0)))


def _join(draft: Draft, source: str, target: str, late: int, dt: float) -> None:
    """An edge; a delay outside a loop, or of more than a step inside one, is a Delay node."""
    if f"{target}.w_in" in draft.nodes:
        target = f"{target}.w_in"
    if late and not (late == 1 and _reaches(draft, target, source)):
        shape = draft.nodes[source].output_shape
        name = f"{source}.late{late}"
        if name not in draft.nodes:
            draft.put(name, Layer("Delay", {"delay": np.full(shape, late * dt)}), shape, shape)
            draft.edges.append((source, name))
        source = name
    draft.edges.append((source, target))


def _reaches(draft: Draft, start: str, end: str) -> bool:
    """Whether a path leads from one node to another within a step."""
    todo, seen = [start], set()
    while todo:
        name = todo.pop()
        if name == end:
            return True
        if name not in seen:
            seen.add(name)
            todo += [target for source, target in draft.edges if source == name]
    return False


def _end(draft: Draft, run: Run) -> None:
    sources = sorted(term.node.removesuffix(VOLTAGE) for term in run.output.terms)
    shape = run.output.shape
    if len(sources) > 1:
        draft.put("total", Layer("Scale", {"scale": np.ones(shape)}), shape, shape)
        draft.edges += [(source, "total") for source in sources]
        sources = ["total"]
    draft.put(OUTPUT, Layer("Output"), shape, shape)
    draft.edges.append((sources[0], OUTPUT))


def _shaped(draft: Draft) -> None:
    """Flatten nodes get their fields; a reshape of the input alone becomes the input's own shape."""
    for name, node in list(draft.nodes.items()):
        if node.kind != "Flatten":
            continue
        if len(node.output_shape) == 1:
            draft.nodes[name] = replace(node, params=_FLAT)
            continue
        only = [target for source, target in draft.edges if source == INPUT] == [name]
        if (INPUT, name) not in draft.edges or not only or prod(node.input_shape) != prod(node.output_shape):
            what = f"{node.input_shape} is reshaped to {node.output_shape}, which no NIR node does"
            raise UnsupportedError(name, what, "reshape the input, or flatten")
        shape = node.output_shape
        draft.nodes[INPUT] = replace(draft.nodes[INPUT], input_shape=shape, output_shape=shape)
        del draft.nodes[name]
        draft.edges[:] = [(INPUT if a == name else a, b) for a, b in draft.edges if (a, b) != (INPUT, name)]
