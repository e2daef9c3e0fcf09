"""A trained network as a NIR graph of standard primitives, exact under forward Euler at `DT`.

The complex modes of a group of channels become one LI node (real parts, then imaginary parts) with one self-loop that
holds the cross-coupling, which takes a step (`toolchain.frontend.sketch`). With Abar = alpha + i beta,
tau = DT / (1 - alpha) and r = tau / DT,

    x += DT / tau (r I - x)   is   x[t] = alpha x[t-1] + I,   I = B u[t] -/+ beta (the other part of x[t-1])

and the soma is LIF with DT / tau = 7/8 and r = 8/7: v[t] = v[t-1] / 8 + y[t]. All other edges act within a step.
"""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from models.network.mixing_to_nir import add_mixing, add_soma
from models.network.spiking_ssm import Block, SpikingSSM
from toolchain.frontend.graph import Graph
from toolchain.frontend.sketch import CHANNELS_A_CHUNK, Sketch

DT = 1e-4
"""Step of the exported file, seconds; only its ratio to the time constants has a meaning."""

FloatArray = NDArray[np.float64]


def to_graph(network: SpikingSSM, task: str, steps: int, channels_a_chunk: int = CHANNELS_A_CHUNK) -> Graph:
    """The network as a NIR graph with float64 parameters.

    Nodes: input, encoder, for every block k the nodes ``block{k}.in``, ``.norm`` where it is normalized, ``.ssm{c}.B``,
    ``.x``, ``.A``, ``.C`` (chunks c), ``.D``, ``.y``, ``.soma``, ``.mix`` and what else its mixing needs, then
    ``stream.out``, readout, sum, output. The output is the sum of the logits over time, so the decision after `steps`
    steps is its largest element; a network that decides at every step has the logits themselves as its output.

    Args:
        network: trained; it is left as it is.
        task: name of its task, for the file's hint.
        steps: length of the task's sequences, for the same.
        channels_a_chunk: channels that share one LI node.

    Raises:
        UnsupportedError: a choice that no core can run: time in both directions, a threshold from the largest channel,
            GELU.
    """
    sketch = Sketch(DT)
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
    if config.decode == "mean":
        logits = sketch.integrator("sum", config.classes, logits)
    sketch.add("output", "Output", config.classes, {}, logits)
    return sketch.graph({"seamount": _hint(network, task, steps)})


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


def _block(sketch: Sketch, name: str, block: Block, stream: str, chunk: int) -> str:
    """One block from its stream to what it adds to it; returns the name of its last node."""
    plan = block.plan()
    poles, c = (part.detach().cpu().numpy() for part in plan.coefficients[:2])
    if plan.offset is not None:
        stream = sketch.matrix(f"{name}.norm", np.eye(len(poles)), stream, _array(plan.offset))
    y = sketch.state_space(name, poles, np.ones(poles.shape), c, _array(plan.coefficients.d), stream, chunk)
    return add_mixing(sketch, name, block.mix, add_soma(sketch, name, block.soma, _array(plan.theta), y), y)


def _affine(layer: nn.Linear, source: str) -> tuple[FloatArray, str, FloatArray]:
    """Arguments of `Sketch.matrix` for a linear layer."""
    return _array(layer.weight), source, _array(layer.bias)


def _array(tensor: torch.Tensor) -> FloatArray:
    return tensor.detach().cpu().to(torch.float64).numpy()
