"""Batch normalization of sequences by their own statistics; the moving averages move in place."""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from models.kernels.choice import Form, form_of
from models.kernels.rows import of_rows, rows_of


class _Rows(torch.autograd.Function):
    """Rows (channels, batch * steps) by their own statistics; see `normalization_triton`."""

    @staticmethod
    def forward(
        ctx: Any,
        rows: Tensor,
        weight: Tensor,
        bias: Tensor,
        averages: tuple[Tensor, Tensor],
        momentum: float,
        epsilon: float,
    ) -> Tensor:
        from models.kernels import normalization_triton

        y, used = normalization_triton.forward(rows, weight, bias, *averages, momentum, epsilon)
        ctx.save_for_backward(rows, used, weight)
        return y

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        from models.kernels import normalization_triton

        return *normalization_triton.backward(gradients[0].contiguous(), *ctx.saved_tensors), None, None, None


def normalize(
    sequences: Tensor,
    weight: Tensor,
    bias: Tensor,
    averages: tuple[Tensor, Tensor],
    momentum: float,
    epsilon: float,
) -> Tensor:
    """Channels of (batch, channels, steps) by their mean and variance, scaled and shifted.

    Args:
        sequences: what is normalized.
        weight, bias: scale and shift, (channels,).
        averages: moving averages of mean and unbiased variance, (channels,) each; moved in place.
        momentum: share of the new in the averages.
        epsilon: added to the variance.
    """
    if form_of(sequences, torch.float32) is not Form.TRITON:
        constants = (*averages, weight, bias)
        return nn.functional.batch_norm(sequences, *constants, True, momentum, epsilon)
    rows: Tensor = _Rows.apply(rows_of(sequences), weight, bias, averages, momentum, epsilon)  # type: ignore[no-untyped-call]
    return of_rows(rows, len(sequences))


def normalize_together(
    sequences: Tensor,
    weight: Tensor,
    bias: Tensor,
    averages: tuple[Tensor, Tensor],
    momentum: float,
    epsilon: float,
) -> Tensor:
    """The same, by the mean and variance over the batches of all processes; their gradients are summed too."""
    count = torch.full_like(weight, sequences.numel() / len(weight))
    total, places = _over_all(torch.stack([sequences.sum((0, 2)), count])).unbind()
    away = sequences - (total / places)[:, None]
    variance = _over_all(away.square().sum((0, 2))) / places
    with torch.no_grad():
        averages[0].lerp_(total / places, momentum)
        averages[1].lerp_(variance * places / (places - 1), momentum)
    return away * (weight * torch.rsqrt(variance + epsilon))[:, None] + bias[:, None]


class _OverAll(torch.autograd.Function):
    """The sum over all processes; what each adds has as gradient the sum of what each makes of it."""

    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        total = values.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        total = gradients[0].clone(memory_format=torch.contiguous_format)
        dist.all_reduce(total)
        return total


def _over_all(values: Tensor) -> Tensor:
    total: Tensor = _OverAll.apply(values)  # type: ignore[no-untyped-call]
    return total
