"""Build a NIR graph node by node; state spaces in the form that `find_ssm_blocks` reads, gates as extension nodes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from toolchain.frontend.extensions import (
    BINARY_GATE,
    HALVED,
    PRODUCT,
    RECTIFIER,
    RESONATE_FIRE,
    SIGMA_DELTA,
    SIGMOID_GATE,
    TERNARY,
)
from toolchain.frontend.graph import FloatArray, Graph, Node

ComplexArray = NDArray[np.complex128]

CHANNELS_A_CHUNK = 8
"""Channels whose modes share one LI node: the coupling matrices then grow linearly with the number of modes."""


def leaky(alpha: FloatArray, dt: float) -> dict[str, FloatArray]:
    """LI parameters for x <- alpha x + input.

    Args:
        alpha: (neurons,), below 1.
        dt: time step in seconds at which forward Euler is exact but for the rounding of floats.
    """
    r = 1 / (1 - alpha)
    return {"tau": dt * r, "r": r, "v_leak": np.zeros_like(r)}


class Sketch:
    """A graph in the making.

    Args:
        dt: time step in seconds at which forward Euler is exact.
    """

    def __init__(self, dt: float) -> None:
        self.dt = dt
        self.nodes: dict[str, Node] = {}
        self.edges: list[tuple[str, str]] = []

    def graph(self, metadata: Mapping[str, Any]) -> Graph:
        """The finished graph."""
        return Graph(self.nodes, tuple(self.edges), metadata=metadata)

    def add(self, name: str, kind: str, size: int, params: Mapping[str, FloatArray], source: str | None = None) -> str:
        """Append a node of `size` outputs, fed by `source`; a weight matrix says the size of its input."""
        inputs = params["weight"].shape[1] if "weight" in params else (2 if kind in HALVED else 1) * size
        self.nodes[name] = Node(name, kind, dict(params), (inputs,), (size,))
        if source is not None:
            self.edges.append((source, name))
        return name

    def matrix(self, name: str, weight: FloatArray, source: str, bias: FloatArray | None = None) -> str:
        """Append Linear, or Affine where there is a bias."""
        params = {"weight": weight} if bias is None else {"weight": weight, "bias": bias}
        return self.add(name, "Linear" if bias is None else "Affine", len(weight), params, source)

    def total(self, name: str, size: int, sources: Iterable[str]) -> str:
        """Append an explicit sum: a Scale of ones."""
        self.add(name, "Scale", size, {"scale": np.ones(size)})
        self.edges.extend((source, name) for source in sources)
        return name

    def lif(self, name: str, kept: FloatArray, threshold: FloatArray, source: str) -> str:
        """Append LIF with v <- kept v + input, the given threshold, and reset to 0."""
        ratio, still = 1 / (1 - kept), np.zeros(len(kept))
        params = {"tau": self.dt * ratio, "r": ratio, "v_leak": still, "v_threshold": threshold, "v_reset": still}
        return self.add(name, "LIF", len(kept), params, source)

    def threshold(self, name: str, threshold: FloatArray, source: str) -> str:
        """Append Threshold: 1 where the input exceeds (or, by the conventions, reaches) it."""
        return self.add(name, "Threshold", len(threshold), {"threshold": threshold}, source)

    def ternary(self, name: str, threshold: FloatArray, source: str) -> str:
        """Append the sign of the input where its magnitude reaches the threshold, else 0."""
        return self.add(name, TERNARY, len(threshold), {"threshold": threshold}, source)

    def rectifier(self, name: str, size: int, source: str) -> str:
        """Append max(input, 0)."""
        return self.add(name, RECTIFIER, size, {}, source)

    def halves(self, name: str, weight: FloatArray, source: str, half: int, bias: FloatArray | None = None) -> str:
        """Append a matrix whose output is one half (0 or 1) of a signal of two, the other half zero."""
        both = np.zeros((2, *weight.shape))
        both[half] = weight
        if bias is None:
            return self.matrix(name, both.reshape(-1, weight.shape[1]), source)
        biases = np.zeros((2, len(bias)))
        biases[half] = bias
        return self.matrix(name, both.reshape(-1, weight.shape[1]), source, biases.reshape(-1))

    def sigmoid_gate(self, name: str, size: int, sources: str | Iterable[str]) -> str:
        """Append first half * sigmoid(second half) of the sum of `sources`, each of 2 size channels."""
        return self._gate(name, SIGMOID_GATE, size, {}, sources)

    def binary_gate(self, name: str, threshold: FloatArray, sources: str | Iterable[str]) -> str:
        """Append the first half where the second reaches the threshold, else 0."""
        return self._gate(name, BINARY_GATE, len(threshold), {"threshold": threshold}, sources)

    def resonate_fire(
        self, name: str, decay: FloatArray, phase: FloatArray, threshold: FloatArray, sources: str | Iterable[str]
    ) -> str:
        """Append oscillators; real parts take the first half of the sum of `sources`, imaginary ones the second."""
        return self._gate(
            name, RESONATE_FIRE, len(decay), {"decay": decay, "phase": phase, "threshold": threshold}, sources
        )

    def sigma_delta(self, name: str, bias: FloatArray, threshold: FloatArray, source: str) -> str:
        """Append a rectified sum over time that is sent by its changes."""
        return self.add(name, SIGMA_DELTA, len(bias), {"bias": bias, "threshold": threshold}, source)

    def product(self, name: str, size: int, sources: str | Iterable[str]) -> str:
        """Append first half * second half of the sum of `sources`."""
        return self._gate(name, PRODUCT, size, {}, sources)

    def _gate(
        self, name: str, kind: str, size: int, params: Mapping[str, FloatArray], sources: str | Iterable[str]
    ) -> str:
        self.add(name, kind, size, params)
        self.edges.extend((source, name) for source in ([sources] if isinstance(sources, str) else sources))
        return name

    def integrator(self, name: str, size: int, source: str) -> str:
        """Append I with v <- v + input."""
        return self.add(name, "I", size, {"r": np.full(size, 1 / self.dt)}, source)

    def state_space(
        self,
        name: str,
        poles: ComplexArray,
        b: FloatArray,
        c: ComplexArray,
        d: FloatArray,
        stream: str,
        chunk: int = CHANNELS_A_CHUNK,
    ) -> str:
        """Append x <- poles x + b u, y = 2 Re(sum c x) + d u over `stream`; returns its sum node ``<name>.y``.

        Args:
            name: prefix of the nodes ``.ssm{k}.B``, ``.x``, ``.A``, ``.C``, ``.D`` and ``.y``.
            poles, c: (channels, modes) complex, |poles| < 1.
            b: (channels, modes) real.
            d: (channels,).
            stream: node that gives u, (channels,).
            chunk: channels that share one LI node.
        """
        channels = len(d)
        feeds = []
        for number, start in enumerate(range(0, channels, chunk)):
            group = slice(start, min(start + chunk, channels))
            part = (poles[group], b[group], c[group])
            feeds.append(self._modes(f"{name}.ssm{number}", *part, range(channels)[group], channels, stream))
        feeds.append(self.add(f"{name}.D", "Scale", channels, {"scale": d}, stream))
        return self.total(f"{name}.y", channels, feeds)

    def _modes(
        self, name: str, poles: ComplexArray, b: FloatArray, c: ComplexArray, group: range, channels: int, stream: str
    ) -> str:
        """The modes of a group of channels; returns the name of the readout."""
        count = poles.size
        # Which channel each mode belongs to, as a 0/1 matrix: (modes of the group, channels of the network).
        owner = np.zeros((count, channels))
        owner[np.arange(count), np.repeat(np.array(group), poles.shape[1])] = 1
        flat, read = poles.reshape(-1), c.reshape(-1)
        cross, nothing = np.diag(flat.imag), np.zeros((count, count))
        inputs = self.matrix(f"{name}.B", np.vstack([owner * b.reshape(-1, 1), np.zeros_like(owner)]), stream)
        state = self.add(f"{name}.x", "LI", 2 * count, leaky(np.tile(flat.real, 2), self.dt), inputs)
        loop = self.matrix(f"{name}.A", np.block([[nothing, -cross], [cross, nothing]]), state)
        self.edges.append((loop, state))
        readout = np.hstack([owner.T * (2 * read.real), owner.T * (-2 * read.imag)])
        return self.matrix(f"{name}.C", readout, state)
