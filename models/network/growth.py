"""A trained network made wider and deeper: what it computes stays as it was, and training goes on from there.

A small network learns fast and stops early; a large one that begins with its weights need not learn them anew (Chen,
Goodfellow and Shlens, "Net2Net: accelerating learning via knowledge transfer", 2016). Here nothing is copied twice:

    further channels   weights as drawn for a new network, but nothing old listens to them: columns of old rows are 0
    further blocks     at the end, with a mixing that adds 0 to the stream

Both are moved by their gradients from the first step on, which are not 0.
"""

from __future__ import annotations

import torch
from torch import Tensor

from models.network.config import NetworkConfig
from models.network.spiking_ssm import SpikingSSM
from toolchain.errors import UnsupportedError

GROWING = ("blocks", "channels")
FREE = ("dt_min", "dt_max", "dropout", "theta_start")
"""Settings of what is new and of training alone, which need not be those of before."""

LISTENING = ("mix.weight", "mix.second_weight", "readout.weight")
"""Matrices with a column for each channel; mixings may have several rows a channel, one kind after the other."""

LAST = {
    "linear": ("mix.weight", "mix.bias"),
    "glu": ("mix.weight", "mix.bias"),
    "binary-gate": ("mix.weight", "mix.bias"),
    "two-stage": ("mix.second_weight", "mix.second_bias"),
}
"""What decides, in its first rows, how much a block adds to the stream, by mixing."""


def can_grow(before: NetworkConfig, after: NetworkConfig) -> bool:
    """Whether a configuration is another one with more blocks or channels, and differs in nothing that is computed."""
    fixed = {name: value for name, value in before.to_mapping().items() if name not in (*GROWING, *FREE)}
    larger = [getattr(after, name) - getattr(before, name) for name in GROWING]
    return fixed.items() <= after.to_mapping().items() and min(larger) >= 0 < max(larger)


@torch.no_grad()
def grown(before: SpikingSSM, network: SpikingSSM) -> SpikingSSM:
    """Fill a new network, whose configuration has more blocks or channels, so that it computes what `before` does.

    Args:
        before: trained; is left as it is.
        network: new, on the same device; its own weights stay where the channel or block is a further one.

    Returns:
        `network`.

    Raises:
        UnsupportedError: the mixing is `gsu`, whose stages are no sums over channels.
    """
    config = network.config
    if config.mix not in LAST:
        raise UnsupportedError("network", f"with mix {config.mix!r} cannot grow", f"choose from {sorted(LAST)}")
    old, new = before.state_dict(), network.state_dict()
    for name, tensor in old.items():
        _embed(tensor, new[name], before.config.channels, config.channels, name.endswith(LISTENING))
    for index in range(before.config.blocks, config.blocks):
        for part in LAST[config.mix]:
            new[f"blocks.{index}.{part}"][: config.channels] = 0
    network.load_state_dict(new)
    return network


def _embed(old: Tensor, new: Tensor, channels: int, wide: int, listening: bool) -> None:
    """Write a tensor's values over those of the old channels in a wider one, in place."""
    if old.shape == new.shape:
        new.copy_(old)
        return
    # Rows of several kinds (values and gates) as an axis of their own; classes stay as many as they were.
    kinds = len(old) // channels if len(new) != len(old) else 1
    rows = len(old) // kinds
    large = new.view(kinds, -1, *new.shape[1:])[:, :rows]
    small = old.view(kinds, rows, *old.shape[1:])
    if listening:
        large.zero_()
        large[:, :, :channels] = small
    else:
        large[:] = small
