"""The whole network: parallel in time against step by step."""

from __future__ import annotations

import torch

from models.network.config import NetworkConfig
from models.network.spiking_ssm import SpikingSSM


def _network(**changes: float) -> SpikingSSM:
    torch.manual_seed(2)
    return SpikingSSM(NetworkConfig.from_mapping({"channels": 24, "modes": 4, "blocks": 3, **changes}, "test")).eval()


def test_forward_equals_step() -> None:
    network = _network().double()
    inputs = torch.rand(8, 64, 1, dtype=torch.float64)
    whole, steps = network(inputs), network.unroll(inputs)
    assert [int((a != b).sum()) for a, b in zip(whole.spikes, steps.spikes, strict=True)] == [0, 0, 0]
    torch.testing.assert_close(whole.logits, steps.logits, rtol=0, atol=1e-9)
    assert all(0.01 < spikes.mean().item() < 0.9 for spikes in whole.spikes)


def test_state_carries_over() -> None:
    network = _network()
    inputs = torch.rand(2, 20, 1)
    plan, state = network.plan(), network.initial_state(2)
    for sample in inputs.unbind(1):
        last, _, state = network.step(sample, state, plan)
    fresh, _, _ = network.step(inputs[:, -1], network.initial_state(2), plan)
    assert (last - fresh).abs().max().item() > 1e-3


def test_every_parameter_has_a_gradient() -> None:
    network = _network(dropout=0.2).train()
    output = network(torch.rand(16, 64, 1))
    (output.logits.logsumexp(1).sum() + sum(spikes.sum() for spikes in output.spikes)).backward()
    idle = [name for name, weight in network.named_parameters() if weight.grad is None or not weight.grad.abs().sum()]
    assert idle == []


def test_readout_sees_the_mean_over_time() -> None:
    network = _network(blocks=1)
    torch.nn.init.constant_(network.block_list()[0].soma.ln_vth, 30.0)
    inputs = torch.rand(3, 64, 1)
    output = network(inputs)
    assert not any(spikes.any() for spikes in output.spikes)
    # Without spikes the stream is the encoder's output plus the mixing's bias.
    stream = network.encoder(inputs).mean(1) + network.block_list()[0].mix.bias
    torch.testing.assert_close(output.logits, network.readout(stream))
