"""The two loops of the soma on a GPU: one lane a neuron, time in a loop, the membrane in a register.

The equations are those of `soma.py`, operation by operation: multiplying by the leak 2^-3 is exact, so
that a fused multiply-add rounds as the two operations do, and the spikes are those of the loop in every element.
A lane reads and writes `SPAN` consecutive steps at once (one 16-byte access for float32), and fetches the next four
spans together before it works on these: it waits for memory once in sixteen steps.

Sequences may lie one after the other, (batch, channels, steps), or channel by channel (`rows.py`); results lie as what
came in. Imported only where tensors are on a GPU: Triton comes with PyTorch's builds for them.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

SPAN = tl.constexpr(4)
REACH = tl.constexpr(16)
"""Steps of four spans."""

LANES = 32
"""Rows a program: one warp, so that few neurons still spread over the whole GPU."""


def _walk(drive, after, theta, column):  # type: ignore[no-untyped-def]
    """One span: v[t] = leak * v'[t-1] + y[t], v' = 0 on a spike. Returns v, and v' after its last step."""
    v = tl.zeros_like(drive)
    for step in tl.static_range(SPAN):
        before = after * 0.125 + tl.sum(tl.where(column == step, drive, 0.0), axis=1)
        after = tl.where(before >= theta, 0.0, before)
        v = tl.where(column == step, before[:, None], v)
    return v, after


def _walk_back(grad, v, carry, share, theta, column, grad_y_at, base, place, inside, steps):  # type: ignore[no-untyped-def]
    """One span backwards: g[t] = dL/ds[t] tri[t] / theta + leak (1 - s[t]) g[t+1].

    Writes g; returns its first value, and the row's share of dL/dtheta so far.
    """
    ratio = v / theta[:, None]
    slope = grad * tl.maximum(1.0 - tl.abs(ratio - 1.0), 0.0) / theta[:, None]
    kept = tl.where(v >= theta[:, None], 0.0, 0.125)
    grad_y = tl.zeros_like(slope)
    for step in tl.static_range(SPAN):
        at = column == SPAN - 1 - step
        carry = tl.sum(tl.where(at, slope, 0.0), axis=1) + tl.sum(tl.where(at, kept, 0.0), axis=1) * carry
        grad_y = tl.where(at, carry[:, None], grad_y)
    tl.store(grad_y_at + base + place, grad_y, mask=inside & (place < steps))
    return carry, share - tl.sum(slope * ratio, axis=1)


_WALK, _WALK_BACK = triton.jit(_walk), triton.jit(_walk_back)


def _span(at, base, place, inside, steps):  # type: ignore[no-untyped-def]
    """The values of one span; 0 outside the sequence."""
    return tl.load(at + base + place, mask=inside & (place >= 0) & (place < steps), other=0.0)


_SPAN = triton.jit(_span)


def _keep(v_at, spikes_at, base, place, inside, steps, v, theta):  # type: ignore[no-untyped-def]
    """Writes membranes and spikes of one span."""
    here = inside & (place < steps)
    tl.store(v_at + base + place, v, mask=here)
    tl.store(spikes_at + base + place, (v >= theta[:, None]).to(v.dtype), mask=here)


_KEEP = triton.jit(_keep)


