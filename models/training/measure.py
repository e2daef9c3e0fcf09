"""What a network does on one part of a task: accuracy, loss, spike rates, largest state."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from models.network.spiking_ssm import Output, SpikingSSM, step_mask
from models.tasks import Part

Run = Callable[..., Output]
"""From inputs and, where there are some, lengths."""

Batch = tuple[Tensor, Tensor, Tensor | None]
"""Inputs, labels and lengths."""

BATCH = 256
GPU_BATCH = 2048
"""A GPU takes as long for a step of few sequences as for one of many."""

BYTES_A_VALUE = 256
"""Of a GPU's memory for each value of one array of (batch, channels, steps), so that the others fit beside it."""


def batch_size(network: SpikingSSM, steps: int) -> int:
    """Sequences of so many steps to run at once where the network is."""
    device = network.encoder.weight.device
    if device.type == "cpu":
        return BATCH
    arrays = 1 + network.config.blocks // 4
    values = torch.cuda.get_device_properties(device).total_memory // BYTES_A_VALUE
    return max(1, min(GPU_BATCH, values // (arrays * network.config.channels * steps)))


@dataclass(frozen=True)
class Figures:
    """Measured on one part.

    Attributes:
        samples: sequences measured.
        accuracy: share of right decisions.
        loss: mean cross-entropy of a decision, nats.
        spike_rates: spikes a neuron and step, one number a block and stage.
        bits_per_symbol: the loss in bits, for networks that decide at every step; else None.
    """

    samples: int
    accuracy: float
    loss: float
    spike_rates: tuple[float, ...]
    bits_per_symbol: float | None = None

    @property
    def mean_rate(self) -> float:
        """Mean over the blocks, which are equally wide."""
        return sum(self.spike_rates) / len(self.spike_rates)

    @property
    def merit(self) -> tuple[float, float]:
        """The larger the better: accuracy, then loss; the loss alone where there is a decision every step."""
        return (self.accuracy if self.bits_per_symbol is None else 0.0, -self.loss)

    def to_mapping(self) -> dict[str, Any]:
        """For JSON."""
        known = {name: value for name, value in asdict(self).items() if value is not None}
        return known | {"mean_rate": self.mean_rate}

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> Figures:
        """Figures as `to_mapping` gave them."""
        known = {spec.name: values[spec.name] for spec in fields(cls) if spec.name in values}
        return cls(**known | {"spike_rates": tuple(values["spike_rates"])})

    def __str__(self) -> str:
        if self.bits_per_symbol is not None:
            return f"{self.bits_per_symbol:.4f} bits a symbol"
        return f"{100 * self.accuracy:.2f} %"


@dataclass
class _Sums:
    """Over the decisions so far."""

    decisions: int = 0
    right: int = 0
    loss: float = 0.0
    steps: float = 0.0
    spikes: Tensor | float = 0.0

    def add(self, output: Output, labels: Tensor, lengths: Tensor | None) -> None:
        steps = output.spikes[0].shape[-1]
        whole = torch.full((len(labels),), steps, device=labels.device) if lengths is None else lengths
        mask = step_mask(whole, steps)
        counted = mask.bool() if labels.ndim == 2 else torch.ones_like(labels, dtype=torch.bool)
        entropy = nn.functional.cross_entropy(output.logits, labels, reduction="none")
        self.decisions += int(counted.sum())
        self.right += int(((output.logits.argmax(1) == labels) & counted).sum())
        self.loss += float(entropy[counted].double().sum())
        self.steps += float(mask.sum())
        fired = [(spikes.abs().mean(1) * mask).double().sum() for spikes in output.spikes]
        self.spikes = self.spikes + torch.stack(fired).cpu()


@torch.no_grad()
def measure(network: SpikingSSM, part: Part, step_by_step: bool = False) -> Figures:
    """Run the network on a part, without dropout; what is padding counts nowhere.

    Args:
        network: is put into evaluation mode and left there.
        part: what to run it on.
        step_by_step: use the recurrence (what a chip does) instead of the convolution.
    """
    network.eval()
    run = network.unroll if step_by_step else network.__call__
    return measured(run, parts_of(network, part), len(part), network.config.decode)


@torch.no_grad()
def measured(run: Run, parts: Iterable[Batch], samples: int, decode: str) -> Figures:
    """What `run` does on the batches of a part of so many samples, for a network that decodes so."""
    sums = _Sums()
    for inputs, labels, lengths in parts:
        sums.add(run(inputs) if lengths is None else run(inputs, lengths), labels, lengths)
    loss, rates = sums.loss / sums.decisions, torch.as_tensor(sums.spikes) / sums.steps
    bits = loss / math.log(2) if decode == "every-step" else None
    return Figures(samples, sums.right / sums.decisions, loss, tuple(rates.tolist()), bits)


def parts_of(network: SpikingSSM, part: Part, together: int | None = None) -> Iterator[Batch]:
    """Batches where the network is; sequences of similar lengths together, cut to fit.

    Args:
        network: whose device and size decide.
        part: what to cut into batches.
        together: sequences a batch, in place of what the network's size allows.
    """
    device = network.encoder.weight.device
    order = np.arange(len(part)) if part.lengths is None else np.argsort(part.lengths, kind="stable")
    batch = together or batch_size(network, part.inputs.shape[1])
    for start in range(0, len(part), batch):
        chosen = order[start : start + batch]
        lengths = None if part.lengths is None else part.lengths[chosen]
        steps = part.inputs.shape[1] if lengths is None else int(lengths.max())
        labels = part.labels[chosen] if part.labels.ndim == 1 else part.labels[chosen, :steps]
        yield (
            torch.from_numpy(part.inputs[chosen, :steps]).to(device),
            torch.from_numpy(labels).to(device),
            None if lengths is None else torch.from_numpy(lengths).to(device),
        )


@torch.no_grad()
def classify(network: SpikingSSM, inputs: NDArray[Any], lengths: NDArray[np.int64] | None = None) -> NDArray[np.int64]:
    """Decisions of the network, step by step as on a chip.

    Args:
        network: is put into evaluation mode and left there.
        inputs: (samples, steps, channels) values, or (samples, steps) symbols.
        lengths: (samples,) steps that count, or None for all.

    Returns:
        (samples,); or (samples, steps) where the network decides at every step.
    """
    network.eval()
    device = network.encoder.weight.device
    batch = batch_size(network, inputs.shape[1])
    classes = []
    for start in range(0, len(inputs), batch):
        count = None if lengths is None else torch.from_numpy(lengths[start : start + batch]).to(device)
        output = network.unroll(torch.from_numpy(inputs[start : start + batch]).to(device), count)
        classes.append(output.logits.argmax(1))
    return torch.cat(classes).cpu().numpy().astype(np.int64)


@torch.no_grad()
def largest_state(network: SpikingSSM, part: Part) -> float:
    """Largest magnitude of a real or imaginary part of any mode over a part, in the network's own units."""
    network.eval()
    largest = torch.zeros((), device=network.encoder.weight.device)
    for inputs, _, lengths in parts_of(network, part):
        state, plan = network.initial_state(len(inputs)), network.plan()
        for step, sample in enumerate(inputs.unbind(1)):
            _, _, state = network.step(sample, state, plan)
            for block in state:
                reached = torch.view_as_real(block.modes).abs().amax((1, 2, 3))
                counted = reached if lengths is None else reached * (step < lengths)
                largest = torch.maximum(largest, counted.max())
    return float(largest)
