"""Layers of random graphs, one function a kind: each appends nodes behind a signal of a shape and returns both anew."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from tests.replay.nirfile import DT, Net

Rng = np.random.Generator
Shape = tuple[int, ...]
Layer = Callable[[Net, Rng, str, Shape], tuple[str, Shape]]
SIZES = (1, 3, 5, 8, 12)


def _normal(rng: Rng, *shape: int, scale: float = 0.6, mean: float = 0.15) -> Any:
    return rng.normal(mean, scale, shape)


def _each(rng: Rng, shape: Shape, low: float, high: float) -> Any:
    """One number for all, or one an element."""
    return np.full(shape, rng.uniform(low, high)) if rng.random() < 0.4 else rng.uniform(low, high, shape)


def _decay(rng: Rng, shape: Shape) -> Any:
    return _each(rng, shape, 0.0, 0.95) if rng.random() < 0.8 else 1 - 10 ** -_each(rng, shape, 1.5, 3.5)


def flat(net: Net, source: str, shape: Shape) -> str:
    """A signal of one axis."""
    if len(shape) == 1:
        return source
    return net.add("Flatten", source, start_dim=0, end_dim=-1, input_type=shape)


def matrix(net: Net, rng: Rng, source: str, inputs: int, outputs: int, **kind: float) -> str:
    """Linear or, as often, Affine."""
    weight = _normal(rng, outputs, inputs, **kind) / math.sqrt(max(1, inputs / 4))
    if rng.random() < 0.5:
        return net.add("Linear", source, weight=weight)
    return net.add("Affine", source, weight=weight, bias=_normal(rng, outputs, scale=0.1, mean=0.02))


def neuron(net: Net, rng: Rng, source: str, shape: Shape, kind: str) -> str:
    """A neuron node of a NIR type over a signal of a shape."""
    threshold = _each(rng, shape, 0.3, 1.2) * (10 ** rng.uniform(-1, 1) if rng.random() < 0.1 else 1)
    still = {"v_threshold": threshold, "v_reset": np.zeros(shape)}
    if kind == "Threshold":
        return net.add(kind, source, threshold=threshold)
    if kind == "IF":
        return net.add(kind, source, r=np.full(shape, 1 / DT), **still)
    tau = DT / (1 - _decay(rng, shape))
    if kind == "LIF":
        return net.add(kind, source, tau=tau, r=tau / DT, v_leak=np.zeros(shape), **still)
    syn = DT / (1 - _decay(rng, shape))
    taus = {"tau_syn": syn, "tau_mem": tau, "r": tau / DT, "w_in": syn / DT}
    return net.add("CubaLIF", source, **taus, v_leak=np.zeros(shape), **still)


def dense(kind: str) -> Layer:
    """A matrix and neurons of a kind."""

    def layer(net: Net, rng: Rng, source: str, shape: Shape) -> tuple[str, Shape]:
        size = int(rng.choice(SIZES))
        fed = matrix(net, rng, flat(net, source, shape), math.prod(shape), size)
        return neuron(net, rng, fed, (size,), kind), (size,)

    return layer


def recurrent(kind: str) -> Layer:
    """The same with a matrix from the neurons to themselves."""

    def layer(net: Net, rng: Rng, source: str, shape: Shape) -> tuple[str, Shape]:
        out, made = dense(kind)(net, rng, source, shape)
        loop = net.add("Linear", out, weight=_normal(rng, made[0], made[0], scale=0.3, mean=0))
        net.edges.append((loop, out))
        return out, made

    return layer


def residual(net: Net, rng: Rng, source: str, shape: Shape) -> tuple[str, Shape]:
    """Two layers; the first also skips the second, into a third."""
    first, made = dense("LIF")(net, rng, source, shape)
    second = neuron(net, rng, matrix(net, rng, first, made[0], made[0]), made, "LIF")
    total = net.add("Scale", second, scale=np.ones(made))
    net.edges.append((first, total))
    return neuron(net, rng, matrix(net, rng, total, made[0], made[0]), made, "LIF"), made


def convolution(net: Net, rng: Rng, source: str, shape: Shape) -> tuple[str, Shape]:
    """Conv1d or Conv2d, neurons, then perhaps a pooling with neurons of its own; on a flat signal a matrix."""
    channels, groups = int(rng.integers(1, 4)), 1
    if len(shape) == 1:
        return dense("LIF")(net, rng, source, shape)
    axes, kernel, stride = len(shape) - 1, int(rng.integers(1, 4)), int(rng.integers(1, 3))
    padding = int(rng.integers(0, 2))
    if shape[0] == channels and rng.random() < 0.5:
        groups = channels
    weight = _normal(rng, channels, shape[0] // groups, *([kernel] * axes))
    settings: dict[str, Any] = {"stride": stride, "padding": padding, "dilation": 1, "groups": groups}
    if axes == 2:
        settings |= {key: np.full(2, settings[key]) for key in ("stride", "padding", "dilation")}
    bias = _normal(rng, channels, scale=0.05) if rng.random() < 0.5 else np.zeros(channels)
    inside: Any = np.array(shape[1:]) if axes == 2 else shape[1]
    fed = net.add(f"Conv{axes}d", source, weight=weight, bias=bias, input_shape=inside, **settings)
    places = tuple((size + 2 * padding - kernel) // stride + 1 for size in shape[1:])
    made = (channels, *places)
    out = neuron(net, rng, fed, made, str(rng.choice(["LIF", "IF", "CubaLIF"])))
    if axes == 1 or min(places) == 1 or rng.random() < 0.4:
        return out, made
    return pooling(str(rng.choice(["SumPool2d", "AvgPool2d"])))(net, rng, out, made)


def pooling(kind: str) -> Layer:
    """A pooling of 2 x 2 and neurons; on a signal that is no image, as `convolution`."""

    def layer(net: Net, rng: Rng, source: str, shape: Shape) -> tuple[str, Shape]:
        if len(shape) < 3 or min(shape[1:]) < 2:
            return convolution(net, rng, source, shape)
        two = np.full(2, 2)
        pool = net.add(kind, source, kernel_size=two, stride=two, padding=np.zeros(2, int))
        made = (shape[0], shape[1] // 2, shape[2] // 2)
        return neuron(net, rng, pool, made, str(rng.choice(["IF", "LIF"]))), made

    return layer


def state_space(net: Net, rng: Rng, source: str, shape: Shape, after: str = "graded") -> tuple[str, Shape]:
    """A diagonal state space behind a matrix, and what is driven by its output."""
    channels, modes = int(rng.choice(SIZES[1:4])), int(rng.integers(1, 4))
    entry = matrix(net, rng, flat(net, source, shape), math.prod(shape), channels)
    name, count = f"block{len(net.nodes)}", channels * modes
    poles = (1 - 10 ** -rng.uniform(0.5, 2.5, count)) * np.exp(1j * rng.uniform(0, 1.5, count))
    owner = np.repeat(np.eye(channels), modes, axis=0)
    into = np.vstack([owner * rng.uniform(0.2, 1, (count, 1)), np.zeros_like(owner)])
    read = rng.normal(0, 0.4, count), rng.normal(0, 0.4, count)
    tau = DT / (1 - np.tile(poles.real, 2))
    b = net.add("Linear", entry, f"{name}.B", weight=into)
    x = net.add("LI", b, f"{name}.x", tau=tau, r=tau / DT, v_leak=np.zeros(2 * count))
    cross, nothing = np.diag(poles.imag), np.zeros((count, count))
    net.edges.append((net.add("Linear", x, f"{name}.A", weight=np.block([[nothing, -cross], [cross, nothing]])), x))
    c = net.add("Linear", x, f"{name}.C", weight=np.hstack([owner.T * 2 * read[0], owner.T * -2 * read[1]]))
    d = net.add("Scale", entry, f"{name}.D", scale=rng.normal(0.3, 0.4, channels))
    y = net.add("Scale", c, f"{name}.y", scale=np.ones(channels))
    net.edges.append((d, y))
    return _after(net, rng, y, (channels,), after, f"{name}.soma"), (channels,)


def _after(net: Net, rng: Rng, y: str, shape: Shape, after: str, name: str) -> str:
    threshold = _each(rng, shape, 0.3, 1.2)
    if after == "LIF":
        tau = DT / (1 - _each(rng, shape, 0.05, 0.9))
        rest = {"v_leak": np.zeros(shape), "v_threshold": threshold, "v_reset": np.zeros(shape)}
        return net.add("LIF", y, name, tau=tau, r=tau / DT, **rest)
    if after == "Threshold":
        return net.add("Threshold", y, name, threshold=threshold)
    if after == "Rectifier":
        return net.add("seamount.Rectifier", y, name, shape=shape)
    return y


def with_soma(after: str) -> Layer:
    """A state space with a soma of a kind."""
    return lambda net, rng, source, shape: state_space(net, rng, source, shape, after)


def gate(kind: str) -> Layer:
    """A gate or product of two halves of one matrix, or of two matrices; a product may be rectified."""

    def layer(net: Net, rng: Rng, source: str, shape: Shape) -> tuple[str, Shape]:
        size, fed = int(rng.choice(SIZES[1:])), flat(net, source, shape)
        both = matrix(net, rng, fed, math.prod(shape), 2 * size)
        fields = {"threshold": rng.normal(0.2, 0.3, size)} if kind == "BinaryGate" else {"shape": (2 * size,)}
        out = net.add(f"seamount.{kind}", both, **fields)
        if rng.random() < 0.5:
            halves = np.zeros((2 * size, math.prod(shape)))
            halves[size:] = _normal(rng, size, math.prod(shape))
            net.edges.append((net.add("Linear", fed, weight=halves), out))
        if kind == "Product" and rng.random() < 0.5:
            out = net.add("seamount.Rectifier", out, shape=(size,))
        return out, (size,)

    return layer


def ternary(net: Net, rng: Rng, source: str, shape: Shape) -> tuple[str, Shape]:
    """The ternary quantizer behind a matrix."""
    size = int(rng.choice(SIZES))
    fed = matrix(net, rng, flat(net, source, shape), math.prod(shape), size, mean=0)
    return net.add("seamount.Ternary", fed, threshold=_each(rng, (size,), 0.2, 0.8)), (size,)


def rectified(net: Net, rng: Rng, source: str, shape: Shape) -> tuple[str, Shape]:
    """A rectifier of its own behind a matrix."""
    size = int(rng.choice(SIZES))
    fed = matrix(net, rng, flat(net, source, shape), math.prod(shape), size)
    return net.add("seamount.Rectifier", fed, shape=(size,)), (size,)


def oscillators(net: Net, rng: Rng, source: str, shape: Shape) -> tuple[str, Shape]:
    """Resonate-and-fire neurons behind a matrix for their real and imaginary parts."""
    size = int(rng.choice(SIZES))
    fed = matrix(net, rng, flat(net, source, shape), math.prod(shape), 2 * size)
    decay, phase, threshold = (rng.uniform(*ends, size) for ends in ((0.5, 0.95), (0.1, 1.2), (0.5, 1.5)))
    return net.add("seamount.ResonateFire", fed, decay=decay, phase=phase, threshold=threshold), (size,)


def sigma_delta(net: Net, rng: Rng, source: str, shape: Shape) -> tuple[str, Shape]:
    """Rectified sums that are sent by their changes, behind a matrix."""
    size = int(rng.choice(SIZES))
    fed = matrix(net, rng, flat(net, source, shape), math.prod(shape), size)
    own = {"bias": _normal(rng, size, scale=0.2), "threshold": rng.uniform(0.05, 0.3, size)}
    return net.add("seamount.SigmaDelta", fed, **own), (size,)


SPATIAL: tuple[Layer, ...] = (convolution, pooling("SumPool2d"), pooling("AvgPool2d"))
"""What begins with an image, or with channels over one axis."""

LAYERS: tuple[Layer, ...] = (
    *(dense(kind) for kind in ("LIF", "CubaLIF", "IF", "Threshold")),
    recurrent("LIF"),
    recurrent("CubaLIF"),
    residual,
    *SPATIAL,
    *(with_soma(after) for after in ("LIF", "Threshold", "Rectifier", "graded")),
    *(gate(kind) for kind in ("SigmoidGate", "BinaryGate", "Product")),
    ternary,
    rectified,
    oscillators,
    sigma_delta,
)
"""Each is the first layer of every so manyeth graph, so that a few dozen graphs hold all."""
