"""What training lowers: the cross-entropy of decisions and the price of spikes."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.network.spiking_ssm import Output, step_mask
from models.training.config import TrainConfig


def loss_of(output: Output, labels: Tensor, config: TrainConfig, lengths: Tensor | None = None) -> Tensor:
    """Cross-entropy of every decision plus the price of spikes; what is padding does not count.

    Args:
        output: of the network.
        labels: (batch,), or (batch, steps) for one decision a step.
        config: its price of spikes and smoothing of labels.
        lengths: (batch,) steps that count, or None for all.
    """
    price = config.rate_penalty * rate_of(output, lengths)
    return entropy_of(output.logits, labels, lengths, config.label_smoothing) + price


def entropy_of(logits: Tensor, wanted: Tensor, lengths: Tensor | None, smoothing: float = 0.0) -> Tensor:
    """Mean cross-entropy of the decisions that count.

    Args:
        logits: (batch, classes), or (batch, classes, steps) for one decision a step.
        wanted: labels, (batch,) or (batch, steps), or probabilities in the shape of `logits`.
        lengths: (batch,) steps that count, or None for all.
        smoothing: of labels.
    """
    if lengths is None or logits.ndim == 2:
        return nn.functional.cross_entropy(logits, wanted, label_smoothing=smoothing)
    mask = step_mask(lengths, logits.shape[-1], logits.dtype)
    entropy = nn.functional.cross_entropy(logits, wanted, label_smoothing=smoothing, reduction="none")
    return (entropy * mask).sum() / mask.sum()


def rate_of(output: Output, lengths: Tensor | None) -> Tensor:
    """Spikes a neuron and step that counts, the mean over blocks and stages."""
    first = output.spikes[0]
    mask = None if lengths is None else step_mask(lengths, first.shape[-1], first.dtype)
    return torch.stack([_rate(spikes.abs() if output.signed else spikes, mask) for spikes in output.spikes]).mean()


def _rate(spikes: Tensor, mask: Tensor | None) -> Tensor:
    """Mean of the spikes over the steps that count."""
    # Sums, whose gradient is one number for many places and need not be written down.
    if mask is None:
        return spikes.sum() / spikes.numel()
    return (spikes.sum(1) * mask).sum() / (spikes.shape[1] * mask.sum())
