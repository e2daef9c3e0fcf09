"""What the networks of these tests are given, and weights that make them spike."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from toolchain.frontend.graph import Graph

SAMPLES, STEPS, CHANNELS = 4, 12, 6


def vectors(seed: int = 0) -> NDArray[Any]:
    """Zeros and ones, (sample, step, channel)."""
    return (np.random.default_rng(seed).random((SAMPLES, STEPS, CHANNELS)) < 0.4).astype(np.float32)


def images(seed: int = 0) -> NDArray[Any]:
    """Zeros and ones, (sample, step, 1, height, width)."""
    return (np.random.default_rng(seed).random((SAMPLES, STEPS, 1, 6, 6)) < 0.4).astype(np.float32)


def lively(net: Any, factor: float) -> Any:
    """The network with every matrix multiplied."""
    import torch

    with torch.no_grad():
        for parameter in net.parameters():
            if parameter.dim() > 1:
                parameter *= factor
    return net


def kinds(graph: Graph) -> dict[str, str]:
    """The type of every node but Input and Output."""
    return {name: node.kind for name, node in graph.nodes.items() if node.kind not in ("Input", "Output")}


def outcome(graph: Graph) -> str:
    """What was said of the comparison with the framework."""
    return str(graph.metadata["seamount"]["checked"]["outcome"])


def spikes(graph: Graph) -> int:
    """Of the framework, that were compared."""
    return int(outcome(graph).split(" spikes")[0].split()[-1].replace(",", ""))
