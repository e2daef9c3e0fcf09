"""The optimizer: AdamW with three groups of weights, and one cycle of the learning rate."""

from __future__ import annotations

import math

import torch
from torch import nn

from models.network.spiking_ssm import SpikingSSM
from models.training.config import TrainConfig

WARM_UP = 0.3
START_FACTOR, END_FACTOR = 0.04, 1e-4
SLOW = ("log_dt", "log_decay", "frequency")
"""Parameters of dt and A: their own learning rate, no decay (as S4's authors do)."""

DECAYED = ("encoder.weight", "mix.weight", "mix.second_weight", "readout.weight", "ssm.c")


def one_cycle(progress: float) -> float:
    """Factor on the learning rate at `progress` in 0..1: half cosines up to 1 and down again."""
    if progress < WARM_UP:
        return 1 + (START_FACTOR - 1) * (1 + math.cos(math.pi * progress / WARM_UP)) / 2
    along = (progress - WARM_UP) / (1 - WARM_UP)
    return END_FACTOR + (1 - END_FACTOR) * (1 + math.cos(math.pi * along)) / 2


def make_optimizer(network: SpikingSSM, config: TrainConfig) -> torch.optim.AdamW:
    """AdamW with three groups: decayed weights, the rest, and dt with A."""
    groups: dict[str, list[nn.Parameter]] = {"decayed": [], "plain": [], "slow": []}
    trained = ((name, weight) for name, weight in network.named_parameters() if weight.requires_grad)
    for name, parameter in trained:
        kind = "slow" if name.endswith(SLOW) else "decayed" if name.endswith(DECAYED) else "plain"
        groups[kind].append(parameter)
    fast, decay = config.learning_rate, config.weight_decay
    on_gpu = network.encoder.weight.device.type == "cuda"
    optimizer = torch.optim.AdamW(
        [
            {"params": groups["decayed"], "lr": fast, "peak": fast, "weight_decay": decay},
            {"params": groups["plain"], "lr": fast, "peak": fast, "weight_decay": 0.0},
            {"params": groups["slow"], "peak": config.ssm_learning_rate, "weight_decay": 0.0},
        ],
        lr=config.ssm_learning_rate,
        fused=on_gpu or None,
        capturable=on_gpu,
    )
    for group in optimizer.param_groups if on_gpu else []:
        group["lr"] = torch.tensor(group["lr"], device=network.encoder.weight.device)
    return optimizer
