"""The spiking soma of SpikingSSM: a leaky integrate-and-fire neuron with leak 1/8, hard reset and `>=`.

    v[t] = v'[t-1] / 8 + y[t];   s[t] = 1 if v[t] >= theta else 0;   v'[t] = 0 if s[t] else v[t]

(Shen et al., "SpikingSSMs", AAAI 2025, eqs 1-4, with tau = 0.125; theta = exp(ln_vth), one a channel. The paper
divides y by theta and compares with 1, which is the same neuron.) Training uses exactly this recurrence: the
gradient of a spike is the triangle max(0, 1 - |v / theta - 1|), it flows back through the leak, and the path through
the reset is cut.

`soma_loop` is the definition. `soma` is the same function with hand-written loops, which is what trains.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from models.kernels import soma as soma_kernels
from models.kernels.soma import LEAK


def _spike(v: Tensor, theta: Tensor) -> Tensor:
    """1 where v >= theta; its gradient is the triangle of half-width 1 around v / theta = 1."""
    distance = (v / theta - 1).clamp(-1, 1)
    # The integral of the triangle; it adds exactly zero to the value and its derivative to the gradient.
    smooth = torch.where(distance < 0, (1 + distance) ** 2 / 2, 1 - (1 - distance) ** 2 / 2)
    return (v >= theta).to(v.dtype) + (smooth - smooth.detach())


def soma_loop(y: Tensor, theta: Tensor) -> Tensor:
    """The definition: spikes of (batch, channels, steps) for drive `y` of that shape and `theta` of (channels,)."""
    v = torch.zeros_like(y[..., 0])
    spikes = []
    for drive in y.unbind(-1):
        v = v * LEAK + drive
        spike = _spike(v, theta)
        v = v * (1 - spike.detach())
        spikes.append(spike)
    return torch.stack(spikes, dim=-1)


def sltt_loop(y: Tensor, theta: Tensor) -> Tensor:
    """The same spikes with gradients through the drive of the same step alone (spatial learning through time, SLTT)."""
    kept = torch.zeros_like(y[..., 0])
    spikes = []
    for drive in y.unbind(-1):
        spike = _spike(kept + drive, theta)
        kept = ((kept + drive) * (1 - spike) * LEAK).detach()
        spikes.append(spike)
    return torch.stack(spikes, dim=-1)


class _Soma(torch.autograd.Function):
    """`soma_loop` with both loops written out; see `soma_kernels`."""

    @staticmethod
    def forward(ctx: Any, y: Tensor, theta: Tensor) -> Tensor:
        spikes, v = soma_kernels.forward(y, theta)
        ctx.save_for_backward(v, theta)
        return spikes

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor]:
        v, theta = ctx.saved_tensors
        return soma_kernels.backward(gradients[0], v, theta)


def soma(y: Tensor, theta: Tensor) -> Tensor:
    """Spikes of (batch, channels, steps), 0 or 1 in the dtype of `y`; equal to `soma_loop`, and fast."""
    spikes: Tensor = _Soma.apply(y, theta)  # type: ignore[no-untyped-call]
    return spikes


class Soma(nn.Module):
    """The neuron with one threshold a channel, learned (VT in the paper) or fixed at its start (VF)."""

    def __init__(self, channels: int, start: float = 1.0, learned: bool = True) -> None:
        super().__init__()
        self.ln_vth = nn.Parameter(torch.full((channels,), math.log(start)), requires_grad=learned)

    def threshold(self) -> Tensor:
        """theta, (channels,), positive."""
        return torch.exp(self.ln_vth)

    def forward(self, y: Tensor) -> Tensor:
        """Spikes for a whole sequence, (batch, channels, steps)."""
        return soma(y, self.threshold())

    @staticmethod
    def step(y: Tensor, v: Tensor, theta: Tensor) -> tuple[Tensor, Tensor]:
        """One step: drive and membrane after reset, (batch, channels) each, to spikes and the next membrane."""
        v = v * LEAK + y
        spike = (v >= theta).to(v.dtype)
        return spike, v * (1 - spike)
