"""Values that are exact integers going forward and whose gradient passes straight through."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from models.kernels import soma as soma_kernels


class _Through(torch.autograd.Function):
    """The second argument, with the gradient of the first."""

    @staticmethod
    def forward(ctx: Any, real: Tensor, exact: Tensor) -> Tensor:
        return exact.view_as(exact)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return gradients[0], None


def straight_through(real: Tensor, exact: Tensor) -> Tensor:
    """`exact` to the last bit, as if it were `real` to whoever asks for a gradient."""
    value: Tensor = _Through.apply(real, exact)  # type: ignore[no-untyped-call]
    return value


def rounded(real: Tensor, integers: Tensor, scale: Tensor, top: int) -> Tensor:
    """The integers that real * scale was rounded to, up to `top`; no gradient where a value is cut off there.

    The integers may be those of some steps ago: a value that has moved on since is not cut off.
    """
    scaled = real * scale
    # The margin is for float32.
    inside = scaled.detach().abs() <= top + 0.5 + 1e-3
    return straight_through(torch.where(inside, scaled, scaled.detach()), integers)


class _Fired(torch.autograd.Function):
    """Spikes of a soma whose integer voltages are known; the gradient is `models.layers.soma`'s."""

    @staticmethod
    def forward(ctx: Any, y: Tensor, theta: Tensor, v: Tensor, limit: Tensor, scale: Tensor) -> Tensor:
        ctx.save_for_backward(v, limit, scale)
        return (v >= limit[:, None]).to(y.dtype)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None, None, None]:
        v, limit, scale = ctx.saved_tensors
        dtype = gradients[0].dtype
        # 24-bit integers are exact in float32, so that the neuron resets here exactly where it did.
        grad_y, grad_theta = soma_kernels.backward(gradients[0].contiguous(), v.to(dtype), limit.to(dtype))
        return grad_y * scale[:, None], grad_theta * scale, None, None, None


def fired(y: Tensor, theta: Tensor, v: Tensor, limit: Tensor, scale: Tensor) -> Tensor:
    """Spikes, 0 or 1 in the dtype of `y`.

    Args:
        y: drive of the float soma, (batch, channels, steps); only its gradient matters.
        theta: real threshold, (channels,); likewise.
        v: integer voltages before reset, in the shape of `y`.
        limit: integer thresholds, (channels,).
        scale: integer voltage per real voltage, (channels,).
    """
    spikes: Tensor = _Fired.apply(y, theta, v, limit, scale)  # type: ignore[no-untyped-call]
    return spikes
