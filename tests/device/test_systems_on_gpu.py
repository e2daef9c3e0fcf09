"""Every system on a GPU: one function with the CPU, recorded steps of several lengths, averages."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from models.layers.s4d import S4D
from models.network.config import NetworkConfig
from models.network.spiking_ssm import SpikingSSM
from models.network.systems import SYSTEMS
from models.training.average import Average
from models.training.config import TrainConfig
from models.training.optimizer import make_optimizer
from models.training.step import DirectStep, RecordedStep, Step


# The first product of a process may be one of the backward pass, whose thread has no context yet; torch makes one.
@pytest.mark.filterwarnings("ignore:Attempting to run cuBLAS")
@pytest.mark.parametrize("steps", [64, 100, 784, 1152, 5000])
def test_chunks_are_the_convolution(steps: int) -> None:
    torch.manual_seed(steps)
    layer = S4D(24, 5, 1e-3, 1e-1)
    u, grad = torch.randn(6, 24, steps), torch.randn(6, 24, steps)
    found = []
    for device, dtype in (("cpu", torch.float64), ("cuda", torch.float32)):
        layer = layer.to(device, dtype)
        layer.zero_grad()
        drive = u.to(device, dtype).requires_grad_()
        y = layer(drive)
        torch.autograd.backward(y, grad.to(device, dtype))
        assert drive.grad is not None
        # Copies: moving the layer moves its gradients too, in place.
        weights = [weight.grad.double().cpu().clone() for weight in layer.parameters() if weight.grad is not None]
        found.append([*(tensor.detach().double().cpu() for tensor in (y, drive.grad)), *weights])
    for on_cpu, on_gpu in zip(*found, strict=True):
        assert (on_cpu - on_gpu).abs().max() < 2e-4 * on_cpu.abs().max()


@pytest.mark.parametrize("name", SYSTEMS)
def test_systems_learn_on_a_gpu_as_on_the_cpu(name: str) -> None:
    losses = [_loss(name, device) for device in ("cpu", "cuda")]
    assert losses[0] == pytest.approx(losses[1], rel=0.02)


def _loss(name: str, device: str) -> float:
    torch.manual_seed(1)
    values = {"channels": 16, "modes": 3, "inputs": 5, "norm": "batch", **SYSTEMS[name]}
    network = SpikingSSM(NetworkConfig.from_mapping(values, name)).to(device)
    config = TrainConfig(learning_rate=1e-3)
    step = DirectStep(network, make_optimizer(network, config), config, None)
    symbols = torch.randint(0, 5, (16, 128), generator=torch.Generator().manual_seed(2), dtype=torch.uint8)
    return step(symbols.to(device), torch.arange(16, device=device) % 10, 1.0).item()


@pytest.mark.parametrize("decode", ["mean", "every-step"])
def test_recorded_steps_of_several_lengths_are_the_direct_ones(decode: str) -> None:
    direct, recorded = _run(decode, False), _run(decode, True)
    torch.testing.assert_close(torch.tensor(recorded[0]), torch.tensor(direct[0]), rtol=2e-3, atol=2e-3)
    for found, expected in zip(recorded[1], direct[1], strict=True):
        assert torch.nn.functional.cosine_similarity(found.flatten(), expected.flatten(), dim=0) > 0.98


def _run(decode: str, record: bool) -> tuple[list[float], list[torch.Tensor]]:
    torch.manual_seed(5)
    values: dict[str, Any] = {"channels": 16, "modes": 3, "inputs": 5, "norm": "batch", "mix": "glu", "decode": decode}
    network = SpikingSSM(NetworkConfig.from_mapping(values, "test")).cuda()
    config = TrainConfig(learning_rate=2e-3)
    average = Average(network, 0.9)
    step: Step = DirectStep(network, make_optimizer(network, config), config, None, average)
    if record and isinstance(step, DirectStep):
        step = RecordedStep(step)
    generator, losses = torch.Generator().manual_seed(7), []
    for number in range(24):
        steps = (64, 128, 100)[number % 3]
        symbols = torch.randint(0, 5, (16, steps), generator=generator, dtype=torch.uint8).cuda()
        lengths = torch.randint(1, steps + 1, (16,), generator=generator).cuda()
        labels = (symbols % 2).long() if decode == "every-step" else (symbols[:, 0] % 2).long()
        losses.append(step(symbols, labels, 1.0, lengths).item())
    if isinstance(step, RecordedStep):
        assert len(step.recordings) == 3 and not any(one.impossible for one in step.recordings.values())
    return losses, [weight.cpu() for weight in average.network.state_dict().values()]
