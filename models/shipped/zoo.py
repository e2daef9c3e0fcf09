"""The trained networks that are shipped, and how one is read and published.

A folder of the zoo holds `model.safetensors` (weights), `config.json` (task, network, training, figures), `CARD.md`
(the same for people) and `model.nir` (for an installation without torch). `seamount` calls them `zoo:NAME`.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from models.network.config import read_json
from models.network.to_nir import to_graph
from models.shipped.card import card
from models.tasks import load_task
from models.training.folder import Trained, load_folder
from toolchain.errors import InputError, UnsupportedError
from toolchain.files import write_text, written_whole
from toolchain.frontend.write import write_nir

ZOO = Path(__file__).parent


def names() -> tuple[str, ...]:
    """Networks that are shipped."""
    return tuple(sorted(path.parent.name for path in ZOO.glob("*/config.json")))


def load(name: str) -> Trained:
    """A shipped network.

    Raises:
        InputError: there is none of that name, or its files are damaged.
    """
    if name not in names():
        raise InputError("zoo", f"there is no network {name!r}", f"choose from {list(names())}")
    return load_folder(ZOO / name)


def publish(source: Path, target: Path, command: str) -> Path:
    """Turn the folder of a training run into one of the zoo: weights, configuration, card and NIR file.

    A network that cannot be written as NIR gets none, and its card says why.

    Args:
        source: folder that `train` wrote.
        target: folder to make, e.g. ``ZOO / "digits"``.
        command: what to type to train it again, for the card.

    Raises:
        InputError: `source` does not hold a network.
    """
    trained = load_folder(source)
    steps = load_task(trained.task).steps
    for name in ("model.safetensors", "config.json"):
        with written_whole(target / name) as beside:
            shutil.copyfile(source / name, beside)
    try:
        write_nir(to_graph(trained.network, trained.task, steps), target / "model.nir")
    except UnsupportedError as error:
        command += f"\n\nThere is no NIR file: {error}."
    parameters = sum(weight.numel() for weight in trained.network.parameters())
    config = read_json(source / "config.json")
    write_text(target / "CARD.md", card(target.name, trained.task, config, command, parameters))
    return target
