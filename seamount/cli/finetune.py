"""`seamount finetune`: fine-tune a trained network for the integers that it will compute with."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from seamount.cli.arguments import AsJson, SettingsFile, Trained
from seamount.cli.lines import give, give_json, say, say_next
from seamount.cli.train import run_figures
from toolchain.doctor import how_to_install, installed
from toolchain.errors import InputError, MissingPartError

if TYPE_CHECKING:
    from models.qat.finetune import Run
    from models.qat.tuner import Epoch


def finetune_command(
    model: Trained,
    settings: SettingsFile = None,
    epochs: Annotated[int | None, typer.Option(help="in place of the task's own", min=1)] = None,
    learning_rate: Annotated[float | None, typer.Option(help="peak; in place of the task's own")] = None,
    seed: Annotated[int | None, typer.Option(help="in place of the seed that it was trained with")] = None,
    distill: Annotated[float, typer.Option(help="share of the loss that follows the float network", min=0, max=1)] = 0,
    refresh: Annotated[int, typer.Option(help="steps between two choices of scales and integers", min=1)] = 1,
    epoch_samples: Annotated[int | None, typer.Option(help="that an epoch sees; all by default", min=1)] = None,
    out: Annotated[Path | None, typer.Option(help="folder of the run; runs/<name>-finetuned by default")] = None,
    as_json: AsJson = False,
) -> None:
    """Fine-tune a trained network with fake quantization on the compiler's own grid; needs PyTorch.

    It takes causal networks of LIF somas: linear, gated or two-stage mixing, with a norm or without, for values or
    symbols, with one decision a sequence (of true length) or one a step.
    """
    if installed("torch") is None:
        raise MissingPartError("finetune", "PyTorch is not installed", how_to_install("train"))
    from models.qat.finetune import Run, find_folder, finetune, publish_finetuned
    from seamount.options import read_settings

    given = {"epochs": epochs, "learning_rate": learning_rate, "seed": seed}
    changes = {name: value for name, value in given.items() if value is not None}
    folder = out or Path("runs") / f"{find_folder(model).name}-finetuned"
    run = Run(read_settings(settings), changes, refresh_steps=refresh, distill=distill, epoch_samples=epoch_samples)
    try:
        found = finetune(model, folder, run, on_epoch=_tell_epoch)
        publish_finetuned(folder, folder, _command(model, settings, changes, run))
        _write_data(folder)
    except OSError as error:
        raise InputError(str(folder), f"cannot be written ({error})", "choose another folder") from error
    for part in ("validation", "test"):
        say(f"{part}: integers before {found.before[part]}, after {found.after[part]}")
    say(f"test: float before {found.start}")
    if as_json:
        give_json("finetune", {"folder": str(folder), **run_figures(folder)})
        return
    give(folder)
    say_next(f"seamount deploy {folder}")


def _tell_epoch(epoch: Epoch) -> None:
    found = epoch.validation
    loss = f"loss {epoch.train_loss:.4f}" if epoch.epoch else "as it was"
    say(f"epoch {epoch.epoch}  {loss}  validation {found}  best epoch {epoch.best_epoch}")


def _command(model: str, settings: Path | None, changes: dict[str, int | float], run: Run) -> str:
    options = [f"--settings {settings.name}"] if settings is not None else []
    options += [f"--{name.replace('_', '-')} {value}" for name, value in changes.items()]
    options += [f"--distill {run.distill:g}"] if run.distill else []
    options += [f"--refresh {run.refresh_steps}"] if run.refresh_steps != 1 else []
    options += [f"--epoch-samples {run.epoch_samples}"] if run.epoch_samples is not None else []
    return " ".join(["seamount finetune", model, *options])


def _write_data(folder: Path) -> None:
    """The data that `seamount deploy` needs for a NIR file: those that scales were chosen on, and the test part."""
    from models.tasks import load_task
    from models.tasks.calibration import calibration_samples
    from models.training.folder import load_folder
    from seamount.network import task_samples
    from toolchain.files import write_npz

    task = load_task(load_folder(folder).task)
    for name, part, rows in (("calibration", task.train, calibration_samples(task)), ("test", task.test, None)):
        write_npz(folder / f"{name}.npz", {}, task_samples(part, task, rows).arrays())
