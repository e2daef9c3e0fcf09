"""Choosing HAPT's settings over people, on sequences of the same form."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from models import tasks
from models.network.config import read_json
from models.tasks import Part, Task, hapt
from models.training.cross_validation import main


def _part(samples: int, seed: int) -> Part:
    """Which of six channels is raised."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 6, samples)
    inputs = rng.normal(0, 0.2, (samples, 16, 6)) + np.eye(6)[labels][:, None]
    return Part(inputs.astype(np.float32), labels)


def test_the_best_job_is_trained_on_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[tuple[int, ...]] = []

    def load(people: tuple[int, ...] = hapt.VALIDATION_USERS) -> Task:
        asked.append(people)
        return Task("hapt", 6, _part(60, 1), _part(30, 2), _part(30, 3))

    monkeypatch.setattr(hapt, "load", load)
    monkeypatch.setitem(tasks.TASKS, "hapt", load)
    small = "epochs=4,blocks=1,channels=12,modes=2,batch_size=10,learning_rate=0.02,mix=linear,ema=0"
    jobs = [f"still=hapt:0:{small},learning_rate=0,ssm_learning_rate=0", f"good=hapt:0:{small}"]
    monkeypatch.setattr(sys, "argv", ["x", *jobs, "--folds", "2", "--device", "cpu", "--runs", str(tmp_path)])
    main()
    assert asked[:2] == hapt.folds(2) and asked[2:] == [hapt.VALIDATION_USERS]
    found = read_json(tmp_path / "hapt" / "cross_validation.json")
    assert found["chosen"] == "good" and "chosen: good" in capsys.readouterr().out
    assert np.mean(found["folds"]["good"]) > np.mean(found["folds"]["still"])
    config = read_json(tmp_path / "hapt" / "config.json")
    assert config["training"]["refit"] == 1 and config["figures"]["test"]["accuracy"] > 0.5
