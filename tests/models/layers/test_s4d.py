"""The state-space layer: its kernel against its recurrence, and against the differential equation it discretizes."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.signal
import torch

from models.kernels import choice
from models.kernels.chunks import FEW_CHUNKS, span_of
from models.layers.s4d import S4D


def _layer(channels: int = 6, modes: int = 5, dt_min: float = 1e-3, dt_max: float = 0.3) -> S4D:
    torch.manual_seed(5)
    return S4D(channels, modes, dt_min, dt_max).double()


@torch.no_grad()
def test_convolution_equals_recurrence() -> None:
    layer = _layer()
    u = torch.randn(4, 6, 150, dtype=torch.float64)
    state, coefficients = layer.initial_state(4), layer.recurrence()
    outputs = []
    for sample in u.unbind(-1):
        y, state = layer.step(sample, state, coefficients)
        outputs.append(y)
    torch.testing.assert_close(layer(u), torch.stack(outputs, -1), rtol=1e-9, atol=1e-9)


@torch.no_grad()
def test_discretization_is_the_zero_order_hold_of_scipy() -> None:
    layer = _layer(channels=2, modes=3)
    a_bar, c, _ = (part.numpy() for part in layer.recurrence())
    a = (-torch.exp(layer.log_decay) + 1j * layer.frequency).numpy()
    readout, dt = torch.view_as_complex(layer.c).numpy(), torch.exp(layer.log_dt).numpy()
    for channel in range(2):
        system = (np.diag(a[channel]), np.ones((3, 1)), readout[channel][None], np.zeros((1, 1)))
        # Our state is scipy's without the factor that B = 1 puts into C.
        expected_a, expected_b, _, _, _ = scipy.signal.cont2discrete(system, dt[channel], method="zoh")
        np.testing.assert_allclose(np.diag(a_bar[channel]), expected_a, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(c[channel], readout[channel] * expected_b[:, 0], rtol=1e-9)


def test_initial_modes_are_s4d_lin() -> None:
    layer = _layer(channels=400, modes=4, dt_min=1e-2, dt_max=1e-1)
    assert torch.exp(layer.log_decay).detach().numpy() == pytest.approx(0.5)
    assert layer.frequency[7].detach().numpy() == pytest.approx(math.pi * np.arange(4))
    dt = torch.exp(layer.log_dt).detach()
    assert 1e-2 <= dt.min().item() < 1.3e-2 and 0.8e-1 < dt.max().item() <= 1e-1
    assert layer.log_dt.mean().item() == pytest.approx(math.log(10**-1.5), abs=0.15)
    assert layer.recurrence().a_bar.abs().max().item() < 1


def test_convolution_is_causal() -> None:
    layer = _layer()
    u = torch.randn(1, 6, 40, dtype=torch.float64)
    later = u.clone()
    later[..., 25:] += 1
    before, after = layer(u), layer(later)
    torch.testing.assert_close(before[..., :25], after[..., :25], rtol=1e-9, atol=1e-9)
    assert (before[..., 25:] - after[..., 25:]).abs().max().item() > 1e-3


@pytest.mark.parametrize("steps", [1, 64, 65, 100, 784, 4200])
def test_in_chunks_it_is_the_same_convolution(steps: int, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(steps)
    layer = S4D(4, 3, 1e-3, 1e-1).double()
    u, grad = torch.randn(2, 4, steps, dtype=torch.float64), torch.randn(2, 4, steps, dtype=torch.float64)
    found = []
    for wide in (set(), {"cpu"}):
        monkeypatch.setattr(choice, "WIDE", wide)
        layer.zero_grad()
        drive = u.clone().requires_grad_()
        y = layer(drive)
        torch.autograd.backward(y, grad)
        found.append([y.detach(), drive.grad, *(weight.grad for weight in layer.parameters())])
    for by_transforms, by_products in zip(*found, strict=True):
        assert by_transforms is not None and by_products is not None
        torch.testing.assert_close(by_products, by_transforms, rtol=1e-9, atol=1e-9)


def test_chunks_have_a_good_size() -> None:
    assert [span_of(steps) for steps in (7, 64, 784, 1024, 1152, 787)] == [7, 64, 112, 128, 128, 128]
    assert all(steps / span_of(steps) <= 2 * FEW_CHUNKS for steps in range(1, 20000, 37))


def test_oscillations_begin_at_s4d_lins_frequencies_but_a_single_one_is_none_that_stands_still() -> None:
    for modes, wanted in ((4, [0, 1, 2, 3]), (1, [1])):
        frequencies = S4D(3, modes, 1e-3, 1e-1).frequency / torch.pi
        torch.testing.assert_close(frequencies, torch.tensor([wanted] * 3, dtype=torch.float32))
