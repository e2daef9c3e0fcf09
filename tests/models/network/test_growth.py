"""Grown networks compute what they grew from, and what is new in them is trained."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from models.network.config import NetworkConfig
from models.network.growth import can_grow, grown
from models.network.spiking_ssm import SpikingSSM
from toolchain.errors import UnsupportedError

SMALL = NetworkConfig(inputs=2, classes=3, blocks=2, channels=6, modes=3, mix="glu", norm="batch")
STEPS = 20


def _trained(config: NetworkConfig) -> SpikingSSM:
    """With every weight and statistic somewhere else than at its start."""
    torch.manual_seed(1)
    network = SpikingSSM(config)
    for value in network.state_dict().values():
        value += 0.1 * torch.rand_like(value)
    return network.eval()


@pytest.mark.parametrize(
    ("small", "larger"),
    [
        (SMALL, {"channels": 11}),
        (SMALL, {"blocks": 4}),
        (SMALL, {"blocks": 3, "channels": 7, "dropout": 0.1}),
        (replace(SMALL, mix="linear", norm="none"), {"blocks": 3, "channels": 8}),
        (replace(SMALL, mix="binary-gate"), {"blocks": 3, "channels": 8}),
        (replace(SMALL, mix="two-stage", soma="threshold"), {"blocks": 3, "channels": 8}),
    ],
)
def test_a_grown_network_computes_the_same_and_all_of_it_is_trained(
    small: NetworkConfig, larger: dict[str, Any]
) -> None:
    before = _trained(small)
    network = grown(before, SpikingSSM(replace(small, **larger))).eval()
    inputs = torch.rand(4, STEPS, small.inputs)
    wanted, found = before(inputs), network(inputs)
    torch.testing.assert_close(found.logits, wanted.logits, rtol=1e-4, atol=1e-4)
    for old, new in zip(wanted.spikes, found.spikes, strict=False):
        assert (new[:, : small.channels] != old).float().mean() < 0.01
    network.train()
    outputs = network(inputs)
    outputs.logits.square().sum().backward()
    gradient = network.readout.weight.grad
    assert gradient is not None and gradient[:, small.channels :].abs().sum(0).gt(0).all()
    last = network.block_list()[-1].mix
    weight = getattr(last, "second_weight", last.weight).grad
    assert weight is not None and weight[: small.channels].abs().sum() > 0


def test_what_grows_has_more_blocks_or_channels_and_the_same_equations() -> None:
    assert can_grow(SMALL, replace(SMALL, channels=7, dt_min=2e-3))
    assert not can_grow(SMALL, SMALL)
    assert not can_grow(SMALL, replace(SMALL, channels=7, blocks=1))
    assert not can_grow(SMALL, replace(SMALL, channels=7, norm="none"))
    gated = replace(SMALL, mix="gsu", soma="ternary")
    with pytest.raises(UnsupportedError, match="with mix 'gsu' cannot grow"):
        grown(SpikingSSM(gated), SpikingSSM(replace(gated, blocks=3)))
