"""SpikingSSM: a residual stream through blocks of S4D, spiking soma and a mixing of the spikes.

    u_0 = encoder(input);   s_k = soma_k(s4d_k(norm_k(u_k)));   u_{k+1} = u_k + mix_k(s_k)
    logits = mean over time of readout(u_K), or readout(u_K) at every step

(Shen et al., "SpikingSSMs", AAAI 2025: LIF soma, gated linear unit, no normalization in effect on most tasks.) By
default the mixing is linear, W s + b, so that everything between blocks is a sum of synapses on spikes; `NetworkConfig`
and `systems.py` name the other choices. Inputs are values, or symbols that each stand for a unit vector. `forward` is
parallel in time, `step` takes and returns the state; they are the same function but for the rounding of floats.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from models.kernels.choice import is_wide
from models.kernels.chunks import Filter
from models.kernels.mixing import at_every_step
from models.layers.bidirectional import BidirectionalS4D
from models.layers.binary_s4d import ThresholdSoma
from models.layers.gsu import GatedSpikingUnit, Ternary
from models.layers.mixing import BinaryGated, Gated, Linear, Mixing, TwoStage
from models.layers.normalization import StreamNorm
from models.layers.s4d import S4D, Coefficients
from models.layers.sdn import SurrogateSoma
from models.layers.soma import Soma
from models.network.config import NetworkConfig
from models.network.filters import filters_of

MIXINGS: dict[str, type[Mixing]] = {
    "linear": Linear,
    "glu": Gated,
    "binary-gate": BinaryGated,
    "two-stage": TwoStage,
}


class BlockState(NamedTuple):
    """State of one block between steps: modes (batch, channels, modes) complex, membranes (batch, channels)."""

    modes: Tensor
    membrane: Tensor


class StepPlan(NamedTuple):
    """What `Block.step` needs of its parameters, computed once for a sequence.

    Attributes:
        coefficients: of the state space, with the norm's scale folded in.
        theta: thresholds of the soma, (channels,).
        offset: what the norm adds to the block's input, (channels,); None without one.
    """

    coefficients: Coefficients
    theta: Tensor
    offset: Tensor | None = None


class Output(NamedTuple):
    """Result for a whole sequence.

    Attributes:
        logits: (batch, classes), the mean over time; or (batch, classes, steps), one decision a step.
        spikes: one (batch, channels, steps) tensor a block and stage: 0 or 1, or also -1 where they are `signed`.
        signed: whether they are ternary.
    """

    logits: Tensor
    spikes: tuple[Tensor, ...]
    signed: bool = False


def make_soma(config: NetworkConfig) -> Soma | ThresholdSoma | Ternary:
    """The soma that a configuration names."""
    start, learned = config.theta_start, config.theta == "learned"
    if config.soma == "threshold":
        return ThresholdSoma(config.channels, config.surrogate, start, learned)
    if config.soma.startswith("ternary"):
        return Ternary(config.channels, config.soma == "ternary-token", start, learned)
    if config.soma == "sdn":
        return SurrogateSoma(config.channels, start, learned)
    return Soma(config.channels, start, learned)


def make_mixing(config: NetworkConfig) -> Mixing:
    """The mixing that a configuration names."""
    if config.mix == "gsu":
        return GatedSpikingUnit(config.channels, config.activation)
    return MIXINGS[config.mix](config.channels)


class Block(nn.Module):
    """One S4D layer, its soma, and the mixing back into the stream."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        kind = S4D if config.direction == "causal" else BidirectionalS4D
        self.ssm = kind(config.channels, config.modes, config.dt_min, config.dt_max)
        self.norm = StreamNorm(config.channels) if config.norm == "batch" else None
        self.soma = make_soma(config)
        self.mix = make_mixing(config)
        self.dropout = nn.Dropout(config.dropout)

    def forward(
        self, stream: Tensor, mask: Tensor | None = None, made: Filter | None = None
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Stream (batch, channels, steps) to the next stream and the spikes, in the same shape.

        Args:
            stream: what enters.
            mask: (batch, 1, steps), 0 where there is only padding; read where the kernel runs backward in time.
            made: see `S4D.forward`.
        """
        entering = stream if self.norm is None else self.norm(stream)
        if mask is not None and isinstance(self.ssm, BidirectionalS4D):
            entering = entering * mask
        drive = self.ssm(entering, made)
        spikes: Tensor = self.soma(drive)
        kept = None
        if self.training and self.dropout.p > 0:
            kept = self.dropout(spikes.new_ones(len(spikes), 1, spikes.shape[1]))
        after, further = self.mix(stream, spikes, drive, kept)
        return after, (spikes, *further)

    def plan(self) -> StepPlan:
        """Discrete coefficients and thresholds for `step`.

        Raises:
            UnsupportedError: the state space runs in both directions of time.
        """
        coefficients, theta = self.ssm.recurrence(), self.soma.threshold()
        if self.norm is None:
            return StepPlan(coefficients, theta)
        scale, offset = self.norm.fold()
        a_bar, c, d = coefficients
        return StepPlan(Coefficients(a_bar, c * scale[:, None], d * scale), theta, offset)

    def initial_state(self, batch: int) -> BlockState:
        """All zero."""
        modes = self.ssm.initial_state(batch)
        return BlockState(modes, torch.zeros_like(modes[..., 0].real))

    def step(self, stream: Tensor, state: BlockState, plan: StepPlan) -> tuple[Tensor, tuple[Tensor, ...], BlockState]:
        """One step: stream (batch, channels) to the next stream, the spikes, and the state."""
        entering = stream if plan.offset is None else stream + plan.offset
        drive, modes = self.ssm.step(entering, state.modes, plan.coefficients)
        spikes, membrane = self.soma.step(drive, state.membrane, plan.theta)
        after, further = self.mix(stream, spikes, drive, None)
        return after, (spikes, *further), BlockState(modes, membrane)


class SpikingSSM(nn.Module):
    """The whole network for inputs of (batch, steps, inputs), or symbols (batch, steps)."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = nn.Linear(config.inputs, config.channels)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.blocks))
        self.readout = nn.Linear(config.channels, config.classes)

    def block_list(self) -> list[Block]:
        """The blocks in order, as what they are (ModuleList forgets the type)."""
        return [block for block in self.blocks if isinstance(block, Block)]

    @property
    def signed(self) -> bool:
        """Whether spikes may be -1."""
        return self.config.mix == "gsu"

    def as_values(self, inputs: Tensor) -> Tensor:
        """Symbols (whole numbers) as unit vectors along a new last axis; values as they are."""
        if inputs.is_floating_point():
            return inputs
        symbols = torch.arange(self.config.inputs, device=inputs.device)
        return (inputs[..., None] == symbols).to(self.encoder.weight.dtype)

    def forward(self, inputs: Tensor, lengths: Tensor | None = None) -> Output:
        """Parallel in time.

        Args:
            inputs: (batch, steps, inputs) values, or (batch, steps) symbols.
            lengths: (batch,) how many first steps of each sequence count; None for all.
        """
        values = self.as_values(inputs).transpose(1, 2)
        mask = None if lengths is None else step_mask(lengths, inputs.shape[1], values.dtype)
        stream = at_every_step(self.encoder, values)
        spikes: list[Tensor] = []
        for block, made in zip(self.block_list(), self._filters(stream), strict=True):
            stream, fired = block(stream, None if mask is None else mask[:, None], made)
            spikes += fired
        return Output(self._decode(stream, mask), tuple(spikes), self.signed)

    def _filters(self, stream: Tensor) -> list[Filter] | list[None]:
        """Those of all blocks, where they are needed and of one direction."""
        layers = [block.ssm for block in self.block_list()]
        if self.config.direction == "causal" and is_wide(stream):
            return filters_of(layers, stream.shape[-1])
        return [None] * len(layers)

    def _decode(self, stream: Tensor, mask: Tensor | None) -> Tensor:
        """Logits of a whole sequence's last stream (batch, channels, steps)."""
        if self.config.decode == "every-step":
            return at_every_step(self.readout, stream)
        if mask is None:
            logits: Tensor = self.readout(stream.mean(-1))
            return logits
        logits = self.readout(torch.bmm(stream, mask[:, :, None])[..., 0] / mask.sum(1, keepdim=True))
        return logits

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
            inputs: (batch, inputs) values or (batch,) symbols.
            state: from `initial_state` or the step before.
            plan: from `plan`, for these parameters.

        Returns:
            Logits of this step (batch, classes), the spikes of each block and stage (batch, channels), the next state.
        """
        stream = self.encoder(self.as_values(inputs))
        spikes: list[Tensor] = []
        after = []
        for block, block_state, block_plan in zip(self.block_list(), state, plan, strict=True):
            stream, fired, block_state = block.step(stream, block_state, block_plan)
            spikes += fired
            after.append(block_state)
        return self.readout(stream), tuple(spikes), tuple(after)

    @torch.no_grad()
    def unroll(self, inputs: Tensor, lengths: Tensor | None = None) -> Output:
        """`forward` computed step by step from the zero state: what a chip does. No gradient, no dropout."""
        state, plan = self.initial_state(len(inputs)), self.plan()
        logits, spikes = [], []
        for sample in inputs.unbind(1):
            step_logits, fired, state = self.step(sample, state, plan)
            logits.append(step_logits)
            spikes.append(torch.stack(fired))
        by_block = torch.stack(spikes, dim=-1).unbind(0)
        all_logits = torch.stack(logits, dim=-1)
        if self.config.decode == "every-step":
            return Output(all_logits, by_block, self.signed)
        if lengths is None:
            return Output(all_logits.mean(-1), by_block, self.signed)
        mask = step_mask(lengths, inputs.shape[1], all_logits.dtype)
        return Output((all_logits * mask[:, None]).sum(-1) / mask.sum(1, keepdim=True), by_block, self.signed)


def step_mask(lengths: Tensor, steps: int, dtype: torch.dtype = torch.float32) -> Tensor:
    """(batch, steps): 1 where a step counts, 0 in the padding."""
    return (torch.arange(steps, device=lengths.device) < lengths[:, None]).to(dtype)
