"""The extension nodes that hold state, stepped in float64: resonate-and-fire and sigma-delta neurons."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

import numpy as np

from toolchain.frontend.extensions import RESONATE_FIRE, SIGMA_DELTA
from toolchain.frontend.graph import FloatArray, Node


class Stepper(Protocol):
    """A population's state over a batch."""

    def step(self, x: FloatArray) -> FloatArray:
        """Advance by one step with what arrives, (batch, channels in); the messages, (batch, channels out)."""


class ResonateFire:
    """z' = decay e^(i phase) z + x, spike where Re z' >= threshold as Im z' comes to 0 from below; no reset.

    Source: Izhikevich 2001; the phase crossing is that of lava-nc 0.10 `lava/proc/rf`.

    Args:
        shares: decay cos(phase) and decay sin(phase), (size,) each.
        threshold: (size,).
        batch: samples.
    """

    def __init__(self, shares: tuple[FloatArray, FloatArray], threshold: FloatArray, batch: int) -> None:
        self.cos, self.sin = shares
        self.threshold = threshold
        self.re = np.zeros((batch, len(threshold)))
        self.im = np.zeros((batch, len(threshold)))

    def step(self, x: FloatArray) -> FloatArray:
        """The first half of the channels enters the real part, the second the imaginary one."""
        before, size = self.im, len(self.threshold)
        re = self.cos * self.re - self.sin * self.im + x[:, :size]
        self.im = self.sin * self.re + self.cos * self.im + x[:, size:]
        self.re = re
        return ((re >= self.threshold) & (self.im >= 0) & (before < 0)).astype(np.float64)


class SigmaDelta:
    """Sums changes, and sends the changes of max(sum + bias, 0) that reach a threshold; what is not sent is kept.

    Source: lava-nc 0.10 `lava/proc/sdn`, without its loss of dropped bits.

    Args:
        bias, threshold: (size,) each.
        batch: samples.
    """

    def __init__(self, bias: FloatArray, threshold: FloatArray, batch: int) -> None:
        self.bias, self.threshold = bias, threshold
        self.sigma = np.zeros((batch, len(threshold)))
        self.activation, self.residue = self.sigma, self.sigma

    def step(self, x: FloatArray) -> FloatArray:
        """Advance by one step."""
        self.sigma = self.sigma + x
        activation = np.maximum(self.sigma + self.bias, 0.0)
        delta = activation - self.activation + self.residue
        message = np.where(np.abs(delta) >= self.threshold, delta, 0.0)
        self.activation, self.residue = activation, delta - message
        return message


def shares_of(node: Node) -> tuple[FloatArray, FloatArray]:
    """decay cos(phase) and decay sin(phase) of a ResonateFire, (size,) each."""
    decay, phase = np.ravel(node.params["decay"]), np.ravel(node.params["phase"])
    return decay * np.cos(phase), decay * np.sin(phase)


STEPPED: Mapping[str, Callable[[Node, int], Stepper]] = {
    RESONATE_FIRE: lambda node, batch: ResonateFire(shares_of(node), np.ravel(node.params["threshold"]), batch),
    SIGMA_DELTA: lambda node, batch: SigmaDelta(
        np.ravel(node.params["bias"]), np.ravel(node.params["threshold"]), batch
    ),
}
"""Extension types with state, by name: the node and the batch -> its state at rest."""
