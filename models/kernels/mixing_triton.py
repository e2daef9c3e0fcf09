"""What a mixing adds to the stream on a GPU, in one pass forward and one backward: bias, gate and sum.

    plain:   out = stream + product + bias
    gated:   out = stream + (value + b_v) sigmoid(gate + b_g),  value and gate the halves of the product

Rows are channels, (channels, batch * steps), contiguous float32. Imported only where tensors are on a GPU: Triton comes
with PyTorch's builds for them.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

LANES = 1024
"""Places of a row that a program works on."""


def _add(stream_at, product_at, bias_at, out_at, channels, size, gated: tl.constexpr, lanes: tl.constexpr):  # type: ignore[no-untyped-def]
    channel = tl.program_id(0)
    place = tl.program_id(1) * lanes + tl.arange(0, lanes)
    inside = place < size
    at = channel.to(tl.int64) * size + place
    value = tl.load(product_at + at, mask=inside, other=0.0) + tl.load(bias_at + channel)
    if gated:
        gate_at = (channel + channels).to(tl.int64) * size + place
        gate = tl.load(product_at + gate_at, mask=inside, other=0.0) + tl.load(bias_at + channels + channel)
        value *= 1.0 / (1.0 + tl.exp(-gate))
    tl.store(out_at + at, tl.load(stream_at + at, mask=inside, other=0.0) + value, mask=inside)


def _gate_backward(  # type: ignore[no-untyped-def]
    grad_at, product_at, bias_at, grad_product_at, shares_at, channels, size, parts, lanes: tl.constexpr
):
    """Gradients of value and gate, and each program's share of the bias' gradient, (2 channels, parts)."""
    channel, part = tl.program_id(0), tl.program_id(1)
    place = part * lanes + tl.arange(0, lanes)
    inside = place < size
    at = channel.to(tl.int64) * size + place
    gate_at = (channel + channels).to(tl.int64) * size + place
    grad = tl.load(grad_at + at, mask=inside, other=0.0)
    value = tl.load(product_at + at, mask=inside, other=0.0) + tl.load(bias_at + channel)
    gate = tl.load(product_at + gate_at, mask=inside, other=0.0) + tl.load(bias_at + channels + channel)
    opened = 1.0 / (1.0 + tl.exp(-gate))
    grad_value, grad_gate = grad * opened, grad * value * opened * (1.0 - opened)
    tl.store(grad_product_at + at, grad_value, mask=inside)
    tl.store(grad_product_at + gate_at, grad_gate, mask=inside)
    tl.store(shares_at + channel * parts + part, tl.sum(grad_value, axis=0))
    tl.store(shares_at + (channel + channels) * parts + part, tl.sum(grad_gate, axis=0))


_ADD, _GATE_BACKWARD = triton.jit(_add), triton.jit(_gate_backward)


def add(stream: Tensor, product: Tensor, bias: Tensor) -> Tensor:
    """The next stream, (channels, places); gated where the product has twice as many rows as the stream."""
    channels, size = stream.shape
    out = torch.empty_like(stream)
    grid = (channels, triton.cdiv(size, LANES))
    _ADD[grid](stream, product, bias, out, channels, size, len(product) > channels, LANES, num_warps=4)
    return out


def gate_backward(grad: Tensor, product: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
    """Gradients of the product (2 channels, places) and of the bias (2 channels,) of a gated sum."""
    channels, size = grad.shape
    parts = triton.cdiv(size, LANES)
    grad_product = torch.empty_like(product)
    shares = torch.empty(2 * channels, parts, dtype=grad.dtype, device=grad.device)
    arrays = (grad, product, bias, grad_product, shares)
    _GATE_BACKWARD[(channels, parts)](*arrays, channels, size, parts, LANES, num_warps=4)
    return grad_product, shares.sum(1)
