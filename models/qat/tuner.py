"""The steps of fine-tuning: AdamW on the float parameters, with the integers that the compiler makes of them.

Every epoch begins with a calibration, as `seamount deploy` makes it; within the epoch the compiler chooses scales and
integers anew every `refresh_steps` steps. What is measured and chosen after an epoch is the program that `deploy` would
make of the weights then.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from models.network.spiking_ssm import Output, SpikingSSM
from models.qat.compiling import Choice, Compiler
from models.qat.network import QuantizedSSM
from models.tasks import Part, Task
from models.tasks.calibration import calibration_inputs
from models.training.batches import batches
from models.training.config import TrainConfig
from models.training.distort import Distorter
from models.training.loss import entropy_of, rate_of
from models.training.measure import Figures, measured, parts_of
from models.training.optimizer import make_optimizer, one_cycle
from models.training.step import set_learning_rates
from models.training.train import augmented, check_sizes, joined
from toolchain.errors import InputError
from toolchain.quantize.settings import Settings

BATCH, GPU_BATCH = 128, 500
"""Sequences run at once when measuring."""

GPU_ELEMENTS = 2**27
"""Values of one array of (batch, channels, steps) there: 512 MiB, of which a block of gates holds about a dozen."""


@dataclass(frozen=True)
class Plan:
    """How to fine-tune.

    Attributes:
        training: epochs, learning rates and the like; `ema` is not used. With `refit` the validation part is trained on
            too and the last weights are kept: for a network that was trained so, whose validation part is no held-out
            one.
        settings: widths and rules of the compiler.
        refresh_steps: steps of the optimizer between two choices of scales and integers.
        seconds: after which no further epoch is begun.
        distill: share of the loss, 0 to 1, that is the cross-entropy with what the float network said before, in place
            of the labels (Hinton et al. 2015, at a temperature of 1).
        epoch_samples: how many samples an epoch sees, other ones each time; None for all. A choice among programs
            then comes sooner where the training part is large.
    """

    training: TrainConfig
    settings: Settings
    refresh_steps: int = 1
    seconds: float = math.inf
    distill: float = 0.0
    epoch_samples: int | None = None


@dataclass(frozen=True)
class Epoch:
    """One finished epoch, for the caller's display; epoch 0 is the network before."""

    epoch: int
    train_loss: float
    validation: Figures
    best_epoch: int


@dataclass(frozen=True, eq=False)
class Tuned:
    """What came out.

    Attributes:
        choice: the program of the chosen weights, which the network is left with.
        validation: its figures on the validation part.
        best_epoch: 0 for the network before; the last one where the validation part was trained on too.
    """

    choice: Choice
    validation: Figures
    best_epoch: int


