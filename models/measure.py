"""What a network does on one part of a task: accuracy, loss, spike rates, largest state."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from models.spiking_ssm import Output, SpikingSSM
from models.tasks import Part

BATCH = 256
GPU_BATCH = 2048
"""A GPU takes as long for a step of few sequences as for one of many."""


def batch_size(network: SpikingSSM) -> int:
    """Sequences to run at once where the network is."""
    return BATCH if network.encoder.weight.device.type == "cpu" else GPU_BATCH


@dataclass(frozen=True)
class Figures:
    """Measured on one part.

    Attributes:
        samples: sequences measured.
        accuracy: share of right decisions.
        loss: mean cross-entropy, nats.
        spike_rates: spikes a neuron and step, one number a block.
    """

    samples: int
    accuracy: float
    loss: float
    spike_rates: tuple[float, ...]

    @property
    def mean_rate(self) -> float:
        """Mean over the blocks, which are equally wide."""
        return sum(self.spike_rates) / len(self.spike_rates)

    def to_mapping(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self) | {"mean_rate": self.mean_rate}


@torch.no_grad()
def measure(network: SpikingSSM, part: Part, step_by_step: bool = False) -> Figures:
    """Run the network on a part, without dropout.

    Args:
        network: is put into evaluation mode and left there.
        part: what to run it on.
        step_by_step: use the recurrence (what a chip does) instead of the convolution.
    """
    network.eval()
    run = network.unroll if step_by_step else network.__call__
    device = network.encoder.weight.device
    right, loss, spikes = 0, 0.0, torch.zeros(network.config.blocks, dtype=torch.float64)
    batch = batch_size(network)
    for start in range(0, len(part), batch):
        labels = torch.from_numpy(part.labels[start : start + batch]).to(device)
        output: Output = run(torch.from_numpy(part.inputs[start : start + batch]).to(device))
        right += int((output.logits.argmax(1) == labels).sum())
        loss += float(nn.functional.cross_entropy(output.logits, labels, reduction="sum"))
        spikes += torch.stack([fired.double().mean((1, 2)).sum() for fired in output.spikes]).cpu()
    total = len(part)
    return Figures(total, right / total, loss / total, tuple((spikes / total).tolist()))


@torch.no_grad()
def classify(network: SpikingSSM, inputs: NDArray[np.float32]) -> NDArray[np.int64]:
    """Decisions of the network, step by step as on a chip: (samples, steps, channels) to (samples,)."""
    network.eval()
    device = network.encoder.weight.device
    batch = batch_size(network)
    batches = (torch.from_numpy(inputs[start : start + batch]).to(device) for start in range(0, len(inputs), batch))
    classes = torch.cat([network.unroll(chosen).logits.argmax(1) for chosen in batches])
    return classes.cpu().numpy().astype(np.int64)


@torch.no_grad()
def largest_state(network: SpikingSSM, part: Part) -> float:
    """Largest magnitude of a real or imaginary part of any mode over a part, in the network's own units."""
    network.eval()
    inputs = torch.from_numpy(part.inputs).to(network.encoder.weight.device)
    state, plan = network.initial_state(len(inputs)), network.plan()
    largest = 0.0
    for sample in inputs.unbind(1):
        _, _, state = network.step(sample, state, plan)
        largest = max(largest, *(float(torch.view_as_real(block.modes).abs().max()) for block in state))
    return largest
