"""How the surrogate dynamic network (`layers/sdn.py`) is trained, and how often its spikes differ from the exact ones.

As in the paper's code: drives are N(0, 1), the target is the membrane that the exact soma keeps (threshold 1, leak 1/8,
hard reset), the loss is smooth L1, AdamW with a learning rate of 0.01 and cosine annealing. Shorter sequences than the
paper's 1024 steps do, since nothing reaches back over more than eight.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from models.kernels.soma import forward as exact_soma
from models.layers.sdn import SDN, TAPS, TrainableSDN
from models.layers.weights import save_tensors

BATCH, STEPS = 64, 256
UPDATES = 12000
LEARNING_RATE = WEIGHT_DECAY = 0.01
STANDARD_DEVIATIONS = (0.5, 1.0, 2.0, 4.0)
REPORTED = 500
MEASURED_ROWS = 1000


def membranes(drive: Tensor) -> Tensor:
    """What the exact soma keeps before each step, P[t] = v'[t-1] / 8, for drives (rows, steps) and threshold 1."""
    _, before_reset = exact_soma(drive[:, None], torch.ones(1, dtype=drive.dtype, device=drive.device))
    return before_reset[:, 0] - drive


def train_sdn(
    folder: Path,
    seed: int = 0,
    updates: int = UPDATES,
    tell: Callable[[str], None] = lambda line: None,
    rows: int = MEASURED_ROWS,
) -> dict[str, Any]:
    """Train, fuse and measure an SDN; ``folder/sdn.safetensors`` holds it, with the figures as its note.

    Args:
        folder: where to write.
        seed: of the weights and the drives.
        updates: steps of the optimizer.
        tell: is called with a line now and then.
        rows: neurons to measure it on.

    Returns:
        The figures: for each standard deviation of the drive the share of steps whose spikes differ, the spike rate,
        and the mean error of the membrane.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        tensors = _fitted(updates, tell)
    figures = mismatches(SDN(tensors), seed + 1, rows)
    note = {"seed": seed, "updates": updates, "figures": figures}
    save_tensors(folder / "sdn.safetensors", tensors, note)
    return figures


def _fitted(updates: int, tell: Callable[[str], None]) -> dict[str, Tensor]:
    network = TrainableSDN()
    optimizer = torch.optim.AdamW(network.parameters(), LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda k: (1 + math.cos(math.pi * k / updates)) / 2)
    total = 0.0
    for update in range(1, updates + 1):
        drive = torch.randn(BATCH, STEPS)
        loss = nn.functional.smooth_l1_loss(network(drive), membranes(drive))
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
        total += loss.item()
        if update % REPORTED == 0:
            tell(f"update {update}/{updates}  loss {total / REPORTED:.3e}")
            total = 0.0
    return network.eval().fused()


@torch.no_grad()
def mismatches(sdn: SDN, seed: int, rows: int = MEASURED_ROWS, steps: int = 1024) -> dict[str, Any]:
    """How far the SDN is from the exact soma for normal drives of several standard deviations.

    Args:
        sdn: fused.
        seed: of the drives.
        rows, steps: how many neurons over how many steps; the first steps, which have no past, are left out.
    """
    generator = torch.Generator().manual_seed(seed)
    figures = {}
    for deviation in STANDARD_DEVIATIONS:
        drive = deviation * torch.randn(rows, steps, generator=generator)
        kept, predicted = membranes(drive)[:, TAPS:], sdn(drive)[:, TAPS:]
        exact, surrogate = (part + drive[:, TAPS:] >= 1 for part in (kept, predicted))
        figures[f"{deviation:g}"] = {
            "spikes_that_differ": float((exact != surrogate).double().mean()),
            "spike_rate": float(exact.double().mean()),
            "membrane_error": float((kept - predicted).abs().mean()),
        }
    return figures