class Tuner:
    """A fine-tuning run of one network.

    Args:
        network: trained; its weights move.
        task: data.
        plan: how.

    Raises:
        InputError: a network or task of another form.
        QuantizationError: the network finds no scale at the plan's widths.
    """

    def __init__(self, network: SpikingSSM, task: Task, plan: Plan) -> None:
        check_sizes(task, network.config)
        self.task, self.plan = task, plan
        self.part = joined(task.train, task.validation) if plan.training.refit else task.train
        self.compiler = Compiler(task.name, task.steps, calibration_inputs(task), plan.settings)
        self.network = QuantizedSSM(network)
        self.optimizer = make_optimizer(network, plan.training)
        self.device = network.encoder.weight.device
        limits, strength = task.distortion, plan.training.augment
        self.distorter = Distorter(limits, strength, self.device) if limits is not None and strength else None
        self.teacher = copy.deepcopy(network).eval() if plan.distill else None
        self.choice = self._calibrated()

    def run(self, on_epoch: Callable[[Epoch], None] | None = None) -> Tuned:
        """Fine-tune; the network is left with the weights that did best on the validation part."""
        clock, plain = time.perf_counter(), self.network.network
        figures = self.measure(self.task.validation)
        best, kept = Tuned(self.choice, figures, 0), _copied(plain)
        if on_epoch is not None:
            on_epoch(Epoch(0, math.nan, figures, 0))
        for epoch in range(1, self.plan.training.epochs + 1):
            if time.perf_counter() - clock > self.plan.seconds:
                break
            loss = self._epoch(epoch - 1)
            self.choice = self._calibrated()
            figures = self.measure(self.task.validation)
            if self.plan.training.refit or figures.merit > best.validation.merit:
                best, kept = Tuned(self.choice, figures, epoch), _copied(plain)
            if on_epoch is not None:
                on_epoch(Epoch(epoch, loss, figures, best.best_epoch))
        plain.load_state_dict(kept)
        self.network.adopt(best.choice)
        return best

    def _calibrated(self) -> Choice:
        choice = self.compiler.calibrate(self.network.network)
        self.network.adopt(choice)
        return choice

    def _epoch(self, epoch: int) -> float:
        """One pass over the training part; returns the mean loss."""
        config, part = self.plan.training, self.part
        torch.manual_seed(config.seed * 1_000_003 + epoch)
        rng = np.random.default_rng((config.seed, epoch))
        samples = augmented(self.task, part, rng, config.augment)
        lengths = None if part.lengths is None else torch.from_numpy(part.lengths).to(self.device)
        inputs, labels = torch.from_numpy(samples).to(self.device), torch.from_numpy(part.labels).to(self.device)
        order = batches(len(part), config.batch_size, self.task.steps, part.lengths, rng, self.device)
        if self.plan.epoch_samples is not None:
            order = order[: math.ceil(self.plan.epoch_samples / config.batch_size)]
        # On the device until the end: asking for a number after every step would hold a GPU up.
        total = torch.zeros((), dtype=torch.float64, device=self.device)
        for number, (chosen, steps) in enumerate(order):
            set_learning_rates(self.optimizer, one_cycle((epoch + number / len(order)) / config.epochs))
            if number and number % self.plan.refresh_steps == 0:
                self.network.adopt(self.compiler.choose(self.network.network, self.choice))
            wanted = labels[chosen] if labels.ndim == 1 else labels[chosen, :steps]
            count = None if lengths is None else lengths[chosen]
            total += self._step(inputs[chosen, :steps], wanted, count) * len(chosen)
        if not math.isfinite(total.item()):
            raise InputError(f"epoch {epoch + 1}", f"the loss is {total.item()}", "lower the learning rate")
        return total.item() / sum(len(chosen) for chosen, _ in order)

    def _step(self, batch: Tensor, labels: Tensor, lengths: Tensor | None) -> Tensor:
        """One step of the optimizer; returns the loss before it."""
        self.optimizer.zero_grad()
        batch = self.distorter(batch) if self.distorter else batch
        loss = self._loss(self.network(batch, lengths), batch, labels, lengths)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.network.parameters(), self.plan.training.clip_norm)
        self.optimizer.step()
        return loss.detach()

    def _loss(self, output: Output, batch: Tensor, labels: Tensor, lengths: Tensor | None) -> Tensor:
        """Cross-entropy, with the labels and with the teacher's answer, plus the price of spikes."""
        config, share = self.plan.training, self.plan.distill
        loss = entropy_of(output.logits, labels, lengths, config.label_smoothing)
        if self.teacher is not None:
            with torch.no_grad():
                wanted = self.teacher(batch, lengths).logits.softmax(1)
            loss = (1 - share) * loss + share * entropy_of(output.logits, wanted, lengths)
        return loss + config.rate_penalty * rate_of(output, lengths)

    def measure(self, part: Part) -> Figures:
        """What the integer program does on a part; padding counts nowhere."""
        network = self.network.network
        parts = parts_of(network, part, _together(network.config.channels * part.inputs.shape[1], self.device))
        return measured(self.network, parts, len(part), network.config.decode)


def _together(words: int, device: torch.device) -> int:
    """Sequences of which one array takes so many words, to run at once when measuring."""
    return BATCH if device.type == "cpu" else max(1, min(GPU_BATCH, GPU_ELEMENTS // words))


def _copied(network: SpikingSSM) -> dict[str, Tensor]:
    return {name: tensor.detach().clone() for name, tensor in network.state_dict().items()}
