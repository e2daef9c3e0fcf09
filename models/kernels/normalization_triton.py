"""Batch normalization of rows on a GPU: each value is read twice forward and twice backward, whatever the row's length.

    y = weight x' + bias,   x' = (x - mean) / sqrt(variance + epsilon)
    dL/dx = weight / sqrt(variance + epsilon) (g - mean(g) - x' mean(g x')),   g = dL/dy

A row is a channel, (channels, batch * steps), contiguous float32. Sums are of x - x[0], so that a mean far from zero
costs no digits of the variance. Imported only where tensors are on a GPU: Triton comes with PyTorch's builds for them.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

LANES, MOST_PARTS = 1024, 64
"""Places of a row at a time, and programs a row at most."""


def _moments(x_at, sums_at, size, parts, length, lanes: tl.constexpr):  # type: ignore[no-untyped-def]
    """Sums of x - x[0] and of its square over one part of a row."""
    channel, part = tl.program_id(0), tl.program_id(1)
    base = x_at + channel.to(tl.int64) * size
    shift = tl.load(base)
    first, second = tl.zeros([lanes], tl.float32), tl.zeros([lanes], tl.float32)
    for start in range(0, length, lanes):
        place = part * length + start + tl.arange(0, lanes)
        inside = place < size
        away = tl.where(inside, tl.load(base + place, mask=inside, other=0.0) - shift, 0.0)
        first += away
        second += away * away
    at = sums_at + 2 * (channel * parts + part)
    tl.store(at, tl.sum(first, axis=0))
    tl.store(at + 1, tl.sum(second, axis=0))


def _normalize(  # type: ignore[no-untyped-def]
    x_at, sums_at, weight_at, bias_at, y_at, used_at, mean_at, variance_at, momentum, epsilon, size, parts, length,
    most_parts: tl.constexpr, lanes: tl.constexpr,
):  # fmt: skip
    """Normalizes one part of a row; that of the first part updates the moving averages."""
    channel, part = tl.program_id(0), tl.program_id(1)
    base = channel.to(tl.int64) * size
    each = tl.arange(0, most_parts)
    at = sums_at + 2 * (channel * parts + each)
    away = tl.sum(tl.load(at, mask=each < parts, other=0.0), axis=0) / size
    square = tl.sum(tl.load(at + 1, mask=each < parts, other=0.0), axis=0) / size
    mean, variance = tl.load(x_at + base) + away, tl.maximum(square - away * away, 0.0)
    inverse = 1.0 / tl.sqrt(variance + epsilon)
    scale, offset = tl.load(weight_at + channel) * inverse, tl.load(bias_at + channel)
    for start in range(0, length, lanes):
        place = part * length + start + tl.arange(0, lanes)
        inside = place < size
        x = tl.load(x_at + base + place, mask=inside, other=0.0)
        tl.store(y_at + base + place, (x - mean) * scale + offset, mask=inside)
    if part == 0:
        tl.store(used_at + 2 * channel, mean)
        tl.store(used_at + 2 * channel + 1, inverse)
        before = tl.load(mean_at + channel)
        tl.store(mean_at + channel, before + momentum * (mean - before))
        before = tl.load(variance_at + channel)
        tl.store(variance_at + channel, before + momentum * (variance * (size / (size - 1.0)) - before))


def _gradient_sums(grad_at, x_at, used_at, sums_at, size, parts, length, lanes: tl.constexpr):  # type: ignore[no-untyped-def]
    """Sums of g and of g x' over one part of a row."""
    channel, part = tl.program_id(0), tl.program_id(1)
    base = channel.to(tl.int64) * size
    mean, inverse = tl.load(used_at + 2 * channel), tl.load(used_at + 2 * channel + 1)
    first, second = tl.zeros([lanes], tl.float32), tl.zeros([lanes], tl.float32)
    for start in range(0, length, lanes):
        place = part * length + start + tl.arange(0, lanes)
        inside = place < size
        grad = tl.load(grad_at + base + place, mask=inside, other=0.0)
        x = tl.load(x_at + base + place, mask=inside, other=0.0)
        first += grad
        second += grad * ((x - mean) * inverse)
    at = sums_at + 2 * (channel * parts + part)
    tl.store(at, tl.sum(first, axis=0))
    tl.store(at + 1, tl.sum(second, axis=0))


