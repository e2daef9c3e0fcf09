"""The convolution by FFT against the sum that it stands for, and its gradient against finite differences."""

from __future__ import annotations

import torch

from models.kernels.convolution import convolve


def _pair(batch: int, channels: int, steps: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(steps)
    u = torch.randn(batch, channels, steps, generator=generator, dtype=torch.float64)
    return u, torch.randn(channels, steps, generator=generator, dtype=torch.float64)


def test_convolution_is_the_sum() -> None:
    for steps in (1, 2, 7, 32):
        u, kernel = _pair(3, 4, steps)
        expected = torch.zeros_like(u)
        for t in range(steps):
            for s in range(t + 1):
                expected[..., t] += kernel[:, s] * u[..., t - s]
        torch.testing.assert_close(convolve(u, kernel), expected, rtol=1e-12, atol=1e-12)


def test_gradient_by_finite_differences() -> None:
    for steps in (1, 2, 9):
        u, kernel = _pair(2, 3, steps)
        assert torch.autograd.gradcheck(convolve, (u.requires_grad_(), kernel.requires_grad_()))
