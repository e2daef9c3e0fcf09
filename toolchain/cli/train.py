"""`seamount train`: train a network of models/ on a task and leave a folder like those of the zoo."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from toolchain.doctor import installed
from toolchain.errors import InputError, MissingPartError

Tell = Callable[[str], None]


def train_network(
    task: str, folder: Path, epochs: int | None, seed: int | None, resume: bool, threads: int, tell: Tell
) -> None:
    """Train by the task's recipe.

    Args:
        task: name of the task.
        folder: where checkpoints, weights, configuration, card and NIR file go.
        epochs, seed: in place of the recipe's.
        resume: go on from the last checkpoint in `folder`.
        threads: of PyTorch.
        tell: is called with one line an epoch.

    Raises:
        MissingPartError: PyTorch is not installed.
        InputError: an unknown task, or a folder that cannot be written.
    """
    if installed("torch") is None:
        raise MissingPartError("train", "PyTorch is not installed", "pip install -c constraints.txt '.[train]'")
    from models.recipes import recipe
    from models.tasks import load_task
    from models.training import Progress, summary, train
    from models.zoo import publish

    def on_epoch(progress: Progress) -> None:
        found = progress.validation
        tell(
            f"epoch {progress.epoch}/{progress.epochs}  loss {progress.train_loss:.4f}  validation"
            f" {100 * found.accuracy:.2f} %  spike rate {found.mean_rate:.3f}  best epoch {progress.best_epoch}"
        )

    network, config = recipe(task)
    config = replace(config, **{k: v for k, v in (("epochs", epochs), ("seed", seed)) if v is not None})
    try:
        result = train(load_task(task), network, config, folder, resume=resume, on_epoch=on_epoch, threads=threads)
        publish(folder, folder, _command(task, epochs, seed))
    except OSError as error:
        raise InputError(str(folder), f"cannot be written ({error})", "choose another folder") from error
    if result is not None:
        tell(f"{summary(result)}")


def _command(task: str, epochs: int | None, seed: int | None) -> str:
    options = (f" --{name} {value}" for name, value in (("epochs", epochs), ("seed", seed)) if value is not None)
    return f"seamount train {task}" + "".join(options)
