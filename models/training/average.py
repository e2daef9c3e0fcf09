"""A moving average of the weights (Polyak; Izmailov et al., 2018): a second network that follows the trained one."""

from __future__ import annotations

import copy

import torch
from torch import Tensor

from models.network.spiking_ssm import SpikingSSM


class Average:
    """Follows a network: average <- decay average + (1 - decay) weights, after every step.

    Attributes:
        network: with the averaged weights and statistics; what is measured and chosen.
    """

    def __init__(self, network: SpikingSSM, decay: float) -> None:
        self.decay = decay
        self.network = copy.deepcopy(network)
        self.network.requires_grad_(False)
        self._pairs: tuple[list[Tensor], list[Tensor]] = (
            list(self.network.state_dict(keep_vars=False).values()),
            list(network.state_dict(keep_vars=False).values()),
        )

    @torch.no_grad()
    def follow(self) -> None:
        """One step."""
        torch._foreach_lerp_(self._pairs[0], self._pairs[1], 1 - self.decay)
