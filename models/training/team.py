"""The processes that train one network together, each on its own share of every batch.

What they exchange is little: the gradients, by PyTorch's DistributedDataParallel; the sums of a batch's norms; how many
decisions and steps a batch has. All else each does for itself, from the same seed.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import torch
import torch.distributed as dist
from torch import Tensor

from toolchain.errors import InputError

PATIENCE = timedelta(minutes=10)
"""How long a process waits for another one before it gives up."""


@dataclass(frozen=True)
class Team:
    """One process's place among them.

    Attributes:
        rank: 0 for the one that writes and tells.
        size: processes.
    """

    rank: int
    size: int

    def share(self, chosen: Tensor) -> Tensor:
        """This process's part of a batch's samples, along the first axis; parts differ by one sample at most.

        Raises:
            InputError: there are fewer samples than processes.
        """
        if len(chosen) < self.size:
            found = f"a batch of {len(chosen)} sequences cannot be shared by {self.size} processes"
            raise InputError("devices", found, "take fewer devices, or a larger batch_size")
        return chosen.tensor_split(self.size)[self.rank]

    def sum(self, values: Tensor) -> Tensor:
        """The sum of a tensor over all processes; the tensor itself stays as it is."""
        total = values.clone()
        dist.all_reduce(total)
        return total

    def agrees(self, over: bool) -> bool:
        """Whether any process is over: then all are."""
        device = "cpu" if dist.get_backend() == "gloo" else "cuda"
        return bool(self.sum(torch.tensor(float(over), device=device)) > 0)


@contextmanager
def joined_team(rank: int, size: int, meeting: Path, device: str) -> Iterator[Team]:
    """Meet the other processes, and part from them at the end.

    Args:
        rank, size: see `Team`.
        meeting: a file that none has made yet and all can reach.
        device: ``cpu`` (gloo) or ``cuda`` (NCCL; each process takes the GPU of its rank).
    """
    if device == "cuda":
        torch.cuda.set_device(rank)
    else:
        # All are on this machine; gloo would look the machine's name up, which need not have an address.
        os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    backend = "nccl" if device == "cuda" else "gloo"
    dist.init_process_group(backend, f"file://{meeting}", timeout=PATIENCE, rank=rank, world_size=size)
    try:
        yield Team(rank, size)
    finally:
        dist.destroy_process_group()
