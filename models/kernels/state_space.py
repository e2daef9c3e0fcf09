"""Whole sequences through state spaces: convolution with their impulse response, by Fourier transforms or in chunks.

    k[t] = 2 Re(sum_n C'_n exp(exponent_n t)) + (D if t = 0)          y[t] = sum_{s <= t} k[t - s] u[s]

Here `exponent` is dt A and `c` is C' (`layers/s4d.py`), both (channels, modes) complex, and `d` is D, (channels,).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from models.kernels.choice import is_wide
from models.kernels.chunks import Filter, convolve_chunks, filter_of, span_of
from models.kernels.convolution import convolve

SPAN = 32
"""Steps that one factor of the impulse response covers."""


@contextmanager
def full_mantissas() -> Iterator[None]:
    """Products of float32 matrices without TF32, whatever is set: the response reaches over hundreds of steps."""
    before = torch.backends.cuda.matmul.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = False
    try:
        yield
    finally:
        torch.backends.cuda.matmul.allow_tf32 = before


def impulse_response(exponent: Tensor, c: Tensor, d: Tensor, steps: int) -> Tensor:
    """k[0 .. steps - 1], (channels, steps).

    exp(exponent t) is taken apart as exp(exponent SPAN q) exp(exponent r), so that no (channels, modes, steps) array is
    made.
    """
    far = torch.exp(exponent[..., None] * torch.arange(0, steps, SPAN, device=exponent.device))
    near = torch.exp(exponent[..., None] * torch.arange(SPAN, device=exponent.device))
    with full_mantissas():
        spans = torch.einsum("hnq,hnr->hqr", c[..., None] * far, near).real
    response = 2 * spans.flatten(1)[:, :steps]
    return torch.cat([response[:, :1] + d[:, None], response[:, 1:]], dim=1)


def chunk_filter(exponent: Tensor, c: Tensor, d: Tensor, steps: int) -> Filter:
    """What `convolve_chunks` needs for sequences of so many steps."""
    return filter_of(impulse_response(exponent, c, d, span_of(steps)), exponent, c, steps)


def through_state_space(u: Tensor, exponent: Tensor, c: Tensor, d: Tensor) -> Tensor:
    """y for u of (batch, channels, steps), in the same shape."""
    steps = u.shape[-1]
    if is_wide(u):
        return convolve_chunks(u, chunk_filter(exponent, c, d, steps))
    return convolve(u, impulse_response(exponent, c, d, steps))
