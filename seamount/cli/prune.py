"""`seamount prune`: take synapses from a trained network, fine-tune it, and leave what `seamount deploy` needs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from seamount.cli.arguments import AsJson, Trained
from seamount.cli.lines import give, give_json, say, say_next
from seamount.cli.train import run_figures
from toolchain.doctor import how_to_install, installed
from toolchain.errors import MissingPartError
from toolchain.progress import advance

CALIBRATION_SAMPLES = 256


def prune_command(
    model: Trained,
    sparsity: Annotated[float, typer.Option(help="share of synapses between blocks that become 0")] = 0.8,
    scope: Annotated[str, typer.Option(help="smallest of all layers (global), or the same share of each (layer)")] = (
        "global"
    ),
    epochs: Annotated[int, typer.Option(help="of fine-tuning; half of them with ever fewer synapses")] = 60,
    seed: Annotated[int, typer.Option(help="of the fine-tuning")] = 0,
    out: Annotated[Path | None, typer.Option(help="folder of the run; runs/<name>-pruned by default")] = None,
    as_json: AsJson = False,
) -> None:
    """Prune a trained network by magnitude and fine-tune it; needs PyTorch."""
    if installed("torch") is None:
        raise MissingPartError("prune", "PyTorch is not installed", how_to_install("train"))
    from models.shipped.zoo import ZOO, publish
    from models.training.prune import Pruning, prune

    start = ZOO / model.removeprefix("zoo:") if model.startswith("zoo:") else Path(model)
    folder = out or Path("runs") / f"{start.name}-pruned"
    advance("prune", 0, epochs)
    found = prune(start, folder, Pruning(sparsity, scope, epochs, seed=seed), _tell_epoch)
    command = f"seamount prune {model} --sparsity {sparsity:g} --scope {scope} --epochs {epochs} --seed {seed}"
    publish(folder, folder, command)
    _write_data(folder)
    say(f"validation {found.before} -> {found.validation}, test {found.test}")
    for name, share in found.zeros.items():
        say(f"zeros      {name}: {100 * share:.1f} %")
    if as_json:
        give_json("prune", {"folder": str(folder), "zeros": dict(found.zeros), **run_figures(folder)})
        return
    give(folder)
    say_next(f"seamount deploy {folder}")


def _tell_epoch(progress: object) -> None:
    from models.training.prune import PruneProgress

    assert isinstance(progress, PruneProgress)
    say(
        f"epoch {progress.epoch}/{progress.epochs}  zeros {100 * progress.sparsity:.1f} %  loss"
        f" {progress.train_loss:.4f}  validation {progress.validation}  spike rate {progress.validation.mean_rate:.3f}"
    )
    advance("prune", progress.epoch, progress.epochs)


def _write_data(folder: Path) -> None:
    """The data that `seamount deploy` needs for a NIR file: calibration from the training part, and the test part."""
    from models.tasks import load_task
    from models.training.folder import load_folder
    from seamount.network import task_samples
    from seamount.samples import spread
    from toolchain.files import write_npz

    task = load_task(load_folder(folder).task)
    rows = spread(len(task.train), CALIBRATION_SAMPLES)
    for name, part, chosen in (("calibration", task.train, rows), ("test", task.test, None)):
        write_npz(folder / f"{name}.npz", {}, task_samples(part, task, chosen).arrays())
