"""`seamount train`: train a network of models/ on a task and leave a folder like those of the zoo."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from seamount.cli.arguments import AsJson
from seamount.cli.lines import give, give_json, say, say_next
from toolchain.doctor import how_to_install, installed
from toolchain.errors import InputError, MissingPartError
from toolchain.progress import advance

if TYPE_CHECKING:
    from models.training.train import Progress

SURROGATE = "sdn"
"""In place of a task: the surrogate dynamic network."""


def train_command(
    task: Annotated[str, typer.Argument(help="task, e.g. digits; or sdn, the surrogate dynamic network")],
    out: Annotated[Path | None, typer.Option(help="folder of the run; runs/<task> by default")] = None,
    system: Annotated[
        str | None, typer.Option(help="e.g. binary-s4d, gsu-constant, prf; default: the recipe's")
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="in place of the recipe's; as often as needed"),
    ] = None,
    epochs: Annotated[int | None, typer.Option(help="in place of the recipe's", min=1)] = None,
    seed: Annotated[int | None, typer.Option(help="in place of the recipe's", min=0)] = None,
    resume: Annotated[bool, typer.Option(help="go on from the run's last checkpoint")] = False,
    device: Annotated[str, typer.Option(help="cpu, or cuda for an NVIDIA GPU")] = "cpu",
    devices: Annotated[
        int, typer.Option(help="processes that share every batch; with cuda, one a GPU", min=1, max=1024)
    ] = 1,
    threads: Annotated[int, typer.Option(help="threads of PyTorch, in each process", min=1)] = 1,
    as_json: AsJson = False,
) -> None:
    """Train a network on a task, chosen on its validation part; needs PyTorch."""
    if installed("torch") is None:
        raise MissingPartError("train", "PyTorch is not installed", how_to_install("train"))
    folder = out or Path("runs") / task
    given = {"epochs": epochs, "seed": seed}
    changes = _pairs(settings or []) | {key: str(value) for key, value in given.items() if value is not None}
    try:
        if task == SURROGATE:
            _train_surrogate(folder, changes)
        else:
            _train_network(task, folder, system, changes, resume, Place(device, devices, threads))
    except OSError as error:
        raise InputError(str(folder), f"cannot be written ({error})", "choose another folder") from error
    if as_json:
        give_json("train", {"folder": str(folder), **run_figures(folder)})
        return
    give(folder)
    if task != SURROGATE:
        say_next(f"seamount deploy {folder}", f"seamount finetune {folder}")


def run_figures(folder: Path) -> dict[str, Any]:
    """Task and figures of a run's folder, as its config.json has them; null where it has none (the surrogate)."""
    path = folder / "config.json"
    config = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return {name: config.get(name) for name in ("task", "figures", "network", "training")}


class Place(NamedTuple):
    """Where to train: on what, in how many processes, with how many threads each."""

    device: str
    devices: int
    threads: int


def _train_network(
    task: str, folder: Path, system: str | None, changes: dict[str, str], resume: bool, place: Place
) -> None:
    """Train by the task's recipe, with another system and other settings where they are given."""
    from models.shipped.zoo import publish
    from models.tasks import load_task
    from models.training.recipes import configured
    from models.training.together import Request, check_devices, train_together
    from models.training.train import summary, train

    network, config = configured(task, system, changes, "--set")
    device, devices, threads = place
    check_devices(devices, device, config)
    data = load_task(task)
    advance("train", 0, config.epochs)
    if devices > 1:
        request = Request(task, network, config, folder, resume, threads=threads, device=device)
        result = train_together(devices, request, _tell_epoch)
    else:
        options: dict[str, Any] = {"threads": threads, "device": device}
        result = train(data, network, config, folder, resume=resume, on_epoch=_tell_epoch, **options)
    publish(folder, folder, _command(task, system, changes))
    if result is not None:
        say(f"{summary(result)}")


def _train_surrogate(folder: Path, changes: dict[str, str]) -> None:
    """Train, fuse and measure the surrogate dynamic network."""
    from models.training.sdn import UPDATES, train_sdn

    known = {"seed": "0", "updates": str(UPDATES)}
    wrong = {key: value for key, value in changes.items() if key not in known or not value.isdigit()}
    if wrong:
        raise InputError("train sdn", f"cannot take {wrong}", f"set whole numbers for {sorted(known)}")
    chosen = {key: int(value) for key, value in (known | changes).items()}
    figures = train_sdn(folder, chosen["seed"], chosen["updates"], say)
    for deviation, found in figures.items():
        say(f"drive of standard deviation {deviation}: " + ", ".join(f"{k} {v:.2e}" for k, v in found.items()))


def _pairs(settings: list[str]) -> dict[str, str]:
    """``key=value`` texts as a mapping.

    Raises:
        InputError: a text of another form.
    """
    pairs = {}
    for text in settings:
        key, equals, value = text.partition("=")
        if not (key and equals and value):
            raise InputError("--set", f"{text!r} is not a setting", "write it as key=value")
        pairs[key] = value
    return pairs


def _tell_epoch(progress: Progress) -> None:
    found = progress.validation
    say(
        f"epoch {progress.epoch}/{progress.epochs}  loss {progress.train_loss:.4f}  validation {found}"
        f"  spike rate {found.mean_rate:.3f}  best epoch {progress.best_epoch}"
    )
    advance("train", progress.epoch, progress.epochs)


def _command(task: str, system: str | None, changes: dict[str, str]) -> str:
    """What to type to train it again."""
    named = f" --system {system}" if system else ""
    plain = "".join(f" --{key} {changes[key]}" for key in ("epochs", "seed") if key in changes)
    others = "".join(f" --set {key}={value}" for key, value in changes.items() if key not in ("epochs", "seed"))
    return f"seamount train {task}{named}{plain}{others}"
