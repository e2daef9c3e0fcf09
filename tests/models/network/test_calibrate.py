"""The gated spiking unit's constant thresholds."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from models.layers.gsu import calibrated_delta, token_delta
from models.layers.weights import load_tensors
from models.network.calibrate import with_constant_thresholds
from models.network.config import NetworkConfig
from models.network.spiking_ssm import SpikingSSM
from models.training.on_device import parse_job, run_job

UNIT = {"channels": 12, "modes": 3, "mix": "gsu", "norm": "batch"}


def test_as_many_values_pass_as_before() -> None:
    torch.manual_seed(0)
    drives = torch.randn(10, 7, 200) * torch.linspace(0.2, 3, 7)[:, None]
    delta = calibrated_delta(drives)
    before = (drives.abs() >= token_delta(drives)).double().mean((0, 2))
    after = (drives.abs() >= delta[:, None]).double().mean((0, 2))
    torch.testing.assert_close(after, before, rtol=0, atol=1e-3)
    assert (delta > 0).all()


def test_a_calibrated_network_fires_as_often_and_is_otherwise_the_same() -> None:
    torch.manual_seed(1)
    network = SpikingSSM(NetworkConfig.from_mapping({**UNIT, "soma": "ternary-token"}, "test")).eval()
    inputs = torch.rand(20, 50, 1)
    constant = with_constant_thresholds(network, inputs)
    assert constant.config.soma == "ternary"
    for name, tensor in network.state_dict().items():
        assert name.endswith("soma.ln_vth") or torch.equal(tensor, constant.state_dict()[name])
    with torch.no_grad():
        first, second = network(inputs), constant(inputs)
    rates = [[float(spikes.abs().mean()) for spikes in output.spikes] for output in (first, second)]
    assert rates[1] == pytest.approx(rates[0], abs=0.02)
    assert first.signed and first.spikes[0].min() == -1


def test_a_job_begins_with_calibrated_thresholds(tmp_path: Path) -> None:
    small = "norm=batch,blocks=1,channels=8,modes=2,augment=0,epochs=1"
    run_job(parse_job(f"a=digits:100:system=gsu,activation=none,{small}"), tmp_path, "cpu")
    still = "learning_rate=0,ssm_learning_rate=0,from=a"
    run_job(parse_job(f"b=digits:100:system=gsu-constant,{small},{still}"), tmp_path, "cpu")
    first, second = (load_tensors(tmp_path / name / "model.safetensors")[0] for name in "ab")
    assert torch.equal(first["blocks.0.mix.weight"], second["blocks.0.mix.weight"])
    assert first["blocks.0.soma.ln_vth"].abs().max() == 0 and second["blocks.0.soma.ln_vth"].std() > 0
