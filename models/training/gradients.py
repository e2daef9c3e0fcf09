"""The gradients of one batch: at once, in pieces that are summed, or each of several processes for its share.

All three are gradients of the same loss: the mean over the decisions of the whole batch, and the rate over all its
steps. A piece or a share of n of N decisions counts n / N. Norms are another matter: with processes their statistics
are of the whole batch, with pieces of each piece.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.parallel import DistributedDataParallel

from models.network.spiking_ssm import SpikingSSM
from models.training.config import TrainConfig
from models.training.loss import entropy_of, loss_of, rate_of
from models.training.team import Team


class Piece(NamedTuple):
    """Some sequences of a batch, as `Gradients` takes them."""

    batch: Tensor
    labels: Tensor
    lengths: Tensor | None

    def counts(self) -> Tensor:
        """Decisions and steps that count, (2,)."""
        # Filled where it is: a recorded step cannot copy numbers to a GPU.
        steps = torch.full((), self.batch.shape[0] * self.batch.shape[1], device=self.batch.device)
        if self.lengths is not None:
            steps = self.lengths.sum()
        decisions = steps if self.labels.ndim == 2 else torch.full_like(steps, len(self.labels))
        return torch.stack([decisions, steps]).to(torch.float32)


class Gradients:
    """Adds the gradients of a batch's loss to a network's, and returns the loss.

    With a team, the loss that is returned is such that the mean over the processes is that of the whole batch, and the
    gradients are already the mean.
    """

    def __init__(self, network: SpikingSSM, config: TrainConfig, team: Team | None = None) -> None:
        self.network, self.config, self.team = network, config, team
        self.together: DistributedDataParallel | None = None
        if team is not None:
            devices = [torch.cuda.current_device()] if network.encoder.weight.is_cuda else None
            self.together = DistributedDataParallel(network, device_ids=devices)

    def __call__(self, batch: Tensor, labels: Tensor, lengths: Tensor | None) -> Tensor:
        whole = Piece(batch, labels, lengths)
        if self.team is None and self.config.accumulate == 1:
            output = self.network(batch) if lengths is None else self.network(batch, lengths)
            loss = loss_of(output, labels, self.config, lengths)
            loss.backward()  # type: ignore[no-untyped-call]
            return loss.detach()
        counts, size = whole.counts(), 1
        if self.team is not None:
            counts, size = self.team.sum(counts), self.team.size
        pieces = list(self._pieces(whole))
        losses = [self._piece(piece, size * piece.counts() / counts, last=piece is pieces[-1]) for piece in pieces]
        return torch.stack(losses).sum()

    def _pieces(self, whole: Piece) -> Iterator[Piece]:
        count = min(self.config.accumulate, len(whole.batch))
        lengths = [None] * count if whole.lengths is None else whole.lengths.tensor_split(count)
        for parts in zip(whole.batch.tensor_split(count), whole.labels.tensor_split(count), lengths, strict=True):
            yield Piece(*parts)

    def _piece(self, piece: Piece, shares: Tensor, last: bool) -> Tensor:
        """Of one piece; the shares are those of its decisions and steps."""
        run = self.network if self.together is None else self.together
        with self._quietly(last):
            output = run(piece.batch) if piece.lengths is None else run(piece.batch, piece.lengths)
            entropy = entropy_of(output.logits, piece.labels, piece.lengths, self.config.label_smoothing)
            price = self.config.rate_penalty * rate_of(output, piece.lengths)
            loss: Tensor = shares[0] * entropy + shares[1] * price
            loss.backward()  # type: ignore[no-untyped-call]
        return loss.detach()

    def _quietly(self, last: bool) -> AbstractContextManager[None]:
        """Processes exchange gradients after the last piece alone."""
        return nullcontext() if last or self.together is None else self.together.no_sync()
