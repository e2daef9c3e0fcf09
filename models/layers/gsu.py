"""The gated spiking unit (GSU) of Stan & Rhodes: ternary activations on one branch, ternary weights on the other.

    t = Ter(y);   m = W1 t + b1;   n = Ter(W2) y + b2;   z = activation(m * n);   u <- u + z
    Ter(v) = sign(v) where |v| >= Delta, else 0

y is the output of the state space, which is not made binary: m adds weights, n adds values, and n is the path that does
not saturate. Delta = 0.15 max |v| in the paper: over the weights of W2, once; over the channels of a step for y (soma
``ternary-token``), which no core can know. Soma ``ternary`` has one constant Delta a channel in its place: learned, or
calibrated on a network that was trained with the other (`network/calibrate.py`). Ter(W2) is scaled by one learned
number, so that it stays a matrix of three values. activation: the paper's GELU for reproduction; ``relu`` or
``none`` to deploy.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from models.kernels.mixing import synapses
from models.layers.binary_s4d import spike
from models.layers.mixing import Mixing

DELTA = 0.15
"""Delta as a share of the largest magnitude (the paper's)."""

ACTIVATIONS = {"none": lambda z: z, "relu": torch.relu, "gelu": nn.functional.gelu}


def ternary(y: Tensor, theta: Tensor) -> Tensor:
    """Ter(y) with Delta = `theta`; its gradient is a triangle of half-width theta around either threshold."""
    return spike(y / theta - 1, "triangle", y >= theta) - spike(-y / theta - 1, "triangle", -y >= theta)


class Ternary(nn.Module):
    """Quantizes a state space's output to -1, 0 and 1; has no state."""

    def __init__(self, channels: int, per_token: bool, start: float, learned: bool) -> None:
        super().__init__()
        self.per_token = per_token
        self.ln_vth = nn.Parameter(torch.full((channels,), math.log(start)), requires_grad=learned and not per_token)

    def threshold(self) -> Tensor:
        """Delta of each channel, (channels,); without meaning where it is one a token."""
        return torch.exp(self.ln_vth)

    def forward(self, y: Tensor) -> Tensor:
        """-1, 0 or 1 for a whole sequence, (batch, channels, steps)."""
        return ternary(y, token_delta(y) if self.per_token else self.threshold()[:, None])

    def step(self, y: Tensor, v: Tensor, theta: Tensor) -> tuple[Tensor, Tensor]:
        """One step: drive (batch, channels) to -1, 0 or 1; the membrane is handed through."""
        return ternary(y, token_delta(y) if self.per_token else theta), v


def token_delta(y: Tensor) -> Tensor:
    """The paper's Delta of each step: a share of the largest magnitude over the channels (axis 1)."""
    return (DELTA * y.detach().abs().amax(1, keepdim=True)).clamp(min=1e-12)


class GatedSpikingUnit(Mixing):
    """z = activation((W1 t + b1) * (Ter(W2) y + b2)), with W1 and W2 one over the other in `weight`."""

    outputs = 2

    def __init__(self, channels: int, activation: str) -> None:
        super().__init__(channels)
        self.activation = activation
        self.ln_scale = nn.Parameter(torch.tensor(-0.5 * math.log(channels)))

    def matrices(self) -> tuple[Tensor, Tensor]:
        """W1, and the three-valued matrix: Ter(W2) times its scale, whose gradient passes to W2 as it is."""
        first, second = self.weight.chunk(2)
        with torch.no_grad():
            delta = DELTA * second.abs().max()
            hard = torch.where(second.abs() >= delta, torch.sign(second), 0.0)
        return first, torch.exp(self.ln_scale) * (hard + (second - second.detach()))

    def forward(
        self, stream: Tensor, spikes: Tensor, drive: Tensor, kept: Tensor | None
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """See `Mixing.forward`."""
        first, second = self.matrices()
        left, right = self.bias.chunk(2)
        product = synapses(first, left, spikes, kept) * synapses(second, right, drive, kept)
        return stream + ACTIVATIONS[self.activation](product), ()


@torch.no_grad()
def calibrated_delta(drives: Tensor) -> Tensor:
    """The constant Delta of each channel under which as many of `drives` pass as under the token's own.

    Args:
        drives: outputs of a state space, (batch, channels, steps).
    """
    wanted = (drives.abs() >= token_delta(drives)).double().mean((0, 2))
    sorted_values = drives.abs().transpose(0, 1).flatten(1).sort(dim=1, descending=True).values
    last = (wanted * sorted_values.shape[1]).round().long().clamp(1, sorted_values.shape[1]) - 1
    return sorted_values.gather(1, last[:, None])[:, 0].clamp(min=1e-12)
