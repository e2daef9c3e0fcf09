"""The folder of a finished run: `model.safetensors` (weights) and `config.json` (task, network, training, figures)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models.layers.weights import fill, load_tensors
from models.network.config import NetworkConfig, read_json
from models.network.spiking_ssm import SpikingSSM
from models.training.config import TrainConfig
from toolchain.errors import InputError

WEIGHTS, CONFIG = "model.safetensors", "config.json"
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
