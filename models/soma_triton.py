"""The two loops of the soma on a GPU: one lane a neuron, time in a loop, the membrane in a register.

The equations are those of `models/soma_kernels.py`, operation by operation: multiplying by the leak 2^-3 is exact, so
that a fused multiply-add rounds as the two operations do, and the spikes are those of the loop in every element.
A lane reads and writes `SPAN` consecutive steps at once (one 16-byte access for float32) and fetches later spans
before it works on this one, which hides most of the memory's latency.

Imported only where tensors are on a GPU: Triton comes with PyTorch's builds for them.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

SPAN = tl.constexpr(4)
LANES = 32
"""Rows a program: one warp, so that few neurons still spread over the whole GPU."""


def _forward_rows(y_at, theta_at, spikes_at, v_at, stride, rows, channels, steps, lanes: tl.constexpr):  # type: ignore[no-untyped-def]
    """v[t] = leak * v'[t-1] + y[t], spike where v >= theta, v' = 0 on a spike."""
    row = tl.program_id(0) * lanes + tl.arange(0, lanes)
    column = tl.arange(0, SPAN)[None, :]
    inside = (row < rows)[:, None]
    base = row.to(tl.int64)[:, None] * steps
    y_base = row.to(tl.int64)[:, None] * stride
    theta = tl.load(theta_at + row % channels, mask=row < rows, other=1.0)
    after = tl.zeros_like(theta)
    coming = tl.load(y_at + y_base + column, mask=inside & (column < steps), other=0.0)
    next_one = tl.load(y_at + y_base + SPAN + column, mask=inside & (SPAN + column < steps), other=0.0)
    for start in range(0, steps, SPAN):
        drive = coming
        coming = next_one
        later = start + 2 * SPAN + column
        next_one = tl.load(y_at + y_base + later, mask=inside & (later < steps), other=0.0)
        v = tl.zeros_like(drive)
        for step in tl.static_range(SPAN):
            before = after * 0.125 + tl.sum(tl.where(column == step, drive, 0.0), axis=1)
            after = tl.where(before >= theta, 0.0, before)
            v = tl.where(column == step, before[:, None], v)
        here = inside & (start + column < steps)
        tl.store(v_at + base + start + column, v, mask=here)
        tl.store(spikes_at + base + start + column, (v >= theta[:, None]).to(v.dtype), mask=here)


def _backward_rows(grad_at, v_at, theta_at, grad_y_at, grad_theta_at, rows, channels, steps, lanes: tl.constexpr):  # type: ignore[no-untyped-def]
    """g[t] = dL/ds[t] tri[t] / theta + leak (1 - s[t]) g[t+1], from the last step to the first."""
    row = tl.program_id(0) * lanes + tl.arange(0, lanes)
    column = tl.arange(0, SPAN)[None, :]
    inside = (row < rows)[:, None]
    base = row.to(tl.int64)[:, None] * steps
    theta = tl.load(theta_at + row % channels, mask=row < rows, other=1.0)
    carry, share = tl.zeros_like(theta), tl.zeros_like(theta)
    last = (steps + SPAN - 1) // SPAN * SPAN - SPAN
    here = inside & (last + column < steps)
    coming_grad = tl.load(grad_at + base + last + column, mask=here, other=0.0)
    coming_v = tl.load(v_at + base + last + column, mask=here, other=0.0)
    for back in range(0, steps, SPAN):
        start = last - back
        grad, v = coming_grad, coming_v
        earlier = inside & (start - SPAN + column >= 0)
        coming_grad = tl.load(grad_at + base + start - SPAN + column, mask=earlier, other=0.0)
        coming_v = tl.load(v_at + base + start - SPAN + column, mask=earlier, other=0.0)
        ratio = v / theta[:, None]
        slope = grad * tl.maximum(1.0 - tl.abs(ratio - 1.0), 0.0) / theta[:, None]
        share -= tl.sum(slope * ratio, axis=1)
        kept = tl.where(v >= theta[:, None], 0.0, 0.125)
        grad_y = tl.zeros_like(slope)
        for step in tl.static_range(SPAN):
            at = column == SPAN - 1 - step
            carry = tl.sum(tl.where(at, slope, 0.0), axis=1) + tl.sum(tl.where(at, kept, 0.0), axis=1) * carry
            grad_y = tl.where(at, carry[:, None], grad_y)
        tl.store(grad_y_at + base + start + column, grad_y, mask=inside & (start + column < steps))
    tl.store(grad_theta_at + row, share, mask=row < rows)


_FORWARD = triton.jit(_forward_rows)
_BACKWARD = triton.jit(_backward_rows)


def forward(y: Tensor, theta: Tensor) -> tuple[Tensor, Tensor]:
    """Spikes and membranes before reset, both (batch, channels, steps) and contiguous."""
    batch, channels, steps = y.shape
    y = y.detach()
    # A part of longer rows, which is what the convolution returns, is read where it is.
    if y.stride() != (channels * y.stride(1), y.stride(1), 1):
        y = y.contiguous()
    spikes, v = (torch.empty_like(y, memory_format=torch.contiguous_format) for _ in range(2))
    grid = (triton.cdiv(batch * channels, LANES),)
    _FORWARD[grid](y, theta.detach(), spikes, v, y.stride(1), batch * channels, channels, steps, LANES, num_warps=1)
    return spikes, v


def backward(grad: Tensor, v: Tensor, theta: Tensor) -> tuple[Tensor, Tensor]:
    """Gradients of the drive (batch, channels, steps) and of the threshold (channels,)."""
    batch, channels, steps = v.shape
    grad_y, share = torch.empty_like(v), torch.empty(batch, channels, dtype=v.dtype, device=v.device)
    arrays = (grad.contiguous(), v, theta.detach(), grad_y, share)
    grid = (triton.cdiv(batch * channels, LANES),)
    _BACKWARD[grid](*arrays, batch * channels, channels, steps, LANES, num_warps=1)
    return grad_y, share.sum(0)
