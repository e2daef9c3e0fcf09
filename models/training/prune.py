"""Magnitude pruning with fine-tuning: the smallest synapses become 0, the rest learns to do without.

Only synapses that a program stores one by one are pruned: the mixing matrices, but for a linear mixing before the
readout, which is multiplied into the readout's own matrix when the network is compiled. Over the first half of the
epochs the share of zeros rises as 1 - (1 - t)^3 does (Zhu and Gupta, "To prune, or not to prune", 2017), from the
weights' magnitudes at each epoch's start; a weight that is 0 stays 0. The last epochs train under the final mask.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from models.layers.weights import save_tensors, write_json
from models.network.config import read_json
from models.network.spiking_ssm import SpikingSSM
from models.tasks import Part, Task, load_task
from models.training.batches import batches
from models.training.config import TrainConfig
from models.training.folder import CONFIG, WEIGHTS, load_folder
from models.training.measure import Figures, largest_state, measure
from models.training.optimizer import make_optimizer, one_cycle
from models.training.step import DirectStep
from toolchain.errors import InputError

RAMP = 0.5
"""Share of the epochs over which zeros become more."""
SCOPES = ("global", "layer")


@dataclass(frozen=True)
class Pruning:
    """What to prune and how to fine-tune.

    Attributes:
        sparsity: share of zeros in the pruned matrices at the end.
        scope: "global": the smallest of all matrices together; "layer": the same share of each.
        epochs: passes over the training part.
        learning_rate: peak, as a share of the one the network was trained with.
        seed: of batches, augmentation and dropout.
    """

    sparsity: float
    scope: str = "global"
    epochs: int = 60
    learning_rate: float = 0.3
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.sparsity < 1:
            raise InputError("prune.sparsity", f"{self.sparsity:g} is not between 0 and 1", "choose e.g. 0.8")
        if self.scope not in SCOPES:
            raise InputError("prune.scope", f"there is no {self.scope!r}", f"choose from {', '.join(SCOPES)}")
        if self.epochs < 2:
            raise InputError("prune.epochs", f"{self.epochs} leave none to train under the mask", "give 2 or more")

    def share(self, epoch: int) -> float:
        """Share of zeros from the start of an epoch (counted from 0) on."""
        along = min(1.0, (epoch + 1) / max(1.0, RAMP * self.epochs))
        return float(self.sparsity * (1.0 - (1.0 - along) ** 3))

    def is_final(self, epoch: int) -> bool:
        """Whether the mask is the last one in this epoch."""
        return epoch + 1 >= RAMP * self.epochs


@dataclass(frozen=True)
class PruneProgress:
    """One finished epoch, for the caller's display."""

    epoch: int
    epochs: int
    sparsity: float
    train_loss: float
    validation: Figures


@dataclass(frozen=True)
class Pruned:
    """What came out: figures before, and of the chosen weights; shares of zeros by matrix."""

    folder: Path
    before: Figures
    validation: Figures
    test: Figures
    best_epoch: int
    zeros: Mapping[str, float]


def prunable(network: SpikingSSM) -> dict[str, nn.Parameter]:
    """The matrices that a program stores synapse by synapse, by name.

    Raises:
        InputError: there is none.
    """
    last = network.config.blocks - (1 if network.config.mix == "linear" else 0)
    found = {
        name: parameter
        for index, block in enumerate(network.block_list())
        for name, parameter in block.mix.named_parameters(f"blocks.{index}.mix")
        if index < last and parameter.ndim == 2
    }
    if not found:
        raise InputError("prune", "the network has no matrix between blocks", "prune one of two blocks or more")
    return found


def masks_of(weights: Mapping[str, Tensor], share: float, scope: str = "global") -> dict[str, Tensor]:
    """1 where a weight is kept, 0 for the given share of smallest magnitude; zeros go first, so masks only shrink.

    Args:
        weights: matrices by name.
        share: of all elements together, or of each matrix ("layer").
        scope: one of `SCOPES`.
    """
    if scope == "layer":
        return {name: _mask(weight.detach().abs(), share) for name, weight in weights.items()}
    kept = _mask(torch.cat([weight.detach().abs().flatten() for weight in weights.values()]), share)
    parts = torch.split(kept, [weight.numel() for weight in weights.values()])
    return {name: part.view_as(weight) for (name, weight), part in zip(weights.items(), parts, strict=True)}


def _mask(magnitudes: Tensor, share: float) -> Tensor:
    # A stable order: of equal magnitudes the first go, on every machine.
    order = magnitudes.flatten().argsort(stable=True)
    kept = torch.ones_like(magnitudes).flatten()
    kept[order[: round(share * len(order))]] = 0
    return kept.view_as(magnitudes)


def zeros_of(network: SpikingSSM) -> dict[str, float]:
    """Share of zeros of each prunable matrix."""
    return {name: float((weight == 0).double().mean()) for name, weight in prunable(network).items()}