def _gradient(  # type: ignore[no-untyped-def]
    grad_at, x_at, used_at, sums_at, weight_at, grad_x_at, totals_at, size, parts, length,
    most_parts: tl.constexpr, lanes: tl.constexpr,
):  # fmt: skip
    """dL/dx of one part of a row; that of the first part also writes dL/dbias and dL/dweight."""
    channel, part = tl.program_id(0), tl.program_id(1)
    base = channel.to(tl.int64) * size
    mean, inverse = tl.load(used_at + 2 * channel), tl.load(used_at + 2 * channel + 1)
    each = tl.arange(0, most_parts)
    at = sums_at + 2 * (channel * parts + each)
    whole = tl.sum(tl.load(at, mask=each < parts, other=0.0), axis=0)
    along = tl.sum(tl.load(at + 1, mask=each < parts, other=0.0), axis=0)
    scale = tl.load(weight_at + channel) * inverse
    for start in range(0, length, lanes):
        place = part * length + start + tl.arange(0, lanes)
        inside = place < size
        grad = tl.load(grad_at + base + place, mask=inside, other=0.0)
        x = tl.load(x_at + base + place, mask=inside, other=0.0)
        result = scale * (grad - whole / size - (x - mean) * inverse * (along / size))
        tl.store(grad_x_at + base + place, result, mask=inside)
    if part == 0:
        tl.store(totals_at + 2 * channel, whole)
        tl.store(totals_at + 2 * channel + 1, along)


_MOMENTS, _NORMALIZE = triton.jit(_moments), triton.jit(_normalize)
_GRADIENT_SUMS, _GRADIENT = triton.jit(_gradient_sums), triton.jit(_gradient)


def _parts(size: int) -> tuple[int, int]:
    """Number of parts of a row, and their length."""
    length = LANES * triton.cdiv(triton.cdiv(size, MOST_PARTS), LANES)
    return triton.cdiv(size, length), length


def forward(
    x: Tensor, weight: Tensor, bias: Tensor, mean: Tensor, variance: Tensor, momentum: float, epsilon: float
) -> tuple[Tensor, Tensor]:
    """Normalized rows, and each row's mean and inverse deviation (channels, 2); moves the averages in place.

    Args:
        x: (channels, places) with at least two places.
        weight, bias: (channels,).
        mean, variance: moving averages, (channels,); the variance is the unbiased one.
        momentum: share of the new in the averages.
        epsilon: added to the variance.
    """
    channels, size = x.shape
    parts, length = _parts(size)
    sums = torch.empty(channels, parts, 2, dtype=x.dtype, device=x.device)
    y, used = torch.empty_like(x), torch.empty(channels, 2, dtype=x.dtype, device=x.device)
    grid = (channels, parts)
    _MOMENTS[grid](x, sums, size, parts, length, LANES, num_warps=4)
    arrays = (x, sums, weight, bias, y, used, mean, variance)
    _NORMALIZE[grid](*arrays, momentum, epsilon, size, parts, length, MOST_PARTS, LANES, num_warps=4)
    return y, used


def backward(grad: Tensor, x: Tensor, used: Tensor, weight: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of the rows (channels, places), of weight and of bias (channels,)."""
    channels, size = x.shape
    parts, length = _parts(size)
    sums = torch.empty(channels, parts, 2, dtype=x.dtype, device=x.device)
    grad_x, totals = torch.empty_like(x), torch.empty(channels, 2, dtype=x.dtype, device=x.device)
    grid = (channels, parts)
    _GRADIENT_SUMS[grid](grad, x, used, sums, size, parts, length, LANES, num_warps=4)
    arrays = (grad, x, used, sums, weight, grad_x, totals)
    _GRADIENT[grid](*arrays, size, parts, length, MOST_PARTS, LANES, num_warps=4)
    return grad_x, totals[:, 1], totals[:, 0]
