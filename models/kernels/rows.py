"""Sequences channel by channel: how (batch, channels, steps) lies in memory where a GPU trains.

A channel's steps of all sequences then lie in one row, of which a matrix of synapses is one product, a norm's mean is
one sum, and the convolution's chunks are cut without moving anything. Shapes stay as they are everywhere; on the CPU so
does the order in memory.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from models.kernels.choice import is_wide


def by_rows(sequences: Tensor) -> bool:
    """Whether (batch, channels, steps) is worked on channel by channel; single steps (batch, channels) never are."""
    return sequences.ndim == 3 and is_wide(sequences)


def rows_of(sequences: Tensor) -> Tensor:
    """(batch, channels, steps) as (channels, batch * steps), contiguous; no copy where it lies so."""
    return sequences.transpose(0, 1).contiguous().flatten(1)


def of_rows(rows: Tensor, batch: int) -> Tensor:
    """Rows (channels, batch * steps) as (batch, channels, steps), lying as they do."""
    return rows.view(len(rows), batch, -1).transpose(0, 1)


class _Product(torch.autograd.Function):
    """weight rows, whose gradient of the weights is summed over sequences: one product of so long rows is slow."""

    @staticmethod
    def forward(ctx: Any, weight: Tensor, rows: Tensor, batch: int) -> Tensor:
        ctx.save_for_backward(weight, rows)
        ctx.batch = batch
        return weight @ rows

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor | None, None]:
        weight, rows = ctx.saved_tensors
        grad = gradients[0].contiguous()
        by_sequence = torch.bmm(of_rows(grad, ctx.batch), of_rows(rows, ctx.batch).transpose(1, 2))
        return by_sequence.sum(0), weight.t() @ grad if ctx.needs_input_grad[1] else None, None


def product(weight: Tensor, rows: Tensor, batch: int) -> Tensor:
    """weight (outputs, channels) times rows (channels, batch * steps)."""
    result: Tensor = _Product.apply(weight, rows, batch)  # type: ignore[no-untyped-call]
    return result
