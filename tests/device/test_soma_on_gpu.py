"""The fused soma on a GPU against its definition, and a whole network against itself on the CPU."""

from __future__ import annotations

import pytest
import torch

from models.kernels import choice, soma_triton
from models.kernels import soma as soma_kernels
from models.layers.soma import soma_loop
from models.network.config import NetworkConfig
from models.network.spiking_ssm import SpikingSSM


@pytest.mark.parametrize("shape", [(1, 1, 1), (3, 5, 70), (2, 64, 33), (16, 96, 784), (100, 128, 128)])
def test_fused_equals_definition(shape: tuple[int, int, int]) -> None:
    torch.manual_seed(shape[2])
    y = (1.5 * torch.randn(*shape)).cuda().requires_grad_()
    theta = (0.4 + 1.5 * torch.rand(shape[1])).cuda().requires_grad_()
    grad = torch.randn(*shape).cuda()
    expected = soma_loop(y, theta)
    torch.autograd.backward(expected, grad)
    spikes, v = soma_triton.forward(y, theta)
    grad_y, grad_theta = soma_triton.backward(grad, v, theta)
    assert torch.equal(spikes, expected.detach())
    assert spikes.numel() == 1 or 0 < spikes.mean() < 1
    assert y.grad is not None and theta.grad is not None
    torch.testing.assert_close(grad_y, y.grad, rtol=1e-6, atol=1e-6)
    # A sum over batch and time: as many roundings as terms.
    torch.testing.assert_close(grad_theta, theta.grad, rtol=1e-5, atol=1e-5 * shape[0] ** 0.5)


def test_rows_of_a_longer_array_are_read_where_they_are() -> None:
    torch.manual_seed(1)
    y, theta = torch.randn(4, 8, 120).cuda(), torch.ones(8).cuda()
    part = y[..., :57]
    for found, expected in zip(soma_triton.forward(part, theta), soma_triton.forward(part.clone(), theta), strict=True):
        assert torch.equal(found, expected)


def test_plain_operations_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(2)
    y, theta, grad = torch.randn(4, 8, 50).cuda(), 0.5 + torch.rand(8).cuda(), torch.randn(4, 8, 50).cuda()
    assert choice.TRITON
    fused = soma_kernels.forward(y, theta)
    fused_back = soma_kernels.backward(grad, fused[1], theta)
    monkeypatch.setattr(choice, "TRITON", False)
    plain = soma_kernels.forward(y, theta)
    plain_back = soma_kernels.backward(grad, plain[1], theta)
    assert torch.equal(fused[0], plain[0]) and torch.equal(fused[1], plain[1])
    for found, expected in zip(fused_back, plain_back, strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


def test_network_gives_the_cpus_gradients() -> None:
    torch.manual_seed(3)
    network = SpikingSSM(NetworkConfig(blocks=1, channels=32, modes=8))
    inputs = torch.rand(8, 100, 1)
    grads = []
    for device in ("cpu", "cuda"):
        network.to(device).zero_grad()
        output = network(inputs.to(device))
        torch.autograd.backward(output.logits.square().sum() + output.spikes[0].mean())
        grads.append([weight.grad.cpu().clone() for weight in network.parameters() if weight.grad is not None])
    # A drive within rounding of its threshold may fall on either side, so that a few spikes differ.
    for on_cpu, on_gpu in zip(*grads, strict=True):
        assert torch.nn.functional.cosine_similarity(on_cpu.flatten(), on_gpu.flatten(), dim=0) > 0.99