class Pruner:
    """One run: a trained network, its task, and how to prune it."""

    def __init__(self, network: SpikingSSM, task: Task, training: TrainConfig, pruning: Pruning) -> None:
        self.network, self.task, self.pruning = network, task, pruning
        rate, slow = training.learning_rate * pruning.learning_rate, training.ssm_learning_rate * pruning.learning_rate
        changes: dict[str, Any] = {"learning_rate": rate, "ssm_learning_rate": slow, "ema": 0.0, "refit": 0}
        self.training = replace(training, epochs=pruning.epochs, seed=pruning.seed, **changes)
        self.weights = prunable(network)
        self.step = DirectStep(network, make_optimizer(network, self.training), self.training, task.distortion)

    def run(self, on_epoch: Callable[[PruneProgress], None] | None = None) -> tuple[Figures, int]:
        """Prune and fine-tune; the network is left with the weights of the final mask that validated best.

        Returns:
            Their figures on the validation part, and their epoch, counted from 1.
        """
        best: Figures | None = None
        for epoch in range(self.pruning.epochs):
            torch.manual_seed(self.pruning.seed * 1_000_003 + epoch)
            masks = masks_of(self.weights, self.pruning.share(epoch), self.pruning.scope)
            loss = self._pass(epoch, masks)
            found = measure(self.network, self.task.validation)
            if self.pruning.is_final(epoch) and (best is None or found.merit > best.merit):
                best, best_epoch = found, epoch + 1
                kept = {name: tensor.clone() for name, tensor in self.network.state_dict().items()}
            if on_epoch is not None:
                on_epoch(PruneProgress(epoch + 1, self.pruning.epochs, self.pruning.share(epoch), loss, found))
        assert best is not None  # the last epoch's mask is the final one
        self.network.load_state_dict(kept)
        return best, best_epoch

    def _pass(self, epoch: int, masks: Mapping[str, Tensor]) -> float:
        """All batches of an epoch under a mask; returns the mean loss."""
        rng = np.random.default_rng((self.pruning.seed, epoch))
        self.network.train()
        self._apply(masks)
        part = self.task.train
        inputs, labels = torch.from_numpy(self._inputs(part, rng)), torch.from_numpy(part.labels)
        lengths = None if part.lengths is None else torch.from_numpy(part.lengths)
        order = batches(len(part), self.training.batch_size, self.task.steps, part.lengths, rng, torch.device("cpu"))
        total = 0.0
        for number, (chosen, steps) in enumerate(order):
            factor = one_cycle((epoch + number / len(order)) / self.pruning.epochs)
            wanted = labels[chosen] if labels.ndim == 1 else labels[chosen, :steps]
            loss = self.step(inputs[chosen, :steps], wanted, factor, None if lengths is None else lengths[chosen])
            self._apply(masks)
            total += float(loss) * len(chosen)
        if not math.isfinite(total):
            raise InputError(f"epoch {epoch + 1}", f"the loss is {total}", "lower the learning rate")
        return total / len(part)

    def _inputs(self, part: Part, rng: np.random.Generator) -> Any:
        if not self.training.augment or self.task.augment is None:
            return part.inputs
        return self.task.augment(part.inputs, rng, self.training.augment)

    @torch.no_grad()
    def _apply(self, masks: Mapping[str, Tensor]) -> None:
        for name, mask in masks.items():
            self.weights[name].mul_(mask)


def prune(
    start: Path, folder: Path, pruning: Pruning, on_epoch: Callable[[PruneProgress], None] | None = None
) -> Pruned:
    """Prune the network of a finished run and write a folder as training does.

    Args:
        start: folder of the run.
        folder: gets model.safetensors and config.json.
        pruning: what and how.
        on_epoch: called after every epoch.

    Raises:
        InputError: `start` holds no network, or one without anything to prune.
    """
    trained = load_folder(start)
    network, task = trained.network, load_task(trained.task)
    before = measure(network, task.validation, step_by_step=True)
    with torch.random.fork_rng(devices=[]):
        _, best_epoch = Pruner(network, task, trained.training, pruning).run(on_epoch)
    validation, test = (measure(network, part, step_by_step=True) for part in (task.validation, task.test))
    zeros = zeros_of(network)
    save_tensors(folder / WEIGHTS, network.state_dict())
    figures = {
        "best_epoch": best_epoch,
        "largest_state": largest_state(network, task.validation),
        "validation": validation.to_mapping(),
        "test": test.to_mapping(),
        "pruning": asdict(pruning) | {"zeros": zeros},
        "start": {name: read_json(start / CONFIG)[name] for name in ("training", "figures")},
    }
    training = replace(trained.training, epochs=pruning.epochs, seed=pruning.seed).to_mapping()
    settings = {"task": task.name, "network": network.config.to_mapping(), "training": training}
    write_json(folder / CONFIG, settings | {"format": 1, "figures": figures})
    return Pruned(folder, before, validation, test, best_epoch, zeros)
