"""Batch normalization of what enters a block: training's statistics, and two constants a channel afterwards.

    u' = weight (u - mean) / sqrt(variance + EPSILON) + bias = scale u + shift

The state space is linear, so that `scale` folds into its readout C' and D, and shift / scale is a constant added to its
input (Long Range Arena models of the SpikingSSMs paper normalize so). Statistics are of all steps of a batch.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from toolchain.errors import InputError

EPSILON = 1e-5
MOMENTUM = 0.05
SMALLEST_SCALE = 1e-9


class StreamNorm(nn.Module):
    """One mean and one variance a channel of (batch, channels, steps)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.mean: Tensor
        self.variance: Tensor
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("variance", torch.ones(channels))

    def forward(self, stream: Tensor) -> Tensor:
        """Normalized by the batch's own statistics in training, by their moving averages otherwise."""
        constants = (self.mean, self.variance, self.weight, self.bias)
        return nn.functional.batch_norm(stream, *constants, self.training, MOMENTUM, EPSILON)

    def fold(self) -> tuple[Tensor, Tensor]:
        """Scale of the output and constant added to the input, (channels,) each: u' = scale (u + offset).

        Raises:
            InputError: a channel whose scale is so small that its offset has no meaning.
        """
        scale = self.weight / torch.sqrt(self.variance + EPSILON)
        smallest = scale.abs().min().item()
        if smallest < SMALLEST_SCALE:
            raise InputError("norm", f"a channel is scaled by {smallest:.1e}, as good as cut off", "train it again")
        return scale, self.bias / scale - self.mean
