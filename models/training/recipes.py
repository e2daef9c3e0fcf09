"""The settings that the shipped networks were trained with, a pair a task; chosen on the validation part."""

from __future__ import annotations

from collections.abc import Mapping

from models.network.config import NetworkConfig
from models.network.systems import system
from models.training.config import TrainConfig
from toolchain.errors import InputError

RECIPES: dict[str, tuple[NetworkConfig, TrainConfig]] = {
    # 64 steps are short: time constants of 7 to 200 steps train better here than S4D's usual 20 to 2000.
    "digits": (
        NetworkConfig(inputs=1, classes=10, blocks=2, channels=64, modes=8, dt_min=0.01, dt_max=0.3),
        TrainConfig(seed=0, epochs=100, batch_size=64, learning_rate=0.02, rate_penalty=0.1, augment=1),
    ),
    # On a GPU; see `python -m models.training.on_device`.
    "smnist": (
        NetworkConfig(inputs=1, classes=10, blocks=3, channels=256, modes=16, dropout=0.1),
        TrainConfig(epochs=42, batch_size=100, learning_rate=5e-3, rate_penalty=0.04),
    ),
    "smnist196": (
        NetworkConfig(inputs=1, classes=10, blocks=3, channels=128, modes=16, dt_min=4e-3, dt_max=0.2, dropout=0.1),
        TrainConfig(epochs=30, batch_size=100, learning_rate=5e-3, rate_penalty=0.04),
    ),
    # In trials of five epochs, twice as many channels lowered the training loss most, then a higher learning rate.
    "psmnist": (
        NetworkConfig(inputs=1, classes=10, blocks=4, channels=512, modes=16, dropout=0.1, norm="batch"),
        TrainConfig(epochs=22, batch_size=100, learning_rate=8e-3, rate_penalty=0.1, ema=0.999, half=1),
    ),
    "sfashion": (
        NetworkConfig(inputs=1, classes=10, blocks=3, channels=256, modes=16, dropout=0.1),
        TrainConfig(
            epochs=42, batch_size=100, learning_rate=5e-3, rate_penalty=0.03, label_smoothing=0.05, augment=0.5
        ),
    ),
    # Long Range Arena's depth and width are 6 to 8 blocks of 128 to 256 channels, with few modes and batch norm.
    "listops": (
        NetworkConfig(inputs=16, classes=10, blocks=8, channels=128, modes=4, mix="glu", norm="batch"),
        TrainConfig(
            epochs=82, batch_size=64, learning_rate=5e-3, weight_decay=0.03, rate_penalty=0.01, ema=0.999, half=1
        ),
    ),
    # Characters are predicted from a few words: time constants of 4 to 400 steps.
    "sotu": (
        NetworkConfig(
            inputs=102,
            classes=102,
            blocks=6,
            channels=512,
            modes=8,
            dt_min=5e-3,
            dt_max=0.5,
            dropout=0.15,
            mix="glu",
            norm="batch",
            decode="every-step",
        ),
        TrainConfig(
            epochs=56, batch_size=32, learning_rate=4e-3, weight_decay=0.03, rate_penalty=0.02, ema=0.999, half=1
        ),
    ),
    "mail": (
        NetworkConfig(inputs=129, classes=2, blocks=4, channels=128, modes=8, dropout=0.1, norm="batch"),
        TrainConfig(
            epochs=16, batch_size=32, learning_rate=5e-3, weight_decay=0.03, rate_penalty=0.05, ema=0.995, half=1
        ),
    ),
    # The fourth of five runs, each from the weights of the one before; the first is of the easy images, the last is one
    # of 86 epochs (docs/tasks.md).
    # At a learning rate of 4e-3, one epoch of the easy images and three of the hard ones taught nothing.
    "pathfinder32": (
        NetworkConfig(inputs=1, classes=2, blocks=6, channels=128, modes=16, dt_min=3e-3, mix="glu", norm="batch"),
        TrainConfig(
            epochs=28, batch_size=64, learning_rate=2e-3, weight_decay=0.03, rate_penalty=0.0, ema=0.999, half=1
        ),
    ),
    "hapt": (
        NetworkConfig(
            inputs=6,
            classes=6,
            blocks=2,
            channels=128,
            modes=16,
            dt_min=0.01,
            dt_max=0.3,
            dropout=0.3,
            mix="glu",
            norm="batch",
        ),
        TrainConfig(
            epochs=60,
            batch_size=100,
            learning_rate=5e-3,
            rate_penalty=0.1,
            label_smoothing=0.1,
            weight_decay=0.05,
            ema=0.99,
            half=1,
        ),
    ),
}
RECIPES["pathfinder32-easy"] = RECIPES["pathfinder32"]


def recipe(task: str) -> tuple[NetworkConfig, TrainConfig]:
    """Network and training settings for a task.

    Raises:
        InputError: there is no recipe for it.
    """
    if task not in RECIPES:
        raise InputError("task", f"there is no recipe for {task!r}", f"choose from {sorted(RECIPES)}")
    return RECIPES[task]


def configured(
    task: str, system_name: str | None, changes: Mapping[str, str], where: str
) -> tuple[NetworkConfig, TrainConfig]:
    """The task's recipe with another system and single settings changed.

    Args:
        task: key of `RECIPES`.
        system_name: one of `SYSTEMS`, or None for the recipe's own.
        changes: settings of `NetworkConfig` and `TrainConfig` as typed.
        where: for messages.

    Raises:
        InputError: an unknown task, system or setting, or a value out of its range.
    """
    network, training = recipe(task)
    chosen = system(system_name) if system_name else {}
    values = {key: _value(text) for key, text in changes.items()}
    own = {key: value for key, value in values.items() if hasattr(network, key)}
    rest = {key: value for key, value in values.items() if key not in own}
    return (
        NetworkConfig.from_mapping({**network.to_mapping(), **chosen, **own}, where),
        TrainConfig.from_mapping(training.to_mapping() | rest, where),
    )


def _value(text: str) -> int | float | str:
    """A number where the text is one, else the text: the configurations check which they need."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
