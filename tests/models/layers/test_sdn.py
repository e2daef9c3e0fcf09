"""The surrogate dynamic network: its size, its training, how near it is to the exact soma, and where gradients flow."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from models.layers.sdn import SDN, SHAPES, WEIGHTS, SurrogateSoma, TrainableSDN, load_sdn
from models.layers.soma import Soma, sltt_loop, soma_loop
from models.layers.weights import load_tensors, save_tensors
from models.network.config import NetworkConfig
from models.network.spiking_ssm import SpikingSSM
from models.training.sdn import membranes, mismatches, train_sdn
from toolchain.errors import InputError


def test_it_has_153_numbers_and_fusing_changes_nothing() -> None:
    torch.manual_seed(0)
    network = TrainableSDN()
    for _ in range(20):
        network(3 * torch.randn(16, 40))
    drive = torch.randn(5, 30)
    fused = network.eval().fused()
    assert sum(tensor.numel() for tensor in fused.values()) == 153 and fused.keys() == SHAPES.keys()
    torch.testing.assert_close(SDN(fused)(drive), network(drive), rtol=1e-4, atol=1e-5)


def test_a_step_sees_the_eight_before_it_alone() -> None:
    sdn, drive = load_sdn(), torch.randn(1, 40)
    changed = drive.clone()
    changed[0, 20] += 3.0
    moved = (sdn(drive) != sdn(changed))[0].nonzero().flatten().tolist()
    assert set(moved) <= set(range(21, 29)) and 21 in moved


def test_membranes_by_hand() -> None:
    drive = torch.tensor([[0.5, 0.9375, 0.9375, 1.0, 0.875]])
    # v: .5 | 1.0: fires | .9375 | 1.1171875: fires | .875, each an eighth of what is left before the next step.
    assert membranes(drive).tolist() == [[0.0, 0.0625, 0.0, 0.1171875, 0.0]]


def test_training_comes_near_the_soma_and_repeats_itself(tmp_path: Path) -> None:
    lines: list[str] = []
    figures = train_sdn(tmp_path / "a", seed=3, updates=60, tell=lines.append, rows=20)
    assert train_sdn(tmp_path / "b", seed=3, updates=60, rows=20) == figures
    assert (tmp_path / "a" / WEIGHTS.name).read_bytes() == (tmp_path / "b" / WEIGHTS.name).read_bytes()
    untrained = mismatches(SDN(TrainableSDN().eval().fused()), 1, rows=20)
    assert figures["1"]["membrane_error"] < 0.5 * untrained["1"]["membrane_error"]
    assert load_tensors(tmp_path / "a" / WEIGHTS.name)[1]["figures"] == figures


def test_the_shipped_one_is_as_near_as_its_note_says() -> None:
    noted = load_tensors(WEIGHTS)[1]["figures"]
    found = mismatches(load_sdn(), seed=77, rows=400)
    for deviation, figures in noted.items():
        assert found[deviation]["spikes_that_differ"] == pytest.approx(figures["spikes_that_differ"], rel=0.4)
        assert figures["spikes_that_differ"] < 0.01 and 0.02 < figures["spike_rate"] < 0.4


def test_a_threshold_scales_the_drive() -> None:
    torch.manual_seed(1)
    soma, drive = SurrogateSoma(4), 2 * torch.randn(8, 4, 200)
    torch.nn.init.constant_(soma.ln_vth, 0.7)
    spikes = soma(drive)
    assert torch.equal(spikes, SurrogateSoma(4)(drive / soma.threshold().detach()[0]))
    exact = Soma(4, start=1.0)
    torch.nn.init.constant_(exact.ln_vth, 0.7)
    assert (spikes != exact(drive)).float().mean() < 0.01


def test_gradients_flow_through_the_drive_of_the_step_alone() -> None:
    torch.manual_seed(2)
    theta = torch.tensor([0.9, 1.3])
    for run in (_surrogate, sltt_loop):
        y = torch.randn(1, 2, 50).requires_grad_()
        torch.autograd.backward(run(y, theta)[0, :, 30].sum())
        assert y.grad is not None
        assert y.grad[..., :30].abs().sum() == 0 and y.grad[..., 31:].abs().sum() == 0 and y.grad[..., 30].any()


def _surrogate(y: torch.Tensor, theta: torch.Tensor) -> torch.Tensor:
    soma = SurrogateSoma(2)
    with torch.no_grad():
        soma.ln_vth.copy_(theta.log())
    spikes: torch.Tensor = soma(y)
    return spikes


def test_sltt_spikes_like_the_definition() -> None:
    torch.manual_seed(3)
    y, theta = 1.5 * torch.randn(3, 5, 60), 0.5 + torch.rand(5)
    assert torch.equal(sltt_loop(y, theta), soma_loop(y, theta))


def test_a_network_keeps_no_copy_of_it_and_runs_the_exact_soma_step_by_step() -> None:
    torch.manual_seed(4)
    network = SpikingSSM(NetworkConfig(soma="sdn", channels=8, modes=2, theta_start=0.5)).eval()
    exact = SpikingSSM(NetworkConfig(channels=8, modes=2, theta_start=0.5)).eval()
    exact.load_state_dict(network.state_dict())
    inputs = torch.rand(4, 100, 1)
    for found, expected in zip(network.unroll(inputs).spikes, exact.unroll(inputs).spikes, strict=True):
        assert torch.equal(found, expected)
    assert network(inputs).spikes[0].shape == (4, 8, 100)


def test_a_file_of_something_else(tmp_path: Path) -> None:
    save_tensors(tmp_path / "x", {"taps.weight": torch.zeros(3)})
    with pytest.raises(InputError, match="train it again"):
        load_sdn(tmp_path / "x")
