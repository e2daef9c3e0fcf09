"""Batch normalization of what enters a block: training's statistics, and two constants a channel afterwards.

    u' = weight (u - mean) / sqrt(variance + EPSILON) + bias = scale u + shift

The state space is linear, so that `scale` folds into its readout C' and D, and shift / scale is a constant added to its
input (Long Range Arena models of the SpikingSSMs paper normalize so). Statistics are of all steps of a batch.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from models.kernels.normalization import normalize, normalize_together
from toolchain.errors import InputError

EPSILON = 1e-5
MOMENTUM = 0.05
SMALLEST_SCALE = 1e-9


class StreamNorm(nn.Module):
    """One mean and one variance a channel of (batch, channels, steps).

    Attributes:
        together: whether several processes train, each on its share of a batch: statistics are of the whole batch.
        seen: batches that the statistics are an even average of, while `estimate_statistics` runs; else None.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.seen: int | None = None
        self.together = False
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.mean: Tensor
        self.variance: Tensor
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("variance", torch.ones(channels))

    def forward(self, stream: Tensor) -> Tensor:
        """Normalized by the batch's own statistics in training, by their averages otherwise."""
        momentum = MOMENTUM
        if self.seen is not None:
            self.seen += 1
            momentum = 1 / self.seen
        averages = self.mean, self.variance
        if self.training and self.seen is None and self.together:
            return normalize_together(stream, self.weight, self.bias, averages, momentum, EPSILON)
        if self.training or self.seen is not None:
            return normalize(stream, self.weight, self.bias, averages, momentum, EPSILON)
        return nn.functional.batch_norm(stream, *averages, self.weight, self.bias, eps=EPSILON)

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


@torch.no_grad()
def estimate_statistics(network: nn.Module, batches: Iterable[tuple[Tensor, ...]]) -> None:
    """Replace the statistics by those of the network as it is, without dropout, evenly over some batches.

    The moving averages of training are of weights that have moved since and of a stream with dropout. A network of
    averaged weights needs its own all the more: its streams are not the average of the streams (Izmailov et al.,
    "Averaging weights leads to wider optima", 2018, section 3.2).

    Args:
        network: is put into evaluation mode and left there.
        batches: what it is called with.
    """
    network.eval()
    norms = [module for module in network.modules() if isinstance(module, StreamNorm)]
    for norm in norms:
        norm.seen = 0
    try:
        for arguments in batches:
            network(*arguments)
    finally:
        for norm in norms:
            norm.seen = None
