"""The settings that the shipped networks were trained with, a pair a task; chosen on the validation part."""

from __future__ import annotations

from models.config import NetworkConfig, TrainConfig
from toolchain.errors import InputError

RECIPES: dict[str, tuple[NetworkConfig, TrainConfig]] = {
    # 64 steps are short: time constants of 7 to 200 steps train better here than S4D's usual 20 to 2000.
    "digits": (
        NetworkConfig(inputs=1, classes=10, blocks=2, channels=64, modes=8, dt_min=0.01, dt_max=0.3),
        TrainConfig(seed=0, epochs=100, batch_size=64, learning_rate=0.02, rate_penalty=0.1, augment=1),
    ),
    # On a GPU; see `python -m models.train_on_device`.
    "smnist": (
        NetworkConfig(inputs=1, classes=10, blocks=3, channels=256, modes=16, dropout=0.1),
        TrainConfig(epochs=42, batch_size=100, learning_rate=5e-3, rate_penalty=0.04),
    ),
    "psmnist": (
        NetworkConfig(inputs=1, classes=10, blocks=4, channels=256, modes=32, dropout=0.1),
        TrainConfig(epochs=30, batch_size=100, learning_rate=5e-3, rate_penalty=0.1, augment=0.5),
    ),
    "sfashion": (
        NetworkConfig(inputs=1, classes=10, blocks=3, channels=256, modes=16, dropout=0.1),
        TrainConfig(
            epochs=42, batch_size=100, learning_rate=5e-3, rate_penalty=0.03, label_smoothing=0.05, augment=0.5
        ),
    ),
    "hapt": (
        NetworkConfig(inputs=6, classes=6, blocks=2, channels=128, modes=16, dt_min=0.01, dt_max=0.3, dropout=0.2),
        TrainConfig(
            epochs=40, batch_size=100, learning_rate=5e-3, rate_penalty=0.1, label_smoothing=0.1, weight_decay=0.05
        ),
    ),
}


def recipe(task: str) -> tuple[NetworkConfig, TrainConfig]:
    """Network and training settings for a task.

    Raises:
        InputError: there is no recipe for it.
    """
    if task not in RECIPES:
        raise InputError("task", f"there is no recipe for {task!r}", f"choose from {sorted(RECIPES)}")
    return RECIPES[task]
