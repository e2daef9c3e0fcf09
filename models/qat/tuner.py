"""The steps of fine-tuning: AdamW on the float parameters, with the integers that the compiler makes of them.

Every epoch begins with a calibration, as `seamount deploy` makes it; within the epoch the compiler chooses scales and
integers anew every `refresh_steps` steps. What is measured and chosen after an epoch is the program that `deploy` would
make of the weights then.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from models.config import TrainConfig
from models.distort import Distorter
from models.measure import Figures
from models.optimizer import make_optimizer, one_cycle
from models.qat.compiling import Choice, Compiler
from models.qat.network import QuantizedSSM
from models.spiking_ssm import Output, SpikingSSM
from models.tasks import Part, Task
from models.tasks.calibration import calibration_inputs
from toolchain.errors import InputError
from toolchain.quantize.settings import Settings

BATCH, GPU_BATCH = 128, 500
"""Sequences run at once when measuring."""


@dataclass(frozen=True)
class Plan:
    """How to fine-tune.

    Attributes:
        training: epochs, learning rates and the like; `ema` and `refit` are not used.
        settings: widths and rules of the compiler.
        refresh_steps: steps of the optimizer between two choices of scales and integers.
        seconds: after which no further epoch is begun.
        distill: share of the loss, 0 to 1, that is the cross-entropy with what the float network said before, in place
            of the labels (Hinton et al. 2015, at a temperature of 1).
    """

    training: TrainConfig
    settings: Settings
    refresh_steps: int = 1
    seconds: float = math.inf
    distill: float = 0.0


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
        best_epoch: 0 for the network before.
    """

    choice: Choice
    validation: Figures
    best_epoch: int


class Tuner:
    """A fine-tuning run of one network.

    Args:
        network: trained; its weights move.
        task: data: values, one class a sequence.
        plan: how.

    Raises:
        InputError: a network or task of another form.
        QuantizationError: the network finds no scale at the plan's widths.
    """

    def __init__(self, network: SpikingSSM, task: Task, plan: Plan) -> None:
        _check_task(task)
        self.task, self.plan = task, plan
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
            if figures.merit > best.validation.merit:
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
        config = self.plan.training
        torch.manual_seed(config.seed * 1_000_003 + epoch)
        rng = np.random.default_rng((config.seed, epoch))
        samples = self.task.train.inputs
        if config.augment and self.task.augment is not None:
            samples = self.task.augment(samples, rng, config.augment)
        order = torch.from_numpy(rng.permutation(len(samples)))
        batches = order.tensor_split(math.ceil(len(order) / config.batch_size))
        total = 0.0
        for number, chosen in enumerate(batches):
            factor = one_cycle((epoch + number / len(batches)) / config.epochs)
            if number and number % self.plan.refresh_steps == 0:
                self.network.adopt(self.compiler.choose(self.network.network, self.choice))
            labels = torch.from_numpy(self.task.train.labels)[chosen].to(self.device)
            batch = torch.from_numpy(samples)[chosen].to(self.device)
            total += self._step(batch, labels, factor) * len(chosen)
        if not math.isfinite(total):
            raise InputError(f"epoch {epoch + 1}", f"the loss is {total}", "lower the learning rate")
        return total / len(order)

    def _step(self, batch: Tensor, labels: Tensor, factor: float) -> float:
        """One step of the optimizer at a share of the peak learning rates; returns the loss before it."""
        for group in self.optimizer.param_groups:
            rate = group["peak"] * factor
            group["lr"] = group["lr"].fill_(rate) if isinstance(group["lr"], Tensor) else rate
        self.optimizer.zero_grad()
        batch = self.distorter(batch) if self.distorter else batch
        loss = self._loss(self.network(batch), batch, labels)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.network.parameters(), self.plan.training.clip_norm)
        self.optimizer.step()
        return loss.item()

    def _loss(self, output: Output, batch: Tensor, labels: Tensor) -> Tensor:
        """Cross-entropy, with the labels and with the teacher's answer, plus the price of spikes."""
        config, share = self.plan.training, self.plan.distill
        rate = torch.stack([spikes.mean() for spikes in output.spikes]).mean()
        loss = nn.functional.cross_entropy(output.logits, labels, label_smoothing=config.label_smoothing)
        if self.teacher is not None:
            with torch.no_grad():
                wanted = self.teacher(batch).logits.softmax(1)
            loss = (1 - share) * loss + share * nn.functional.cross_entropy(output.logits, wanted)
        return loss + config.rate_penalty * rate

    @torch.no_grad()
    def measure(self, part: Part) -> Figures:
        """What the integer program does on a part."""
        right, loss, spikes = 0, 0.0, torch.zeros(self.network.network.config.blocks, dtype=torch.float64)
        for inputs, labels in _batches(part, self.device):
            output = self.network(inputs)
            right += int((output.logits.argmax(1) == labels).sum())
            loss += float(nn.functional.cross_entropy(output.logits, labels, reduction="sum"))
            spikes += torch.stack([fired.double().mean((1, 2)).sum() for fired in output.spikes]).cpu()
        total = len(part)
        return Figures(total, right / total, loss / total, tuple((spikes / total).tolist()))


def _check_task(task: Task) -> None:
    found = [
        name for name, other in (("symbols", task.train.symbolic), ("a label a step", task.train.per_step)) if other
    ]
    if found or task.train.lengths is not None:
        what = f"has {' and '.join(found or ['padding'])}"
        raise InputError(f"task {task.name!r}", what, "fine-tune on a task of values and one class a sequence")


def _batches(part: Part, device: torch.device) -> Iterator[tuple[Tensor, Tensor]]:
    size = BATCH if device.type == "cpu" else GPU_BATCH
    for start in range(0, len(part), size):
        chosen = slice(start, start + size)
        yield torch.from_numpy(part.inputs[chosen]).to(device), torch.from_numpy(part.labels[chosen]).to(device)


def _copied(network: SpikingSSM) -> dict[str, Tensor]:
    return {name: tensor.detach().clone() for name, tensor in network.state_dict().items()}
