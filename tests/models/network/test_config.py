"""Settings: what is refused and what is said about it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from models.network.config import NetworkConfig, read_json
from models.training.config import TrainConfig
from toolchain.errors import InputError


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"widht": 3}, r"here: unknown keys \['widht'\]; known are \['activation', 'blocks'"),
        ([1], "here: expected a JSON object, got list"),
        ({"channels": 0}, "NetworkConfig.channels: 0 is out of range; choose from 1 to 8192"),
        ({"channels": 8.0}, "NetworkConfig.channels: 8.0 is not an integer"),
        ({"channels": True}, "NetworkConfig.channels: True is not an integer"),
        ({"dropout": "much"}, "NetworkConfig.dropout: 'much' is not a number"),
        ({"dropout": float("nan")}, "NetworkConfig.dropout: nan is out of range"),
        ({"dt_min": 0.2}, "NetworkConfig.dt_min: 0.2 is above dt_max = 0.1"),
    ],
)
def test_refused(values: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        NetworkConfig.from_mapping(values, "here")


def test_round_trip() -> None:
    config = TrainConfig(seed=4, learning_rate=0.25)
    assert TrainConfig.from_mapping(config.to_mapping(), "here") == config


@pytest.mark.parametrize("content", [b"{", b"\xff\xfe", None])
def test_unreadable_json(content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=r"config\.json: (no such file|cannot be read as JSON)"):
        read_json(path)
