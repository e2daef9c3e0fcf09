"""The trained networks that are shipped, and how one is written, read and published.

A folder of the zoo holds `model.safetensors` (weights), `config.json` (task, network, training, figures), `CARD.md`
(the same for people) and `model.nir` (for an installation without torch).
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models.card import card
from models.checkpoint import fill, load_tensors
from models.config import NetworkConfig, TrainConfig, read_json
from models.spiking_ssm import SpikingSSM
from models.tasks import load_task
from models.to_nir import to_graph
from toolchain.errors import InputError, UnsupportedError
from toolchain.files import write_text, written_whole
from toolchain.frontend.write import write_nir

ZOO = Path(__file__).parent / "zoo"
FORMAT = 1
KEYS = ("format", "task", "network", "training", "figures")


@dataclass(frozen=True)
class Trained:
    """A trained network and what is known of it.

    Attributes:
        network: in evaluation mode.
        task: name of its task.
        training: settings it was trained with.
        figures: what was measured when it was trained, as in `config.json`.
    """

    network: SpikingSSM
    task: str
    training: TrainConfig
    figures: Mapping[str, Any]


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


def load_folder(folder: Path) -> Trained:
    """The network that `train` left in `folder`.

    Raises:
        InputError: a file is missing or damaged, a key is unknown, a shape is wrong or a value is not finite.
    """
    where = str(folder / "config.json")
    config = read_json(folder / "config.json")
    if not isinstance(config, Mapping) or sorted(config) != sorted(KEYS):
        found = sorted(config) if isinstance(config, Mapping) else type(config).__name__
        raise InputError(where, f"holds {found}, expected {sorted(KEYS)}", "use the file that training wrote")
    if config["format"] != FORMAT:
        raise InputError(where, f"format {config['format']!r}, this version reads {FORMAT}", "train again")
    network = SpikingSSM(NetworkConfig.from_mapping(config["network"], f"{where}: network"))
    tensors, _ = load_tensors(folder / "model.safetensors")
    fill(network, tensors, str(folder / "model.safetensors"))
    network.eval()
    training = TrainConfig.from_mapping(config["training"], f"{where}: training")
    return Trained(network, str(config["task"]), training, config["figures"])


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
