"""Gates and second stages in exact integers, with the gradient of their float selves where the integers are.

    sigmoid gate    message = floor(content table[floor(opening / 2^index_shift) + index_offset])
    binary gate     message = content where opening >= threshold, else 0
    second stage    1 where drive >= threshold, else 0

An index past an end of the table takes that end's entry. The meaning is that of `toolchain/ir/neurons/gate.py` and
`lif.py`; the tests hold these lines to it. Gradients: the sigmoid's own and not the table's; the triangle of
`models.layers.mixing` for what is compared.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from models.layers.binary_s4d import spike
from models.qat.grid import Fire, Gate
from models.qat.straight import straight_through


class _SigmoidGate(torch.autograd.Function):
    """content * sigmoid(opening / unit); what is kept for the gradient is the two factors alone."""

    @staticmethod
    def forward(ctx: Any, content: Tensor, opening: Tensor, unit: Tensor, shares: Tensor, gate: Gate) -> Tensor:
        ctx.save_for_backward(content, opening, unit)
        # 24 bits times 2^-shift, and float64 for 24 bits times a share of at most 17: all of it is exact.
        index = (opening * 2.0**-gate.index_shift).floor_().add_(gate.index_offset).clamp_(0, len(shares) - 1)
        return shares[index.to(torch.int64)].mul_(content).floor_().to(content.dtype)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None, None, None]:
        content, opening, unit = ctx.saved_tensors
        share = torch.sigmoid(opening / unit[:, None])
        passed = gradients[0] * share
        return passed, passed * content * (1 - share) / unit[:, None], None, None, None


def gated(content: Tensor, opening: Tensor, gate: Gate, unit: Tensor) -> Tensor:
    """What a gate sends, (batch, channels, steps): whole numbers, as floats.

    Args:
        content, opening: what its registers hold, in the same shape.
        gate: table or threshold.
        unit: integer opening per real drive, (channels,).
    """
    if gate.table is not None:
        message: Tensor = _SigmoidGate.apply(  # type: ignore[no-untyped-call]
            content, opening, unit, gate.table, gate
        )
        return message
    assert gate.threshold is not None
    limit = gate.threshold[:, None]
    return content * spike((opening - limit) / unit[:, None], "triangle", opening >= limit)


def stage(drive: Tensor, fire: Fire, theta: Tensor, unit: Tensor) -> Tensor:
    """Spikes of a second stage, 0 or 1 in the shape of `drive`.

    Args:
        drive: what its register holds, (batch, channels, steps).
        fire: thresholds.
        theta: the real threshold, (channels,), whose gradient is wanted.
        unit: integer drive per real drive, (channels,).
    """
    theta = straight_through(theta, fire.theta)
    return spike(drive / (unit * theta)[:, None] - 1, "triangle", drive >= fire.threshold[:, None])
