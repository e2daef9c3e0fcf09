"""Binary S4D (Stan & Rhodes, "Learning long sequences in spiking neural networks", Sci. Rep. 14, 2024).

The block of `network/spiking_ssm.py` with a stateless soma: no leak, no reset. All memory is in the linear state space,
which is what keeps it parallel in time.

    y = S4D(u);   s[t] = 1 if y[t] >= theta else 0;   u <- u + GLU(s)

The gradient of a spike is a function of x = y / theta - 1:

    triangle       max(0, 1 - |x|)              as SpikingSSM's
    arctan         1 / (1 + (pi x)^2)           the better one in the paper (sCIFAR 79.3 against 69.6)
    fast-sigmoid   1 / (1 + 25 |x|)^2           with the usual slope of 25

theta is one a channel, learned or fixed at its start.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

FAST_SIGMOID_SLOPE = 25.0

SLOPES = {
    "triangle": lambda x: (1 - x.abs()).clamp(min=0),
    "arctan": lambda x: 1 / (1 + (math.pi * x) ** 2),
    "fast-sigmoid": lambda x: 1 / (1 + FAST_SIGMOID_SLOPE * x.abs()) ** 2,
}
"""Surrogate gradients of a spike by name."""


class _Spike(torch.autograd.Function):
    """The given 0 or 1 for each x; backward, a surrogate slope at x."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, fired: Tensor, surrogate: str) -> Tensor:
        ctx.save_for_backward(x)
        ctx.surrogate = surrogate
        return fired.to(x.dtype)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        (x,) = ctx.saved_tensors
        return gradients[0] * SLOPES[ctx.surrogate](x), None, None


def spike(x: Tensor, surrogate: str, fired: Tensor | None = None) -> Tensor:
    """1 where `fired` (by default: where x >= 0), else 0; the gradient is that of `surrogate` at x."""
    spikes: Tensor = _Spike.apply(x, x >= 0 if fired is None else fired, surrogate)  # type: ignore[no-untyped-call]
    return spikes


class ThresholdSoma(nn.Module):
    """Spikes where the drive reaches the threshold; has no state."""

    def __init__(self, channels: int, surrogate: str, start: float = 1.0, learned: bool = True) -> None:
        super().__init__()
        self.surrogate = surrogate
        self.ln_vth = nn.Parameter(torch.full((channels,), math.log(start)), requires_grad=learned)

    def threshold(self) -> Tensor:
        """theta, (channels,), positive."""
        return torch.exp(self.ln_vth)

    def forward(self, y: Tensor) -> Tensor:
        """Spikes for a whole sequence, (batch, channels, steps)."""
        theta = self.threshold()[:, None]
        # Compared as it is and not as a quotient, which would round.
        return spike(y / theta - 1, self.surrogate, y >= theta)

    def step(self, y: Tensor, v: Tensor, theta: Tensor) -> tuple[Tensor, Tensor]:
        """One step: drive (batch, channels) to spikes; the membrane is handed through."""
        return (y >= theta).to(y.dtype), v
