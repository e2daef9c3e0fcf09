"""What the spikes s of a block add to the stream: four forms, each on (batch, channels, steps) or (batch, channels).

    linear        z = W s + b
    glu           z = (W_v s + b_v) * sigmoid(W_g s + b_g)                  as both papers have it
    binary-gate   z = W_v s + b_v where W_g s + b_g >= 0, else 0            a select in place of the product
    two-stage     z = W_2 s' + b_2,  s' = 1 where W_1 s + b_1 >= theta      two spike-driven matrices, as in PRF's block

(Gated linear unit: Dauphin et al., 2017. Two stages: "PRF: Parallel Resonate and Fire", 2024.) All matrices act on
spikes; only the gate's product is graded. The gradients of the binary gate and of the second stage are triangles.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from models.kernels.rows import by_rows, has_kernels, of_rows, product, rows_of
from models.layers.binary_s4d import spike


def synapses(weight: Tensor, bias: Tensor, signal: Tensor, kept: Tensor | None = None) -> Tensor:
    """weight signal + bias over the channels.

    Args:
        weight: (outputs, channels).
        bias: (outputs,).
        signal: (batch, channels) or (batch, channels, steps).
        kept: factors (batch, 1, channels) on the columns of each sample's weights: dropout of whole channels.
    """
    if signal.ndim == 2:
        return nn.functional.linear(signal, weight, bias)
    if by_rows(signal):
        return of_rows(_product(weight, signal, kept) + bias[:, None], len(signal))
    matrices = weight.expand(len(signal), -1, -1)
    return torch.baddbmm(bias[:, None], matrices if kept is None else matrices * kept, signal)


def _product(weight: Tensor, signal: Tensor, kept: Tensor | None) -> Tensor:
    """The same without the bias as rows, (outputs, batch * steps)."""
    passed = signal if kept is None else signal * kept.transpose(1, 2)
    return product(weight, rows_of(passed), len(signal))


class _Sum(torch.autograd.Function):
    """Stream plus what arrives plus bias, all as rows; gated where twice the stream's rows arrive."""

    @staticmethod
    def forward(ctx: Any, stream: Tensor, arriving: Tensor, bias: Tensor) -> Tensor:
        from models.kernels import mixing_triton

        ctx.gated = len(arriving) > len(stream)
        ctx.save_for_backward(*((arriving, bias) if ctx.gated else ()))
        return mixing_triton.add(stream, arriving, bias)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        from models.kernels import mixing_triton

        grad = gradients[0].contiguous()
        return grad, *(mixing_triton.gate_backward(grad, *ctx.saved_tensors) if ctx.gated else (grad, grad.sum(1)))


def _added(mixing: Mixing, stream: Tensor, spikes: Tensor, kept: Tensor | None) -> Tensor:
    """The next stream of a linear mixing or a gated linear unit, by the fused kernels."""
    rows = rows_of(stream), _product(mixing.weight, spikes, kept), mixing.bias
    after: Tensor = _Sum.apply(*rows)  # type: ignore[no-untyped-call]
    return of_rows(after, len(stream))


class Mixing(nn.Module):
    """Base: a matrix on the spikes. Its `weight` has `outputs` rows a channel of the stream."""

    outputs = 1

    def __init__(self, channels: int) -> None:
        super().__init__()
        like = nn.Linear(channels, self.outputs * channels)
        self.weight, self.bias = like.weight, like.bias

    def forward(
        self, stream: Tensor, spikes: Tensor, drive: Tensor, kept: Tensor | None
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """The next stream, and the spikes of further stages.

        Args:
            stream: what is added to.
            spikes: of the soma.
            drive: of the soma; only the gated spiking unit reads it.
            kept: see `synapses`.
        """
        raise NotImplementedError


class Linear(Mixing):
    """z = W s + b."""

    def forward(
        self, stream: Tensor, spikes: Tensor, drive: Tensor, kept: Tensor | None
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        if spikes.ndim == 2:
            return stream + nn.functional.linear(spikes, self.weight, self.bias), ()
        if has_kernels(spikes):
            return _added(self, stream, spikes, kept), ()
        # Whole channels of a sample are dropped: columns of its weights, which are fewer than its spikes.
        weight = self.weight.expand(len(spikes), -1, -1)
        weight = weight if kept is None else weight * kept
        return torch.baddbmm(stream + self.bias[:, None], weight, spikes), ()


class Gated(Mixing):
    """The gated linear unit: value and gate are the halves of one matrix."""

    outputs = 2
    fused = True

    def forward(
        self, stream: Tensor, spikes: Tensor, drive: Tensor, kept: Tensor | None
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        if self.fused and has_kernels(spikes):
            return _added(self, stream, spikes, kept), ()
        return stream + self.passed(synapses(self.weight, self.bias, spikes, kept)), ()

    def passed(self, both: Tensor) -> Tensor:
        """Of value and gate, one after the other along the channels, what passes."""
        return nn.functional.glu(both, dim=1)


class BinaryGated(Gated):
    """The value passes whole where the gate's drive is not negative."""

    fused = False

    def passed(self, both: Tensor) -> Tensor:
        """The value, or 0."""
        value, gate = both.chunk(2, dim=1)
        return value * spike(gate, "triangle")


class TwoStage(Mixing):
    """A second stage of stateless spikes between two matrices."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        second = nn.Linear(channels, channels)
        self.second_weight, self.second_bias = second.weight, second.bias
        self.ln_vth = nn.Parameter(torch.full((channels,), -1.0))

    def threshold(self) -> Tensor:
        """theta of the second stage, (channels,), positive."""
        return torch.exp(self.ln_vth)

    def forward(
        self, stream: Tensor, spikes: Tensor, drive: Tensor, kept: Tensor | None
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        first = synapses(self.weight, self.bias, spikes, kept)
        theta = self.threshold() if first.ndim == 2 else self.threshold()[:, None]
        # Compared as it is and not as a quotient, which would round.
        again = spike(first / theta - 1, "triangle", first >= theta)
        return stream + synapses(self.second_weight, self.second_bias, again), (again,)
