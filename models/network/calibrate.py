"""From the gated spiking unit as published to the one that deploys: a constant threshold a channel for one a token."""

from __future__ import annotations

import torch
from torch import Tensor

from models.layers.gsu import Ternary, calibrated_delta
from models.network.config import NetworkConfig
from models.network.spiking_ssm import Block, SpikingSSM


@torch.no_grad()
def with_constant_thresholds(network: SpikingSSM, inputs: Tensor, lengths: Tensor | None = None) -> SpikingSSM:
    """A copy of a network with soma ``ternary-token`` that has soma ``ternary``.

    Each channel's threshold is the one under which as many of its values pass on the calibration data as before. Blocks
    are calibrated from the first to the last, each on what the calibrated ones before it give.

    Args:
        network: trained.
        inputs, lengths: calibration data, as `SpikingSSM.forward` takes them.
    """
    config = NetworkConfig.from_mapping(network.config.to_mapping() | {"soma": "ternary"}, "network")
    constant = SpikingSSM(config).to(network.encoder.weight)
    constant.load_state_dict(network.state_dict())
    constant.eval()
    for block in constant.block_list():
        drives = _drives(constant, block, inputs, lengths)
        if isinstance(block.soma, Ternary):
            block.soma.ln_vth.copy_(calibrated_delta(drives).log())
    return constant


def _drives(network: SpikingSSM, block: Block, inputs: Tensor, lengths: Tensor | None) -> Tensor:
    """What the state space of one block gives, (batch, channels, steps)."""
    seen: list[Tensor] = []
    hook = block.ssm.register_forward_hook(lambda module, given, result: seen.append(result))
    network(inputs) if lengths is None else network(inputs, lengths)
    hook.remove()
    return seen[0]
