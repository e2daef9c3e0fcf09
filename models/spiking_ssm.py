"""SpikingSSM: a residual stream through blocks of S4D, spiking soma and a linear mixing of the spikes.

    u_0 = encoder(input);   s_k = soma_k(s4d_k(u_k));   u_{k+1} = u_k + W_k s_k + b_k
    logits = mean over time of readout(u_K)

(Shen et al., "SpikingSSMs", AAAI 2025, with linear mixing in place of the gated linear unit and no normalization, so
that everything between blocks is a sum of synapses on spikes.) `forward` is parallel in time, `step` takes and
returns the state; they are the same function but for the rounding of floats.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from models.config import NetworkConfig
from models.s4d import S4D, Coefficients
from models.soma import Soma


class BlockState(NamedTuple):
    """State of one block between steps: modes (batch, channels, modes) complex, membranes (batch, channels)."""

    modes: Tensor
    membrane: Tensor


class StepPlan(NamedTuple):
    """What `Block.step` needs of its parameters, computed once for a sequence."""

    coefficients: Coefficients
    theta: Tensor


class Output(NamedTuple):
    """Result for a whole sequence.

    Attributes:
        logits: (batch, classes), the mean over time.
        spikes: one (batch, channels, steps) tensor a block, 0 or 1.
    """

    logits: Tensor
    spikes: tuple[Tensor, ...]


class Block(nn.Module):
    """One S4D layer, its soma, and the linear mixing back into the stream."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.ssm = S4D(config.channels, config.modes, config.dt_min, config.dt_max)
        self.soma = Soma(config.channels)
        self.mix = nn.Linear(config.channels, config.channels)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, stream: Tensor) -> tuple[Tensor, Tensor]:
        """Stream (batch, channels, steps) to the next stream and the spikes, in the same shape."""
        spikes: Tensor = self.soma(self.ssm(stream))
        weight = self.mix.weight.expand(len(spikes), -1, -1)
        if self.training and self.dropout.p > 0:
            # Whole channels of a sample are dropped: columns of its weights, which are fewer than its spikes.
            weight = weight * self.dropout(spikes.new_ones(len(spikes), 1, len(self.mix.weight)))
        return torch.baddbmm(stream + self.mix.bias[:, None], weight, spikes), spikes

    def plan(self) -> StepPlan:
        """Discrete coefficients and thresholds for `step`."""
        return StepPlan(self.ssm.discretize(), self.soma.threshold())

    def initial_state(self, batch: int) -> BlockState:
        """All zero."""
        modes = self.ssm.initial_state(batch)
        return BlockState(modes, torch.zeros_like(modes[..., 0].real))

    def step(self, stream: Tensor, state: BlockState, plan: StepPlan) -> tuple[Tensor, Tensor, BlockState]:
        """One step: stream (batch, channels) to the next stream, the spikes, and the state."""
        drive, modes = self.ssm.step(stream, state.modes, plan.coefficients)
        spikes, membrane = self.soma.step(drive, state.membrane, plan.theta)
        return stream + self.mix(spikes), spikes, BlockState(modes, membrane)


class SpikingSSM(nn.Module):
    """The whole network for inputs of (batch, steps, inputs) and one class a sequence."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = nn.Linear(config.inputs, config.channels)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.blocks))
        self.readout = nn.Linear(config.channels, config.classes)

    def block_list(self) -> list[Block]:
        """The blocks in order, as what they are (ModuleList forgets the type)."""
        return [block for block in self.blocks if isinstance(block, Block)]

    def forward(self, inputs: Tensor) -> Output:
        """Parallel in time: inputs (batch, steps, inputs)."""
        stream = torch.matmul(self.encoder.weight, inputs.transpose(1, 2)) + self.encoder.bias[:, None]
        spikes = []
        for block in self.block_list():
            stream, fired = block(stream)
            spikes.append(fired)
        return Output(self.readout(stream.mean(-1)), tuple(spikes))

    def plan(self) -> tuple[StepPlan, ...]:
        """One plan a block."""
        return tuple(block.plan() for block in self.block_list())

    def initial_state(self, batch: int) -> tuple[BlockState, ...]:
        """State before the first step."""
        return tuple(block.initial_state(batch) for block in self.block_list())

    def step(
        self, inputs: Tensor, state: tuple[BlockState, ...], plan: tuple[StepPlan, ...]
    ) -> tuple[Tensor, tuple[Tensor, ...], tuple[BlockState, ...]]:
        """One step.

        Args:
            inputs: (batch, inputs).
            state: from `initial_state` or the step before.
            plan: from `plan`, for these parameters.

        Returns:
            Logits of this step (batch, classes), the spikes of each block (batch, channels), and the next state.
        """
        stream = self.encoder(inputs)
        spikes, after = [], []
        for block, block_state, block_plan in zip(self.block_list(), state, plan, strict=True):
            stream, fired, block_state = block.step(stream, block_state, block_plan)
            spikes.append(fired)
            after.append(block_state)
        return self.readout(stream), tuple(spikes), tuple(after)

    @torch.no_grad()
    def unroll(self, inputs: Tensor) -> Output:
        """`forward` computed step by step from the zero state: what a chip does. No gradient, no dropout."""
        state, plan = self.initial_state(len(inputs)), self.plan()
        logits, spikes = [], []
        for sample in inputs.unbind(1):
            step_logits, fired, state = self.step(sample, state, plan)
            logits.append(step_logits)
            spikes.append(torch.stack(fired))
        by_block = torch.stack(spikes, dim=-1).unbind(0)
        return Output(torch.stack(logits).mean(0), by_block)
