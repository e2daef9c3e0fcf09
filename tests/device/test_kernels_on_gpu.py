"""The fused kernels of rows against PyTorch's own operations: norm, gated sum, and the soma channel by channel."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from models.kernels import mixing_triton, normalization_triton, soma_triton
from models.layers.soma import soma_loop

DEVICE = "cuda"


def _random(*shape: int) -> Tensor:
    return torch.randn(*shape).to(DEVICE).requires_grad_()


def _close(found: Tensor, wanted: Tensor | None, tolerance: float = 1e-5) -> None:
    assert wanted is not None
    assert (found - wanted).abs().max() <= tolerance * wanted.abs().max()


@pytest.mark.parametrize(("channels", "places"), [(3, 40), (4, 1500), (2, 70001)])
def test_norm_of_rows(channels: int, places: int) -> None:
    torch.manual_seed(places)
    x, weight, bias, grad = _random(channels, places), _random(channels), _random(channels), _random(channels, places)
    far = (3 * x.detach() + 100).requires_grad_()
    mean, variance = torch.randn(channels).to(DEVICE), torch.rand(channels).to(DEVICE)
    averages, moved = [mean, variance], [mean.clone(), variance.clone()]
    y = torch.nn.functional.batch_norm(far.t()[:, :, None], mean, variance, weight, bias, True, 0.05, 1e-5)[..., 0].t()
    torch.autograd.backward(y, grad.detach())
    parts = (far.detach(), weight.detach(), bias.detach())
    found, used = normalization_triton.forward(*parts, moved[0], moved[1], 0.05, 1e-5)
    back = normalization_triton.backward(grad.detach(), parts[0], used, parts[1])
    # Means are a hundred deviations away, which costs either computation two digits.
    for got, wanted in zip(
        (found, *back, *moved), (y.detach(), far.grad, weight.grad, bias.grad, *averages), strict=True
    ):
        _close(got, wanted, 1e-3)


@pytest.mark.parametrize(("channels", "places"), [(3, 1500), (5, 64)])
def test_gated_and_plain_sums(channels: int, places: int) -> None:
    torch.manual_seed(places)
    stream, product, bias = _random(channels, places), _random(2 * channels, places), _random(2 * channels)
    grad = torch.randn(channels, places).to(DEVICE)
    wanted = stream + torch.nn.functional.glu(product + bias[:, None], dim=0)
    torch.autograd.backward(wanted, grad)
    _close(mixing_triton.add(stream.detach(), product.detach(), bias.detach()), wanted.detach())
    grad_product, grad_bias = mixing_triton.gate_backward(grad, product.detach(), bias.detach())
    _close(grad_product, product.grad)
    _close(grad_bias, bias.grad, 1e-4)
    half, own = product.detach()[:channels].contiguous(), bias.detach()[:channels].contiguous()
    _close(mixing_triton.add(stream.detach(), half, own), stream.detach() + half + own[:, None])


@pytest.mark.parametrize("shape", [(3, 5, 70), (2, 40, 33), (4, 6, 64), (64, 128, 128)])
@pytest.mark.parametrize("longer", [0, 7])
def test_soma_channel_by_channel(shape: tuple[int, int, int], longer: int) -> None:
    torch.manual_seed(shape[2])
    batch, channels, steps = shape
    whole = 1.5 * torch.randn(channels, batch, steps + longer).to(DEVICE)
    y = whole[..., :steps].transpose(0, 1).requires_grad_()
    theta = (0.4 + torch.rand(channels)).to(DEVICE).requires_grad_()
    grad = torch.randn(*shape).to(DEVICE)
    expected = soma_loop(y, theta)
    torch.autograd.backward(expected, grad)
    spikes, v = soma_triton.forward(y, theta)
    assert torch.equal(spikes, expected.detach()) and spikes.transpose(0, 1).is_contiguous()
    grad_y, grad_theta = soma_triton.backward(grad, v, theta)
    _close(grad_y, y.grad)
    _close(grad_theta, theta.grad, 1e-4)
