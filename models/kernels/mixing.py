"""Matrices on sequences: weight s + bias over the channels, alone or added to a stream, or gated and then added.

On a GPU a matrix is one product with all steps of all sequences (`rows.py`); bias, gate and sum are one kernel.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from models.kernels.choice import Form, form_of
from models.kernels.rows import by_rows, of_rows, product, rows_of


def synapses(weight: Tensor, bias: Tensor, signal: Tensor, kept: Tensor | None = None) -> Tensor:
    """weight signal + bias over the channels.

    Args:
        weight: (outputs, channels).
        bias: (outputs,).
        signal: (batch, channels) or (batch, channels, steps).
        kept: factors (batch, 1, channels) on the columns of each sample's weights: dropout of whole channels.
    """
    if signal.ndim == 2:
        return nn.functional.linear(signal, weight, bias)
    if by_rows(signal):
        return of_rows(_product(weight, signal, kept) + bias[:, None], len(signal))
    return torch.baddbmm(bias[:, None], _matrices(weight, signal, kept), signal)


def at_every_step(layer: nn.Linear, sequences: Tensor) -> Tensor:
    """A layer on each step of (batch, channels, steps)."""
    if by_rows(sequences):
        return synapses(layer.weight, layer.bias, sequences)
    return torch.matmul(layer.weight, sequences) + layer.bias[:, None]


def add_synapses(stream: Tensor, weight: Tensor, bias: Tensor, signal: Tensor, kept: Tensor | None) -> Tensor:
    """stream + weight signal + bias; the stream is of the outputs, the rest as for `synapses`."""
    if signal.ndim == 2:
        return stream + nn.functional.linear(signal, weight, bias)
    if form_of(signal, torch.float32) is Form.TRITON:
        return _fused(stream, weight, bias, signal, kept)
    return torch.baddbmm(stream + bias[:, None], _matrices(weight, signal, kept), signal)


def add_gated(stream: Tensor, weight: Tensor, bias: Tensor, signal: Tensor, kept: Tensor | None) -> Tensor:
    """stream + value sigmoid(gate), where value and gate are the halves of weight signal + bias."""
    if signal.ndim == 3 and form_of(signal, torch.float32) is Form.TRITON:
        return _fused(stream, weight, bias, signal, kept)
    return stream + nn.functional.glu(synapses(weight, bias, signal, kept), dim=1)


def _matrices(weight: Tensor, signal: Tensor, kept: Tensor | None) -> Tensor:
    """Each sample's weights. Whole channels are dropped: columns of weights, which are fewer than the spikes."""
    matrices = weight.expand(len(signal), -1, -1)
    return matrices if kept is None else matrices * kept


def _product(weight: Tensor, signal: Tensor, kept: Tensor | None) -> Tensor:
    """weight signal as rows, (outputs, batch * steps)."""
    passed = signal if kept is None else signal * kept.transpose(1, 2)
    return product(weight, rows_of(passed), len(signal))


class _Sum(torch.autograd.Function):
    """Stream plus what arrives plus bias, all as rows; gated where twice the stream's rows arrive."""

    @staticmethod
    def forward(ctx: Any, stream: Tensor, arriving: Tensor, bias: Tensor) -> Tensor:
        from models.kernels import mixing_triton

        ctx.gated = len(arriving) > len(stream)
        ctx.save_for_backward(*((arriving, bias) if ctx.gated else ()))
        return mixing_triton.add(stream, arriving, bias)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        from models.kernels import mixing_triton

        grad = gradients[0].contiguous()
        return grad, *(mixing_triton.gate_backward(grad, *ctx.saved_tensors) if ctx.gated else (grad, grad.sum(1)))


def _fused(stream: Tensor, weight: Tensor, bias: Tensor, signal: Tensor, kept: Tensor | None) -> Tensor:
    """The next stream, by one kernel after the product."""
    after: Tensor = _Sum.apply(rows_of(stream), _product(weight, signal, kept), bias)  # type: ignore[no-untyped-call]
    return of_rows(after, len(stream))
