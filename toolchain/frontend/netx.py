"""Networks of lava-dl in its own form, `.net`: integers in HDF5 groups ``layer/<k>``, as a NIR graph of the same.

lava-dl's netx makes Loihi's LIF of them: weights w (even, -256 .. 254), du = iDecay - 1, dv = vDecay, threshold
vThMant, bias at exponent 6. In the units of the weights a step is

    i = i - iDecay/4096 i + W s,    v = v - vDecay/4096 v + i + bias,    spike and v = 0 where v > vThMant

which CubaLIF says with tau = 4096 / decay steps, its current jumping by the input and every gain 1 (the preset
lava-dl). States are real here; netx truncates them at 1/64 of a unit. What its loading call would set
(`reset_interval`, offsets) is in no file.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from toolchain.errors import InputError, UnsupportedError
from toolchain.frontend.apart import Tree
from toolchain.frontend.graph import Finding, FloatArray
from toolchain.frontend.raw import RawGraph, RawNode

DECAY_ONE = 4096.0
_ENDLESS = 2.0**60
"""Steps in place of an infinite time constant."""
_CUBA = ("CUBA", "LOIHI")
_REMEDY = "export the network to NIR from its float weights, or leave the layer out"
FIELDS = (
    "type", "shape", "weight", "bias", "recWeight", "delay", "stride", "padding", "dilation", "groups", "kernelSize",
    "iDecay", "vDecay", "vThMant", "refDelay", "gradedSpike",
)  # fmt: skip
"""Every dataset that is read of a layer and its neuron."""
MOST_SIZE = 1 << 15
"""Greatest extent of an axis, a stride, a kernel."""
_CONV_FIELDS = {"stride": "stride", "padding": "padding", "dilation": "dilation"}


def is_net(file: Tree) -> bool:
    """Whether a file has lava-dl's groups in place of nir's."""
    return isinstance(file.get("layer"), dict) and "node" not in file


def net_graph(file: Tree, where: str, findings: list[Finding], metadata: Mapping[str, Any]) -> RawGraph:
    """The network in a `.net` file.

    Args:
        file: opened.
        where: its name, for messages.
        findings: gains what was noticed.
        metadata: of the graph.

    Raises:
        InputError: a layer that lacks a field, or layers that are not numbered.
        UnsupportedError: a layer or neuron that has no form here, by its number and type.
    """
    layers = file["layer"]
    if not layers or not all(isinstance(layer, dict) and _is_number(name) for name, layer in layers.items()):
        what = f"a .net file of lava-dl whose layers are {', '.join(layers) or 'none'}"
        raise InputError(where, what, "export it again with lava-dl's export_hdf5")
    findings.append(
        Finding("file", f"a .net file of lava-dl with {len(layers)} layers", "read as its netx does", "note")
    )
    findings.append(
        Finding("file", "a reset interval is an argument of netx, not in the file", "read without one", "note")
    )
    return _Net(where, findings, metadata).read([layers[str(k)] for k in sorted(map(int, layers))])


class _Net:
    """Working data of `net_graph`: the graph so far, and the node and shape at its end."""

    def __init__(self, where: str, findings: list[Finding], metadata: Mapping[str, Any]) -> None:
        self.where, self.findings = where, findings
        self.graph = RawGraph("", metadata=dict(metadata))
        self.last = ""
        self.shape: tuple[int, ...] = ()

    def read(self, layers: list[Tree]) -> RawGraph:
        for number, layer in enumerate(layers):
            kind = _word(layer, "type")
            self._layer(f"{self.where}: layer/{number}", f"layer_{number}", kind, layer)
        self._add("output", "Output", {"shape": np.array(self.shape)})
        return self.graph

    def _layer(self, where: str, name: str, kind: str, layer: Tree) -> None:
        if kind == "flatten":
            self._add(name, "Flatten", {"start_dim": 0, "end_dim": -1})
            self.shape = (int(np.prod(self.shape)),)
            return
        steps = {"input": self._input, "dense": self._dense, "conv": self._conv, "pool": self._pool}
        take = steps.get(kind.removesuffix("_rec"))
        if take is None:
            known = f"{', '.join(steps)}, flatten, dense_rec"
            raise UnsupportedError(where, f"a {kind or 'nameless'} layer of lava-dl; known are {known}", _REMEDY)
        take(where, name, layer)
        if "neuron" in layer:
            self._neuron(where, name, layer)

    def _input(self, where: str, name: str, layer: Tree) -> None:
        self.shape = _sizes(layer, "shape", where, least=1, axes=(1, 2, 3))
        self._begin(self.shape)
        if "weight" in layer:
            scale = self._each(_numbers(layer, "weight", where), f"{where}/weight")
            self._add(f"{name}_weight", "Scale", {"scale": scale})

    def _dense(self, where: str, name: str, layer: Tree) -> None:
        weight = _numbers(layer, "weight", where)
        weight = _matrix(weight, f"{where}/weight")
        if not self.last:
            self._begin((weight.shape[1],))
        elif len(self.shape) > 1:
            self._add(f"{name}_flat", "Flatten", {"start_dim": 0, "end_dim": -1})
        self._add(f"{name}_weight", "Linear", {"weight": weight})
        self.shape = (weight.shape[0],)

    def _conv(self, where: str, name: str, layer: Tree) -> None:
        weight = _numbers(layer, "weight", where)
        if weight.ndim not in (4, 5) or weight.size != math.prod(weight.shape[:4]):
            raise InputError(f"{where}/weight", f"has the shape {weight.shape}", "store (out, in, H, W, 1)")
        weight = weight.reshape(weight.shape[:4])
        settings = {ours: self._pair(layer, theirs, where) for ours, theirs in _CONV_FIELDS.items()}
        groups = _sizes(layer, "groups", where, least=1, axes=(1, 2, 3))[0] if "groups" in layer else 1
        out = _sizes(layer, "shape", where, least=1, axes=(3,))
        if not self.last:
            self._begin(_entering(out, weight, settings, groups))
        fields = {"weight": weight, "bias": np.zeros(len(weight)), **settings, "groups": groups}
        self._add(f"{name}_weight", "Conv2d", {**fields, "input_shape": np.array(self.shape[1:])})
        self.shape = out

    def _pool(self, where: str, name: str, layer: Tree) -> None:
        kernel, padding = self._pair(layer, "kernelSize", where), self._pair(layer, "padding", where)
        stride = self._pair(layer, "stride", where) if "stride" in layer else kernel
        self._add(f"{name}_weight", "SumPool2d", {"kernel_size": kernel, "padding": padding, "stride": stride})
        self.shape = _sizes(layer, "shape", where, least=1, axes=(3,))
        if "weight" in layer:
            weight = np.unique(_numbers(layer, "weight", where))
            if weight.size != 1:
                raise UnsupportedError(where, f"a pool of {weight.size} different weights", _REMEDY)
            self._add(f"{name}_scale", "Scale", {"scale": np.full(self.shape, weight[0])})

    def _pair(self, layer: Tree, name: str, where: str) -> np.ndarray[Any, Any]:
        """Two integers of an axis each; lava-dl stores (x, y), NIR takes (y, x)."""
        least = 0 if name == "padding" else 1
        stored = _sizes(layer, name, where, least=least, axes=(1, 2, 3)) if name in layer else (least,)
        return np.broadcast_to(np.array(stored[:2][::-1], np.int64), (2,)).copy()

    def _neuron(self, where: str, name: str, layer: Tree) -> None:
        neuron = layer["neuron"]
        if not isinstance(neuron, dict):
            raise InputError(f"{where}/neuron", "is no group", "export it again with lava-dl")
        kind = _word(neuron, "type")
        if kind.upper() not in _CUBA:
            raise UnsupportedError(
                f"{where}/neuron", f"a {kind} neuron of lava-dl; known are {', '.join(_CUBA)}", _REMEDY
            )
        if int(_scalar(neuron, "refDelay", where, 1)) > 1 or _scalar(neuron, "gradedSpike", where, 0):
            raise UnsupportedError(f"{where}/neuron", "a refractory time or graded spikes", _REMEDY)
        current, voltage = (_scalar(neuron, field, where) for field in ("iDecay", "vDecay"))
        one = np.ones(self.shape)
        fields: dict[str, Any] = {
            "tau_syn": one * (DECAY_ONE / current if current else _ENDLESS),
            "tau_mem": one * (DECAY_ONE / voltage if voltage else _ENDLESS),
            "v_threshold": one * _scalar(neuron, "vThMant", where),
            **dict.fromkeys(("r", "w_in"), one),
        }
        bias = _numbers(layer, "bias", where) if "bias" in layer else np.zeros(1)
        bias = self._each(bias, f"{where}/bias")
        self._add(name, "CubaLIF", {**fields, "v_leak": fields["tau_mem"] * bias, "v_reset": one * 0})
        if "recWeight" in layer:
            self._loop(name, _matrix(_numbers(layer, "recWeight", where), f"{where}/recWeight"))
        self._delay(where, name, layer)

    def _loop(self, name: str, weight: FloatArray) -> None:
        self.graph.nodes[f"{name}_back"] = RawNode(f"{name}_back", "Linear", {"weight": weight})
        self.graph.edges += [(name, f"{name}_back"), (f"{name}_back", name)]

    def _delay(self, where: str, name: str, layer: Tree) -> None:
        delay = _numbers(layer, "delay", where) if "delay" in layer else np.zeros(1)
        if np.any(delay):
            self._add(f"{name}_delay", "Delay", {"delay": np.floor(self._each(delay, f"{where}/delay"))})

    def _each(self, values: FloatArray, where: str) -> FloatArray:
        """A value a neuron, from one for all, one a channel or one a neuron."""
        if values.size == int(np.prod(self.shape)):
            return values.reshape(self.shape)
        if values.size not in (1, self.shape[0]):
            raise InputError(where, f"holds {values.size} values for neurons of {self.shape}", "export it again")
        return np.broadcast_to(values.reshape(-1, *(1,) * (len(self.shape) - 1)), self.shape).copy()

    def _begin(self, shape: tuple[int, ...]) -> None:
        self.shape = shape
        self._add("input", "Input", {"shape": np.array(shape)})

    def _add(self, name: str, kind: str, fields: Mapping[str, Any]) -> None:
        self.graph.nodes[name] = RawNode(name, kind, dict(fields))
        if self.last:
            self.graph.edges.append((self.last, name))
        self.last = name


def _entering(
    out: tuple[int, ...], weight: FloatArray, settings: Mapping[str, np.ndarray[Any, Any]], groups: int
) -> tuple[int, ...]:
    """The least input of a first convolution that gives its shape; the file does not say more."""
    sizes = [
        (size - 1) * int(stride) + int(dilation) * (kernel - 1) + 1 - 2 * int(padding)
        for size, kernel, stride, padding, dilation in zip(
            out[1:], weight.shape[2:], settings["stride"], settings["padding"], settings["dilation"], strict=True
        )
    ]
    return (weight.shape[1] * groups, *sizes)


def _field(group: Tree, name: str, where: str) -> Any:
    if not _is_dataset(group, name):
        raise InputError(where, f"lacks {name} (it holds {', '.join(group)})", "export it again with lava-dl")
    return group[name]


def _is_number(name: str) -> bool:
    return name.isascii() and name.isdigit() and len(name) < 10 and str(int(name)) == name


def _sizes(group: Tree, name: str, where: str, *, least: int, axes: tuple[int, ...]) -> tuple[int, ...]:
    """Whole numbers of so many axes, each from `least` to `MOST_SIZE`."""
    values = np.ravel(_numbers(group, name, where))
    if values.size not in axes or np.any(values % 1) or values.min() < least or values.max() > MOST_SIZE:
        listed = ", ".join(f"{value:g}" for value in values[:4])
        what = f"holds {values.size} values ({listed}{', ...' if values.size > 4 else ''})"
        raise InputError(f"{where}/{name}", what, f"store {axes[-1]} whole numbers from {least} to {MOST_SIZE}")
    return tuple(int(value) for value in values)


def _matrix(weight: FloatArray, where: str) -> FloatArray:
    if weight.ndim < 2:
        raise InputError(where, f"has the shape {weight.shape}", "store (out, in)")
    return weight.reshape(weight.shape[0], -1)


def _numbers(group: Tree, name: str, where: str) -> FloatArray:
    values = np.asarray(_field(group, name, where))
    if values.dtype.kind not in "biuf" or not np.all(np.isfinite(values)) or not values.size:
        raise InputError(f"{where}/{name}", f"holds {values.size} values of {values.dtype}", "store finite numbers")
    return values.astype(np.float64)


def _scalar(group: Tree, name: str, where: str, missing: float | None = None) -> float:
    if name not in group and missing is not None:
        return missing
    values = np.unique(_numbers(group, name, f"{where}/neuron"))
    if values.size != 1:
        raise UnsupportedError(f"{where}/neuron/{name}", f"{values.size} different values in a layer", _REMEDY)
    return float(values[0])


def _word(group: Tree, name: str) -> str:
    return str(group[name]) if isinstance(group.get(name), str) else ""


def _is_dataset(group: Tree, name: str) -> bool:
    return name in group and not isinstance(group[name], dict)
