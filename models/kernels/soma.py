"""The two loops of the soma over time.

Both follow, for theta the threshold and v the membrane before its reset,

    forward:   v[t] = LEAK (1 - s[t-1]) v[t-1] + y[t]
    backward:  g[t] = dL/ds[t] * tri[t] / theta + LEAK (1 - s[t]) g[t+1],  dL/dy[t] = g[t],
               dL/dtheta = -sum_t dL/ds[t] * tri[t] * v[t] / theta^2,  tri = max(0, 1 - |v / theta - 1|).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numba import njit, prange
from numpy.typing import NDArray
from torch import Tensor

from models.kernels.choice import Form, form_of

LEAK = 0.125
"""tau of the paper's neuron, 2^-3 (in integers: a shift by 3 bits)."""

Array = NDArray[np.floating]


def _forward_rows(y: Array, theta: Array, spikes: Array, v: Array) -> None:
    """Each row of y (rows, steps) is one neuron; theta (channels,) repeats along the rows."""
    rows, steps = y.shape
    leak = y.dtype.type(LEAK)
    zero, one = y.dtype.type(0), y.dtype.type(1)
    for row in prange(rows):
        limit = theta[row % theta.size]
        after = zero
        for t in range(steps):
            before = after * leak + y[row, t]
            fired = before >= limit
            v[row, t] = before
            spikes[row, t] = one if fired else zero
            after = zero if fired else before


def _backward_rows(grad: Array, v: Array, theta: Array, grad_y: Array, grad_theta: Array) -> None:
    """Runs `_forward_rows` backwards; grad_theta (rows,) holds each row's share."""
    rows, steps = v.shape
    leak = v.dtype.type(LEAK)
    zero, one = v.dtype.type(0), v.dtype.type(1)
    for row in prange(rows):
        limit = theta[row % theta.size]
        carry, share = zero, zero
        for back in range(steps):
            t = steps - 1 - back
            ratio = v[row, t] / limit
            slope = grad[row, t] * max(zero, one - abs(ratio - one)) / limit
            carry = slope + (zero if v[row, t] >= limit else leak * carry)
            grad_y[row, t] = carry
            share -= slope * ratio
        grad_theta[row] = share


# On small work, waiting for a second thread costs more than it saves, most of all when the cores are shared.
_SERIAL = njit(cache=True)(_forward_rows), njit(cache=True)(_backward_rows)
_PARALLEL = njit(parallel=True, cache=True)(_forward_rows), njit(parallel=True, cache=True)(_backward_rows)
PARALLEL_ELEMENTS = 2**21


def _compiled(like: Tensor) -> tuple[Callable[..., None], Callable[..., None]]:
    """The two loops, for one thread or for all."""
    return _PARALLEL if like.numel() >= PARALLEL_ELEMENTS else _SERIAL


def _rows(tensor: Tensor) -> Array:
    """A (batch, channels, steps) tensor as a contiguous (batch * channels, steps) array."""
    array: Array = tensor.detach().contiguous().reshape(-1, tensor.shape[-1]).numpy()
    return array


def _forward_torch(y: Tensor, theta: Tensor) -> tuple[Tensor, Tensor]:
    v = torch.empty_like(y)
    after = torch.zeros_like(y[..., 0])
    for t in range(y.shape[-1]):
        v[..., t] = after * LEAK + y[..., t]
        after = torch.where(v[..., t] >= theta, 0, v[..., t])
    return (v >= theta[:, None]).to(y.dtype), v


def _backward_torch(grad: Tensor, v: Tensor, theta: Tensor) -> tuple[Tensor, Tensor]:
    ratio = v / theta[:, None]
    slope = grad * (1 - (ratio - 1).abs()).clamp(min=0) / theta[:, None]
    kept = torch.where(v >= theta[:, None], 0, LEAK).to(v.dtype)
    grad_y = torch.empty_like(v)
    carry = torch.zeros_like(v[..., 0])
    for t in range(v.shape[-1] - 1, -1, -1):
        carry = slope[..., t] + kept[..., t] * carry
        grad_y[..., t] = carry
    return grad_y, -(slope * ratio).sum((0, 2))


def forward(y: Tensor, theta: Tensor) -> tuple[Tensor, Tensor]:
    """Spikes and membranes before reset, both (batch, channels, steps)."""
    form = form_of(y)
    if form is Form.TRITON:
        from models.kernels import soma_triton

        return soma_triton.forward(y, theta)
    return _forward_compiled(y, theta) if form is Form.COMPILED else _forward_torch(y, theta)


def _forward_compiled(y: Tensor, theta: Tensor) -> tuple[Tensor, Tensor]:
    spikes = torch.empty_like(y, memory_format=torch.contiguous_format)
    v = torch.empty_like(spikes)
    _compiled(y)[0](_rows(y), theta.detach().numpy(), _rows(spikes), _rows(v))
    return spikes, v


def backward(grad: Tensor, v: Tensor, theta: Tensor) -> tuple[Tensor, Tensor]:
    """Gradients of the drive (batch, channels, steps) and of the threshold (channels,)."""
    form = form_of(v)
    if form is Form.TRITON:
        from models.kernels import soma_triton

        return soma_triton.backward(grad, v, theta)
    return _backward_compiled(grad, v, theta) if form is Form.COMPILED else _backward_torch(grad, v, theta)


def _backward_compiled(grad: Tensor, v: Tensor, theta: Tensor) -> tuple[Tensor, Tensor]:
    grad_y = torch.empty_like(v)
    share = torch.empty(v.shape[:2], dtype=v.dtype)
    _compiled(v)[1](_rows(grad), _rows(v), theta.detach().numpy(), _rows(grad_y), share.view(-1).numpy())
    return grad_y, share.sum(0)
