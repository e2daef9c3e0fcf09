"""A trained network as a NIR graph of standard primitives, exact under forward Euler at `DT`.

The complex modes of a group of channels become one LI node (real parts, then imaginary parts) with one self-loop that
holds the cross-coupling, which takes a step. With Abar = alpha + i beta, tau = DT / (1 - alpha) and r = tau / DT,

    x += DT / tau (r I - x)   is   x[t] = alpha x[t-1] + I,   I = B u[t] -/+ beta (the other part of x[t-1])

and the soma is LIF with DT / tau = 7/8 and r = 8/7: v[t] = v[t-1] / 8 + y[t]. All other edges act within a step.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from models.s4d import Coefficients
from models.soma_kernels import LEAK
from models.spiking_ssm import Block, SpikingSSM
from toolchain.frontend.graph import Graph, Node

DT = 1e-4
"""Step of the exported file, seconds; only its ratio to the time constants has a meaning."""

CHANNELS_A_CHUNK = 8
"""Channels whose modes share one LI node: the coupling matrices then grow linearly with the number of modes."""

FloatArray = NDArray[np.float64]


class _Sketch:
    """A graph in the making."""

    def __init__(self) -> None:
        self.nodes: dict[str, Node] = {}
        self.edges: list[tuple[str, str]] = []

    def add(self, name: str, kind: str, size: int, params: Mapping[str, FloatArray], source: str | None = None) -> str:
        """Append a node of `size` outputs, fed by `source`; a weight matrix says the size of its input."""
        inputs = params["weight"].shape[1] if "weight" in params else size
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


def to_graph(network: SpikingSSM, task: str, steps: int, channels_a_chunk: int = CHANNELS_A_CHUNK) -> Graph:
    """The network as a NIR graph with float64 parameters.

    Nodes: input, encoder, for every block k the nodes ``block{k}.in``, ``.ssm{c}.B``, ``.x``, ``.A``, ``.C`` (chunks
    c), ``.D``, ``.y``, ``.soma``, ``.mix``, then ``stream.out``, readout, sum, output. The output is the sum of the
    logits over time, so the decision after `steps` steps is its largest element.

    Args:
        network: trained; it is left as it is.
        task: name of its task, for the file's hint.
        steps: length of the task's sequences, for the same.
        channels_a_chunk: channels that share one LI node.
    """
    sketch = _Sketch()
    config = network.config
    # Discretized in float64, so that the file is as exact as its parameters.
    network = copy.deepcopy(network).double()
    sketch.add("input", "Input", config.inputs, {})
    feeds = [sketch.matrix("encoder", *_affine(network.encoder, "input"))]
    for index, block in enumerate(network.block_list()):
        stream = sketch.total(f"block{index}.in", config.channels, feeds)
        feeds = [_block(sketch, f"block{index}", block, stream, channels_a_chunk), stream]
    stream = sketch.total("stream.out", config.channels, feeds)
    logits = sketch.matrix("readout", *_affine(network.readout, stream))
    sums = sketch.add("sum", "I", config.classes, {"r": np.full(config.classes, 1 / DT)}, logits)
    sketch.add("output", "Output", config.classes, {}, sums)
    return Graph(sketch.nodes, tuple(sketch.edges), metadata={"seamount": _hint(network, task, steps)})


def _hint(network: SpikingSSM, task: str, steps: int) -> dict[str, Any]:
    """What NIR can't say; a reader checks it against the primitives."""
    return {
        "format": 1,
        "producer": "seamount",
        "dt": DT,
        "compare": ">=",
        "network": "SpikingSSM",
        "task": task,
        "steps": steps,
        "blocks": network.config.blocks,
        "modes": network.config.modes,
    }


def _block(sketch: _Sketch, name: str, block: Block, stream: str, chunk: int) -> str:
    """One block from its stream to its mixing; returns the mixing's name."""
    plan = block.plan()
    channels = len(plan.theta)
    feeds = [
        _ssm(sketch, f"{name}.ssm{number}", plan.coefficients, range(start, min(start + chunk, channels)), stream)
        for number, start in enumerate(range(0, channels, chunk))
    ]
    feeds.append(sketch.add(f"{name}.D", "Scale", channels, {"scale": _array(plan.coefficients.d)}, stream))
    total = sketch.total(f"{name}.y", channels, feeds)
    soma = sketch.add(f"{name}.soma", "LIF", channels, _soma(_array(plan.theta)), total)
    return sketch.matrix(f"{name}.mix", *_affine(block.mix, soma))


def _soma(theta: FloatArray) -> dict[str, FloatArray]:
    """LIF parameters for v <- LEAK v + y, threshold theta, reset to 0."""
    ratio = np.full(len(theta), 1 / (1 - LEAK))
    still = np.zeros(len(theta))
    return {"tau": DT * ratio, "r": ratio, "v_leak": still, "v_threshold": theta, "v_reset": still}


def _ssm(sketch: _Sketch, name: str, coefficients: Coefficients, group: range, stream: str) -> str:
    """The modes of a group of channels; returns the name of the readout."""
    a_bar, c = (part.detach().cpu().numpy()[group.start : group.stop] for part in coefficients[:2])
    channels = len(coefficients.d)
    modes = a_bar.shape[1]
    # Which channel each mode belongs to, as a 0/1 matrix: (modes of the group, channels of the network).
    owner = np.zeros((a_bar.size, channels))
    owner[np.arange(a_bar.size), np.repeat(np.array(group), modes)] = 1
    flat_a, flat_c = a_bar.reshape(-1), c.reshape(-1)
    cross, nothing = np.diag(flat_a.imag), np.zeros((a_bar.size, a_bar.size))
    inputs = sketch.matrix(f"{name}.B", np.vstack([owner, np.zeros_like(owner)]), stream)
    state = sketch.add(f"{name}.x", "LI", 2 * a_bar.size, _leaky(np.tile(flat_a.real, 2)), inputs)
    loop = sketch.matrix(f"{name}.A", np.block([[nothing, -cross], [cross, nothing]]), state)
    sketch.edges.append((loop, state))
    readout = np.hstack([owner.T * (2 * flat_c.real), owner.T * (-2 * flat_c.imag)])
    return sketch.matrix(f"{name}.C", readout, state)


def _leaky(alpha: FloatArray) -> dict[str, FloatArray]:
    """LI parameters for x <- alpha x + I."""
    r = 1 / (1 - alpha)
    return {"tau": DT * r, "r": r, "v_leak": np.zeros_like(r)}


def _affine(layer: nn.Linear, source: str) -> tuple[FloatArray, str, FloatArray]:
    """Arguments of `_Sketch.matrix` for a linear layer."""
    return _array(layer.weight), source, _array(layer.bias)


def _array(tensor: torch.Tensor) -> FloatArray:
    return tensor.detach().cpu().to(torch.float64).numpy()
