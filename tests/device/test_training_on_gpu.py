"""Training on a GPU: the convolution's gradient, and recorded steps against direct ones."""

from __future__ import annotations

import torch

from models.kernels.convolution import convolve
from models.network.config import NetworkConfig
from models.network.spiking_ssm import SpikingSSM
from models.tasks.images import IN_ROWS
from models.tasks.task import Distortion
from models.training.config import TrainConfig
from models.training.optimizer import make_optimizer
from models.training.step import DirectStep, RecordedStep, Step


def test_gradient_of_the_convolution() -> None:
    torch.manual_seed(4)
    u, kernel, grad = torch.randn(6, 5, 49), torch.randn(5, 49), torch.randn(6, 5, 49)
    exact = [array.double().requires_grad_() for array in (u, kernel)]
    torch.autograd.backward(convolve(exact[0], exact[1]), grad.double())
    fast = [array.cuda().requires_grad_() for array in (u, kernel)]
    torch.autograd.backward(convolve(fast[0], fast[1]), grad.cuda())
    for found, expected in zip(fast, exact, strict=True):
        assert found.grad is not None and expected.grad is not None
        torch.testing.assert_close(found.grad.cpu().double(), expected.grad, rtol=1e-4, atol=1e-4)


def _losses(record: bool, distortion: Distortion | None) -> list[float]:
    torch.manual_seed(5)
    network = SpikingSSM(NetworkConfig(blocks=2, channels=16, modes=4)).cuda()
    config = TrainConfig()
    step: Step = DirectStep(network, make_optimizer(network, config), config, distortion)
    if isinstance(step, DirectStep) and record:
        step = RecordedStep(step)
    batches = torch.rand(12, 20, 784, 1, device="cuda")
    labels = torch.arange(20, device="cuda") % 10
    return [step(batch, labels, 1.0 - number / 12).item() for number, batch in enumerate(batches)]


def test_recorded_steps_are_the_direct_ones() -> None:
    direct, recorded = _losses(False, None), _losses(True, None)
    # Each step sees its own batch. Two losses may still be one number by chance.
    assert len(set(recorded)) > 9
    torch.testing.assert_close(torch.tensor(recorded), torch.tensor(direct), rtol=1e-3, atol=1e-3)


def test_recorded_distortions_differ_from_step_to_step() -> None:
    limits = Distortion(28, IN_ROWS, degrees=10, stretch=0.1, shear=0.1, pixels=2)
    torch.manual_seed(6)
    network = SpikingSSM(NetworkConfig(blocks=1, channels=16, modes=4)).cuda()
    config = TrainConfig(learning_rate=0.0, ssm_learning_rate=0.0, weight_decay=0.0)
    step = RecordedStep(DirectStep(network, make_optimizer(network, config), config, limits))
    batch, labels = torch.rand(20, 784, 1, device="cuda"), torch.arange(20, device="cuda") % 10
    assert len({step(batch, labels, 1.0).item() for _ in range(8)}) == 8
