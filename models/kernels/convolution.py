"""Causal convolution over time by FFT, with its gradient written out.

PyTorch's own gradient of `rfft` is a complex transform of the whole length; with real transforms the backward pass
costs what the forward pass does, and only the input's spectrum is kept for it.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.fft import irfft, rfft

from models.kernels.choice import Form, form_of


class _Convolution(torch.autograd.Function):
    """y[b, h, t] = sum_s kernel[h, s] u[b, h, t - s]."""

    @staticmethod
    def forward(ctx: Any, u: Tensor, kernel: Tensor) -> Tensor:
        steps = u.shape[-1]
        # Twice the length, so that the circular convolution does not wrap around.
        spectrum, response = rfft(u, n=2 * steps), rfft(kernel, n=2 * steps)
        ctx.save_for_backward(spectrum, response)
        y: Tensor = irfft(spectrum * response, n=2 * steps)[..., :steps]
        return y

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor]:
        spectrum, response = ctx.saved_tensors
        steps = gradients[0].shape[-1]
        # A correlation: the same transforms with the other factor conjugated.
        back = rfft(gradients[0], n=2 * steps)
        if form_of(back, torch.complex64) is Form.TRITON:
            from models.kernels import spectra_triton

            grad_response = spectra_triton.correlate(back, spectrum, response)
        else:
            grad_response = (back * spectrum.conj()).sum(0)
            back = back * response.conj()
        return irfft(back, n=2 * steps)[..., :steps], irfft(grad_response, n=2 * steps)[..., :steps]


def convolve(u: Tensor, kernel: Tensor) -> Tensor:
    """Causal convolution of u (batch, channels, steps) with kernel (channels, steps), in the shape of `u`."""
    y: Tensor = _Convolution.apply(u, kernel)  # type: ignore[no-untyped-call]
    return y
