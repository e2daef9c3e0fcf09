"""The diagonal state-space layer S4D-Lin, as a convolution for training and as a recurrence for inference.

Per channel h and mode n, with A = -1/2 + i pi n at the start (S4D-Lin; Gu et al., "On the parameterization and
initialization of diagonal state space models", 2022), zero-order hold and B = 1 folded into the readout:

    Abar = exp(dt A)            C' = C (Abar - 1) / A
    x[t] = Abar x[t-1] + u[t]   y[t] = 2 Re(sum_n C' x[t]) + D u[t]

One mode of each conjugate pair is kept; the factor 2 stands for the other. `S4D.step` is the recurrence as it stands.
`S4D.forward` is the same for whole sequences: a convolution with 2 Re(sum_n C' Abar^t), plus D at t = 0, which
`kernels/state_space.py` computes.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn

from models.kernels.chunks import Filter, convolve_chunks
from models.kernels.state_space import through_state_space


class Coefficients(NamedTuple):
    """The discrete recurrence: what step-by-step inference and the compiler need.

    Attributes:
        a_bar: (channels, modes) complex, |a_bar| < 1.
        c: C', (channels, modes) complex; the factor 2 is not in it.
        d: (channels,) real.
    """

    a_bar: Tensor
    c: Tensor
    d: Tensor


class StateSpace(NamedTuple):
    """The parameters of channels of independent state spaces, and what the equations make of them.

    Attributes:
        log_dt: (channels,).
        log_decay, frequency: A = -exp(log_decay) + i frequency, (channels, modes).
        c: (channels, modes, 2), real and imaginary parts.
        d: (channels,).
    """

    log_dt: Tensor
    log_decay: Tensor
    frequency: Tensor
    c: Tensor
    d: Tensor

    def poles(self) -> Tensor:
        """A, (channels, modes) complex."""
        return torch.complex(-torch.exp(self.log_decay), self.frequency)

    def exponent(self) -> Tensor:
        """dt A, (channels, modes) complex."""
        return self.poles() * torch.exp(self.log_dt)[:, None]

    def discretize(self) -> Coefficients:
        """Zero-order hold with B = 1 folded into C."""
        a_bar = torch.exp(self.exponent())
        return Coefficients(a_bar, torch.view_as_complex(self.c) * (a_bar - 1) / self.poles(), self.d)


class S4D(nn.Module):
    """`channels` independent state-space models with `modes` complex modes each."""

    def __init__(self, channels: int, modes: int, dt_min: float, dt_max: float) -> None:
        super().__init__()
        spread = math.log(dt_max) - math.log(dt_min)
        self.log_dt = nn.Parameter(torch.rand(channels) * spread + math.log(dt_min))
        self.log_decay = nn.Parameter(torch.full((channels, modes), math.log(0.5)))
        # A single mode at S4D-Lin's first frequency, 0, would not oscillate; it takes the second.
        first = 1 if modes == 1 else 0
        overtones = torch.arange(first, first + modes)
        self.frequency = nn.Parameter(math.pi * overtones.repeat(channels, 1).to(torch.float32))
        self.c = nn.Parameter(torch.randn(channels, modes, 2) * math.sqrt(0.5))
        self.d = nn.Parameter(torch.randn(channels))

    def state_space(self) -> StateSpace:
        """The parameters as they are."""
        return StateSpace(self.log_dt, self.log_decay, self.frequency, self.c, self.d)

    def recurrence(self) -> Coefficients:
        """What `step` needs."""
        return self.state_space().discretize()

    def forward(self, u: Tensor, made: Filter | None = None) -> Tensor:
        """The whole sequence at once, (batch, channels, steps) to the same shape.

        Args:
            u: input.
            made: the layer's own filter for so many steps, where `network/filters.py` has made it already.
        """
        if made is not None:
            return convolve_chunks(u, made)
        space = self.state_space()
        return through_state_space(u, space.exponent(), space.discretize().c, space.d)

    def initial_state(self, batch: int) -> Tensor:
        """State before the first step: zeros, (batch, channels, modes) complex."""
        dtype = torch.complex128 if self.d.dtype == torch.float64 else torch.complex64
        return torch.zeros(batch, *self.frequency.shape, dtype=dtype, device=self.d.device)

    @staticmethod
    def step(u: Tensor, state: Tensor, coefficients: Coefficients) -> tuple[Tensor, Tensor]:
        """One step of the recurrence.

        Args:
            u: input of this step, (batch, channels).
            state: x[t-1], (batch, channels, modes) complex.
            coefficients: from `recurrence`, taken once for a whole sequence.

        Returns:
            y[t] of (batch, channels), and x[t].
        """
        state = coefficients.a_bar * state + u[..., None]
        return 2 * (coefficients.c * state).sum(-1).real + coefficients.d * u, state
