"""The diagonal state-space layer S4D-Lin, as a convolution for training and as a recurrence for inference.

Per channel h and mode n, with A = -1/2 + i pi n at the start (S4D-Lin; Gu et al., "On the parameterization and
initialization of diagonal state space models", 2022), zero-order hold and B = 1 folded into the readout:

    Abar = exp(dt A)            C' = C (Abar - 1) / A
    x[t] = Abar x[t-1] + u[t]   y[t] = 2 Re(sum_n C' x[t]) + D u[t]

One mode of each conjugate pair is kept; the factor 2 stands for the other.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import torch
from torch import Tensor, nn

from models.kernels.chunks import Filter, convolve_chunks, filter_of, span_of, split
from models.kernels.convolution import convolve

SPAN = 32
"""Steps that one factor of the kernel covers."""


@contextmanager
def full_mantissas() -> Iterator[None]:
    """Products of float32 matrices without TF32, whatever is set: the kernel reaches over hundreds of steps."""
    before = torch.backends.cuda.matmul.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = False
    try:
        yield
    finally:
        torch.backends.cuda.matmul.allow_tf32 = before


class Coefficients(NamedTuple):
    """The discrete recurrence: what step-by-step inference and the compiler need.

    Attributes:
        a_bar: (channels, modes) complex, |a_bar| < 1.
        c: (channels, modes) complex, with the input matrix folded in; the factor 2 is not.
        d: (channels,) real.
    """

    a_bar: Tensor
    c: Tensor
    d: Tensor


class StateSpace(NamedTuple):
    """The parameters of channels of independent state spaces; `S4D` says what becomes of them.

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

    def kernel(self, steps: int) -> Tensor:
        """The impulse response, shape (channels, steps): 2 Re(sum_n C' Abar^t), plus D at t = 0.

        Abar^t is taken apart as Abar^(SPAN q) Abar^r, so that no (channels, modes, steps) array is made.
        """
        exponent = self.exponent()[..., None]
        far = torch.exp(exponent * torch.arange(0, steps, SPAN, device=exponent.device))
        near = torch.exp(exponent * torch.arange(SPAN, device=exponent.device))
        with full_mantissas():
            spans = torch.einsum("hnq,hnr->hqr", self.discretize().c[..., None] * far, near).real
        response = 2 * spans.flatten(1)[:, :steps]
        return torch.cat([response[:, :1] + self.d[:, None], response[:, 1:]], dim=1)

    def filter(self, steps: int) -> Filter:
        """What `convolve_chunks` needs for sequences of so many steps."""
        return filter_of(self.kernel(span_of(steps)), self.exponent(), self.discretize().c, steps)


class S4D(nn.Module):
    """`channels` independent state-space models with `modes` complex modes each.

    Attributes:
        in_chunks: whether whole sequences go through `kernels/chunks.py`; None for wherever the input is on a GPU.
    """

    in_chunks: bool | None = None

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

    def discretize(self) -> Coefficients:
        """Zero-order hold with B = 1 folded into C."""
        return self.state_space().discretize()

    def recurrence(self) -> Coefficients:
        """What `step` needs: `discretize`, where the layer can run step by step."""
        return self.discretize()

    def kernel(self, steps: int) -> Tensor:
        """The impulse response, (channels, steps)."""
        return self.state_space().kernel(steps)

    def chunked(self, u: Tensor) -> bool:
        """Whether this input goes through `kernels/chunks.py`."""
        return u.device.type == "cuda" if self.in_chunks is None else self.in_chunks

    def forward(self, u: Tensor, chunk_filter: Filter | None = None) -> Tensor:
        """Causal convolution with the kernel, (batch, channels, steps) to the same shape.

        Args:
            u: input.
            chunk_filter: the layer's own for so many steps, where `filters_of` has made it already.
        """
        if chunk_filter is None and not self.chunked(u):
            return convolve(u, self.kernel(u.shape[-1]))
        return convolve_chunks(u, chunk_filter or self.state_space().filter(u.shape[-1]))

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


def filters_of(layers: Sequence[S4D], steps: int) -> list[Filter]:
    """What `convolve_chunks` needs of each of several layers of one size.

    Computed for all channels of all layers at once: it takes some hundred operations, so small that a GPU needs longer
    to begin one than to do it.
    """
    parts = zip(*(layer.state_space() for layer in layers), strict=True)
    return split(StateSpace(*(torch.cat(part) for part in parts)).filter(steps), len(layers))