def _forward_rows(y_at, theta_at, spikes_at, v_at, stride, rows, inner, channels, steps, lanes: tl.constexpr):  # type: ignore[no-untyped-def]
    """Rows that lie `stride` apart; `inner` rows one after the other are of one channel."""
    row = tl.program_id(0) * lanes + tl.arange(0, lanes)
    column = tl.arange(0, SPAN)[None, :]
    inside = (row < rows)[:, None]
    base = row.to(tl.int64)[:, None] * steps
    y_base = row.to(tl.int64)[:, None] * stride
    theta = tl.load(theta_at + (row // inner) % channels, mask=row < rows, other=1.0)
    after = tl.zeros_like(theta)
    next_0 = _SPAN(y_at, y_base, column, inside, steps)
    next_1 = _SPAN(y_at, y_base, SPAN + column, inside, steps)
    next_2 = _SPAN(y_at, y_base, 2 * SPAN + column, inside, steps)
    next_3 = _SPAN(y_at, y_base, 3 * SPAN + column, inside, steps)
    for start in range(0, steps, REACH):
        drive_0, drive_1, drive_2, drive_3 = next_0, next_1, next_2, next_3
        later = start + REACH + column
        next_0 = _SPAN(y_at, y_base, later, inside, steps)
        next_1 = _SPAN(y_at, y_base, later + SPAN, inside, steps)
        next_2 = _SPAN(y_at, y_base, later + 2 * SPAN, inside, steps)
        next_3 = _SPAN(y_at, y_base, later + 3 * SPAN, inside, steps)
        place = start + column
        v, after = _WALK(drive_0, after, theta, column)
        _KEEP(v_at, spikes_at, base, place, inside, steps, v, theta)
        v, after = _WALK(drive_1, after, theta, column)
        _KEEP(v_at, spikes_at, base, place + SPAN, inside, steps, v, theta)
        v, after = _WALK(drive_2, after, theta, column)
        _KEEP(v_at, spikes_at, base, place + 2 * SPAN, inside, steps, v, theta)
        v, after = _WALK(drive_3, after, theta, column)
        _KEEP(v_at, spikes_at, base, place + 3 * SPAN, inside, steps, v, theta)


def _backward_rows(  # type: ignore[no-untyped-def]
    grad_at, v_at, theta_at, grad_y_at, grad_theta_at, rows, inner, channels, steps, lanes: tl.constexpr
):
    """From the last step to the first."""
    row = tl.program_id(0) * lanes + tl.arange(0, lanes)
    column = tl.arange(0, SPAN)[None, :]
    inside = (row < rows)[:, None]
    base = row.to(tl.int64)[:, None] * steps
    theta = tl.load(theta_at + (row // inner) % channels, mask=row < rows, other=1.0)
    carry, share = tl.zeros_like(theta), tl.zeros_like(theta)
    last = (steps + REACH - 1) // REACH * REACH - REACH + column
    grad_0 = _SPAN(grad_at, base, last, inside, steps)
    grad_1 = _SPAN(grad_at, base, last + SPAN, inside, steps)
    grad_2 = _SPAN(grad_at, base, last + 2 * SPAN, inside, steps)
    grad_3 = _SPAN(grad_at, base, last + 3 * SPAN, inside, steps)
    v_0 = _SPAN(v_at, base, last, inside, steps)
    v_1 = _SPAN(v_at, base, last + SPAN, inside, steps)
    v_2 = _SPAN(v_at, base, last + 2 * SPAN, inside, steps)
    v_3 = _SPAN(v_at, base, last + 3 * SPAN, inside, steps)
    for back in range(0, steps, REACH):
        now_grad_0, now_grad_1, now_grad_2, now_grad_3 = grad_0, grad_1, grad_2, grad_3
        now_v_0, now_v_1, now_v_2, now_v_3 = v_0, v_1, v_2, v_3
        place = last - back
        earlier = place - REACH
        grad_3 = _SPAN(grad_at, base, earlier + 3 * SPAN, inside, steps)
        v_3 = _SPAN(v_at, base, earlier + 3 * SPAN, inside, steps)
        grad_2 = _SPAN(grad_at, base, earlier + 2 * SPAN, inside, steps)
        v_2 = _SPAN(v_at, base, earlier + 2 * SPAN, inside, steps)
        grad_1 = _SPAN(grad_at, base, earlier + SPAN, inside, steps)
        v_1 = _SPAN(v_at, base, earlier + SPAN, inside, steps)
        grad_0 = _SPAN(grad_at, base, earlier, inside, steps)
        v_0 = _SPAN(v_at, base, earlier, inside, steps)
        at = place + 3 * SPAN
        carry, share = _WALK_BACK(now_grad_3, now_v_3, carry, share, theta, column, grad_y_at, base, at, inside, steps)
        at = place + 2 * SPAN
        carry, share = _WALK_BACK(now_grad_2, now_v_2, carry, share, theta, column, grad_y_at, base, at, inside, steps)
        at = place + SPAN
        carry, share = _WALK_BACK(now_grad_1, now_v_1, carry, share, theta, column, grad_y_at, base, at, inside, steps)
        at = place
        carry, share = _WALK_BACK(now_grad_0, now_v_0, carry, share, theta, column, grad_y_at, base, at, inside, steps)
    tl.store(grad_theta_at + row, share, mask=row < rows)


_FORWARD = triton.jit(_forward_rows)
_BACKWARD = triton.jit(_backward_rows)


def _stride_and_inner(array: Tensor) -> tuple[int, int] | None:
    """Distance of rows and rows a channel one after the other; None where rows do not lie evenly.

    Rows may be parts of longer ones, which is what a convolution returns.
    """
    batch, channels, _ = array.shape
    if array.stride() == (channels * array.stride(1), array.stride(1), 1):
        return array.stride(1), 1
    if array.stride() == (array.stride(0), batch * array.stride(0), 1):
        return array.stride(0), batch
    return None


def _empty(like: Tensor, inner: int) -> Tensor:
    """(batch, channels, steps) without gaps, one sequence after the other or channel by channel."""
    if inner == 1:
        return torch.empty_like(like, memory_format=torch.contiguous_format)
    batch, channels, steps = like.shape
    return torch.empty(channels, batch, steps, dtype=like.dtype, device=like.device).transpose(0, 1)


def forward(y: Tensor, theta: Tensor) -> tuple[Tensor, Tensor]:
    """Spikes and membranes before reset, both (batch, channels, steps) and without gaps, lying as `y` does."""
    batch, channels, steps = y.shape
    y = y.detach()
    if _stride_and_inner(y) is None:
        y = y.contiguous()
    stride, inner = _stride_and_inner(y) or (steps, 1)
    spikes, v = _empty(y, inner), _empty(y, inner)
    grid = (triton.cdiv(batch * channels, LANES),)
    sizes = (stride, batch * channels, inner, channels, steps)
    _FORWARD[grid](y, theta.detach(), spikes, v, *sizes, LANES, num_warps=1)
    return spikes, v


def backward(grad: Tensor, v: Tensor, theta: Tensor) -> tuple[Tensor, Tensor]:
    """Gradients of the drive (batch, channels, steps), lying as `v` does, and of the threshold (channels,)."""
    batch, channels, steps = v.shape
    _, inner = _stride_and_inner(v) or (steps, 1)
    grad = grad.contiguous() if inner == 1 else grad.transpose(0, 1).contiguous().transpose(0, 1)
    grad_y, share = _empty(v, inner), torch.empty(batch * channels, dtype=v.dtype, device=v.device)
    grid = (triton.cdiv(batch * channels, LANES),)
    sizes = (batch * channels, inner, channels, steps)
    _BACKWARD[grid](grad, v, theta.detach(), grad_y, share, *sizes, LANES, num_warps=1)
    return grad_y, share.view(batch, channels).sum(0) if inner == 1 else share.view(channels, batch).sum(1)
