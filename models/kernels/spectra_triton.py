"""The backward pass of a convolution between its Fourier transforms, in one reading of the spectra on a GPU.

For spectra of a batch U[b, j] and of a kernel K[j] (j runs over channels and frequencies), Y = U K, and G the transform
of the gradient of y:

    gradient of U = G conj(K)          gradient of K = sum over b of G conj(U)

Imported only where tensors are on a GPU: Triton comes with PyTorch's builds for them.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

LANES = 128
"""Frequencies a program; each loops over the batch."""


def _correlate(g_at, u_at, k_at, grad_k_at, batch, size, lanes: tl.constexpr):  # type: ignore[no-untyped-def]
    """Overwrites G with the gradient of U; complex numbers lie as pairs."""
    place = tl.program_id(0) * lanes + tl.arange(0, lanes)
    inside = place < size
    at = 2 * place.to(tl.int64)
    k_re = tl.load(k_at + at, mask=inside, other=0.0)
    k_im = tl.load(k_at + at + 1, mask=inside, other=0.0)
    sum_re, sum_im = tl.zeros_like(k_re), tl.zeros_like(k_re)
    for _ in range(batch):
        g_re = tl.load(g_at + at, mask=inside, other=0.0)
        g_im = tl.load(g_at + at + 1, mask=inside, other=0.0)
        u_re = tl.load(u_at + at, mask=inside, other=0.0)
        u_im = tl.load(u_at + at + 1, mask=inside, other=0.0)
        sum_re += g_re * u_re + g_im * u_im
        sum_im += g_im * u_re - g_re * u_im
        tl.store(g_at + at, g_re * k_re + g_im * k_im, mask=inside)
        tl.store(g_at + at + 1, g_im * k_re - g_re * k_im, mask=inside)
        at += 2 * size
    tl.store(grad_k_at + 2 * place, sum_re, mask=inside)
    tl.store(grad_k_at + 2 * place + 1, sum_im, mask=inside)


_CORRELATE = triton.jit(_correlate)


def correlate(g: Tensor, spectrum: Tensor, response: Tensor) -> Tensor:
    """Turns `g` (batch, channels, frequencies) into the gradient of `spectrum`; returns that of `response`.

    Args:
        g: contiguous complex64, overwritten.
        spectrum: of the same shape.
        response: (channels, frequencies).
    """
    arrays = [torch.view_as_real(array.contiguous()) for array in (g, spectrum, response)]
    grad = torch.empty_like(arrays[2])
    size = response.numel()
    _CORRELATE[(triton.cdiv(size, LANES),)](*arrays, grad, len(g), size, LANES, num_warps=4)
    return torch.view_as_complex(grad)
