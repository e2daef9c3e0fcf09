"""Fine-tune a trained network for the integers that it will compute with, and leave a folder like those of the zoo.

model.safetensors, config.json   as of any training run; `figures.integers` holds those of the integer program
settings.json                    widths and rules: what `seamount deploy --settings` takes to make that program
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from models.layers.weights import save_tensors, write_json
from models.qat.compiling import Choice
from models.qat.tuner import Epoch, Plan, Tuner
from models.shipped.card import merit, unit_of
from models.shipped.zoo import ZOO, names, publish
from models.tasks import load_task
from models.training.config import TrainConfig
from models.training.folder import CONFIG, WEIGHTS, Trained, load_folder
from models.training.measure import Figures, largest_state, measure
from toolchain.files import write_text
from toolchain.quantize.settings import Settings

SETTINGS, CARD = "settings.json", "CARD.md"

RECIPES: dict[str, Mapping[str, float]] = {
    "digits": {"epochs": 20, "learning_rate": 3e-3, "ssm_learning_rate": 5e-4},
    # At 1e-3, eight blocks with gates lose on the validation part in every epoch (docs/qat.md).
    "listops": {"epochs": 3, "learning_rate": 2e-4, "ssm_learning_rate": 2e-4},
}
OTHERWISE: Mapping[str, float] = {"epochs": 3, "learning_rate": 1e-3, "ssm_learning_rate": 2e-4}
"""Training settings in place of those that the network was trained with, by task."""


@dataclass(frozen=True)
class Run:
    """How to fine-tune; the rest is as in `Plan`.

    Attributes:
        settings: widths and rules of the compiler.
        changes: of the training settings.
        device: ``cpu`` or ``cuda``.
    """

    settings: Settings
    changes: Mapping[str, float] = field(default_factory=dict)
    refresh_steps: int = 1
    distill: float = 0.0
    seconds: float = math.inf
    device: str = "cpu"
    epoch_samples: int | None = None


@dataclass(frozen=True, eq=False)
class Finetuned:
    """Figures in integers before (post-training quantization) and after, and of the float network before.

    Attributes:
        folder: what was written.
        choice: the program of the chosen weights.
        best_epoch: counted from 1; 0 where no epoch did better on the validation part than the network before. The
            last one where the validation part was trained on too.
        before, after: figures of the integer programs by part, "validation" and "test".
        start: of the float network on the test part, as its `config.json` says.
    """

    folder: Path
    choice: Choice = field(repr=False)
    best_epoch: int
    before: Mapping[str, Figures]
    after: Mapping[str, Figures]
    start: Figures


def find_folder(start: str) -> Path:
    """The folder of a network of the zoo, or of a run by its path."""
    name = start.removeprefix("zoo:")
    return ZOO / name if name in names() else Path(start)


def training_of(trained: Trained, changes: Mapping[str, float]) -> TrainConfig:
    """The settings that a network was trained with, changed for fine-tuning by its task, then by `changes`.

    A network that was refitted to both parts is fine-tuned on both: its validation part can choose nothing any more.

    Raises:
        InputError: an unknown setting or a value out of its range.
    """
    values = trained.training.to_mapping() | dict(RECIPES.get(trained.task, OTHERWISE)) | {"ema": 0.0}
    return TrainConfig.from_mapping(values | dict(changes), "training")


def finetune(start: str, folder: Path, run: Run, on_epoch: Callable[[Epoch], None] | None = None) -> Finetuned:
    """Fine-tune and write the folder.

    Args:
        start: name of a network of the zoo, or the folder of a run.
        folder: to write.
        run: how.
        on_epoch: called after every epoch.

    Raises:
        InputError: no such network, or one of another form.
        QuantizationError: it finds no scale at these widths.
    """
    trained = load_folder(find_folder(start))
    task = load_task(trained.task)
    training, samples = training_of(trained, run.changes), run.epoch_samples
    plan = Plan(training, run.settings, run.refresh_steps, run.seconds, run.distill, samples)
    with torch.random.fork_rng(devices=[] if run.device == "cpu" else None):
        tuner = Tuner(trained.network.to(run.device), task, plan)
        before = {"validation": tuner.measure(task.validation), "test": tuner.measure(task.test)}
        tuned = tuner.run(on_epoch)
    after = {"validation": tuned.validation, "test": tuner.measure(task.test)}
    of_floats = Figures.from_mapping(trained.figures["test"])
    result = Finetuned(folder, tuned.choice, tuned.best_epoch, before, after, of_floats)
    _write(trained, tuner, result)
    return result


def _write(trained: Trained, tuner: Tuner, result: Finetuned) -> None:
    """Weights, configuration with the figures of the float network and the integer program, and the settings."""
    plan, task, network = tuner.plan, tuner.task, trained.network
    integers = {
        "settings": plan.settings.as_dict(),
        "refresh_steps": plan.refresh_steps,
        "distill": plan.distill,
        "before": {part: figures.to_mapping() for part, figures in result.before.items()},
        "after": {part: figures.to_mapping() for part, figures in result.after.items()},
    }
    figures: dict[str, Any] = {
        "best_epoch": result.best_epoch,
        "largest_state": largest_state(network, task.validation),
        "validation": measure(network, task.validation, step_by_step=True).to_mapping(),
        "test": measure(network, task.test, step_by_step=True).to_mapping(),
        "start": {"training": trained.training.to_mapping(), "figures": dict(trained.figures)},
        "integers": integers,
    }
    config = {
        "format": 1,
        "task": task.name,
        "network": network.config.to_mapping(),
        "training": plan.training.to_mapping(),
        "figures": figures,
    }
    save_tensors(result.folder / WEIGHTS, network.state_dict())
    write_json(result.folder / CONFIG, config)
    write_json(result.folder / SETTINGS, plan.settings.as_dict())


def publish_finetuned(source: Path, target: Path, command: str) -> Path:
    """`publish` for a folder that `finetune` wrote: with its settings, and the integers on its card."""
    figures = load_folder(source).figures
    publish(source, target, command)
    if source != target:
        write_text(target / SETTINGS, (source / SETTINGS).read_text(encoding="utf-8"))
    text = (target / CARD).read_text(encoding="utf-8")
    write_text(target / CARD, text + _in_integers(figures))
    return target


_INTEGERS = """
## In integers

Fine-tuned for {widths}: the figures above are those of its float
weights, which are not what it is for. Below ({unit}), before is the network that it started from, in floats and
quantized after training; after is this one's integer program.

| part | float before | integers before | integers after | spikes a neuron and step after |
| --- | --- | --- | --- | --- |
{rows}

`settings.json` holds the widths; `seamount deploy --settings` makes the same program.
"""


def _in_integers(figures: Mapping[str, Any]) -> str:
    """The card's section on the integer program."""
    own, start = figures["integers"], figures["start"]["figures"]
    rows = []
    for part in ("validation", "test"):
        before, after = own["before"][part], own["after"][part]
        rates = ", ".join(f"{rate:.3f}" for rate in after["spike_rates"])
        rows.append(f"| {part} | " + " | ".join(map(merit, (start[part], before, after))) + f" | {rates} |")
    bits = own["settings"]
    names = (("weights", "weight_bits"), ("A-bar", "a_bits"), ("C and D", "c_bits"), ("state", "state_bits"))
    widths = ", ".join(f"{name} of {bits[key]} bits" for name, key in names)
    return _INTEGERS.format(widths=widths, unit=unit_of(start["test"]), rows="\n".join(rows))
