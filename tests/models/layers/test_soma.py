"""The fast soma against its definition, and the definition against numbers worked out by hand."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from models.kernels import soma as soma_kernels
from models.layers.soma import Soma, soma, soma_loop


def _drive(seed: int, *shape: int, dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    y = 1.5 * torch.randn(*shape, generator=generator, dtype=dtype)
    theta = 0.4 + 1.5 * torch.rand(shape[1], generator=generator, dtype=dtype)
    return y, theta, torch.randn(*shape, generator=generator, dtype=dtype)


def test_neuron_by_hand() -> None:
    y = torch.tensor([[[0.5, 0.9375, 0.9375, 1.0, 0.875, -8.0, 2.0, 1.0]]])
    # v: .5 | 1.0 = theta: fires, resets | .9375 | 1.1171875 fires | .875 | -7.89 | 1.01 fires | 1.0 fires
    expected = [0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 1.0, 1.0]
    for run in (soma, soma_loop):
        assert run(y, torch.ones(1))[0, 0].tolist() == expected


def test_gradient_by_hand() -> None:
    y = torch.tensor([[[0.5, 0.5]]], requires_grad=True)
    theta = torch.tensor([2.0], requires_grad=True)
    torch.autograd.backward(soma(y, theta)[0, 0, 1])
    # v = .5 then .5625; v / theta = .28125: slope .28125 / 2, once directly and once through the leak.
    assert y.grad is not None and theta.grad is not None
    assert y.grad[0, 0].tolist() == pytest.approx([0.28125 / 16, 0.28125 / 2])
    assert theta.grad.item() == pytest.approx(-0.28125 * 0.5625 / 4)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("shape", [(1, 1, 1), (3, 5, 70), (2, 64, 33)])
def test_fast_equals_definition(shape: tuple[int, ...], dtype: torch.dtype) -> None:
    y, theta, weight = _drive(len(shape) + shape[2], *shape, dtype=dtype)
    results = []
    for run in (soma, soma_loop):
        drive, limit = y.clone().requires_grad_(), theta.clone().requires_grad_()
        spikes = run(drive, limit)
        torch.autograd.backward(spikes, weight)
        results.append((spikes.detach(), drive.grad, limit.grad))
    (fast, fast_y, fast_theta), (slow, slow_y, slow_theta) = results
    assert torch.equal(fast, slow)
    torch.testing.assert_close(fast_y, slow_y, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(fast_theta, slow_theta, rtol=1e-5, atol=1e-5)


def test_drive_of_any_memory_order() -> None:
    y, theta, weight = _drive(7, 4, 6, 20)
    turned = y.transpose(0, 2).contiguous().transpose(0, 2).requires_grad_()
    straight = y.clone().requires_grad_()
    for drive in (turned, straight):
        torch.autograd.backward(soma(drive, theta), weight.transpose(1, 2).contiguous().transpose(1, 2))
    assert torch.equal(soma(turned, theta), soma(straight, theta))
    assert turned.grad is not None and straight.grad is not None and torch.equal(turned.grad, straight.grad)


def test_all_compiled_forms_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    y, theta, grad = _drive(3, 4, 8, 50)
    spikes, v = soma_kernels.forward(y, theta)
    serial = (spikes, v, *soma_kernels.backward(grad, v, theta))
    plain_spikes, plain_v = soma_kernels._forward_torch(y, theta)
    plain = (plain_spikes, plain_v, *soma_kernels._backward_torch(grad, plain_v, theta))
    monkeypatch.setattr(soma_kernels, "PARALLEL_ELEMENTS", 0)
    assert soma_kernels._compiled(y) is soma_kernels._PARALLEL
    spikes, v = soma_kernels.forward(y, theta)
    parallel = (spikes, v, *soma_kernels.backward(grad, v, theta))
    assert all(torch.equal(a, b) for a, b in zip(serial, parallel, strict=True))
    assert torch.equal(serial[0], plain[0])
    for a, b in zip(serial, plain, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-5)


def test_step_equals_sequence() -> None:
    y, _, _ = _drive(11, 5, 9, 200)
    cell = Soma(9)
    torch.nn.init.normal_(cell.ln_vth, std=0.3)
    theta = cell.threshold().detach()
    v, spikes = torch.zeros(5, 9), []
    for drive in y.unbind(-1):
        spike, v = cell.step(drive, v, theta)
        spikes.append(spike)
    whole = cell(y)
    assert torch.equal(torch.stack(spikes, -1), whole)
    assert 0.05 < whole.mean().item() < 0.95
