"""What the spikes s of a block add to the stream: four forms, each on (batch, channels, steps) or (batch, channels).

    linear        z = W s + b
    glu           z = (W_v s + b_v) * sigmoid(W_g s + b_g)                  as both papers have it
    binary-gate   z = W_v s + b_v where W_g s + b_g >= 0, else 0            a select in place of the product
    two-stage     z = W_2 s' + b_2,  s' = 1 where W_1 s + b_1 >= theta      two spike-driven matrices, as in PRF's block

(Gated linear unit: Dauphin et al., 2017. Two stages: "PRF: Parallel Resonate and Fire", 2024.) All matrices act on
spikes; only the gate's product is graded. The gradients of the binary gate and of the second stage are triangles.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.kernels.mixing import add_gated, add_synapses, synapses
from models.layers.binary_s4d import spike


class Mixing(nn.Module):
    """Base: a matrix on the spikes. Its `weight` has `outputs` rows a channel of the stream."""

    outputs = 1

    def __init__(self, channels: int) -> None:
        super().__init__()
        like = nn.Linear(channels, self.outputs * channels)
        self.weight, self.bias = like.weight, like.bias

    def forward(
        self, stream: Tensor, spikes: Tensor, drive: Tensor, kept: Tensor | None
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """The next stream, and the spikes of further stages.

        Args:
            stream: what is added to.
            spikes: of the soma.
            drive: of the soma; only the gated spiking unit reads it.
            kept: factors on the channels of each sample's spikes, (batch, 1, channels): dropout; None for none.
        """
        raise NotImplementedError


class Linear(Mixing):
    """z = W s + b."""

    def forward(
        self, stream: Tensor, spikes: Tensor, drive: Tensor, kept: Tensor | None
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        return add_synapses(stream, self.weight, self.bias, spikes, kept), ()


class Gated(Mixing):
    """The gated linear unit: value and gate are the halves of one matrix."""

    outputs = 2

    def forward(
        self, stream: Tensor, spikes: Tensor, drive: Tensor, kept: Tensor | None
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        return add_gated(stream, self.weight, self.bias, spikes, kept), ()


class BinaryGated(Gated):
    """The value passes whole where the gate's drive is not negative."""

    def forward(
        self, stream: Tensor, spikes: Tensor, drive: Tensor, kept: Tensor | None
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        value, gate = synapses(self.weight, self.bias, spikes, kept).chunk(2, dim=1)
        return stream + value * spike(gate, "triangle"), ()


class TwoStage(Mixing):
    """A second stage of stateless spikes between two matrices."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        second = nn.Linear(channels, channels)
        self.second_weight, self.second_bias = second.weight, second.bias
        self.ln_vth = nn.Parameter(torch.full((channels,), -1.0))

    def threshold(self) -> Tensor:
        """theta of the second stage, (channels,), positive."""
        return torch.exp(self.ln_vth)

    def forward(
        self, stream: Tensor, spikes: Tensor, drive: Tensor, kept: Tensor | None
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        first = synapses(self.weight, self.bias, spikes, kept)
        theta = self.threshold() if first.ndim == 2 else self.threshold()[:, None]
        # Compared as it is and not as a quotient, which would round.
        again = spike(first / theta - 1, "triangle", first >= theta)
        return stream + synapses(self.second_weight, self.second_bias, again), (again,)
