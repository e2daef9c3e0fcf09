"""Jobs of `models.training.on_device`: how they are written, go on, and begin with others' weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from models.layers.weights import load_tensors
from models.network.config import NetworkConfig, read_json
from models.tasks import Part, Task
from models.training.config import TrainConfig
from models.training.on_device import parse_job, run_job
from models.training.pace import Pace, measure_pace
from toolchain.errors import InputError

SMALL = "blocks=1,channels=4,modes=2,augment=0"


def test_jobs() -> None:
    job = parse_job("quick=digits:60:epochs=4,blocks=3,dropout=0.25,from=other")
    assert (job.name, job.task, job.seconds, job.start) == ("quick", "digits", 60.0, "other")
    assert (job.network.blocks, job.network.dropout, job.training.epochs) == (3, 0.25, 4)
    assert job.training.learning_rate == 0.02 and parse_job("digits:1").name == "digits"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("digits", "is not a job"),
        ("digits:x", "is not a job"),
        ("digits:5:epochs=many", "'many' is not an integer"),
        ("digits:5:colour=3", "unknown keys"),
        ("digits:5:test=no", r"is not a job \(fit=0, test=no\); give 0 or 1"),
        ("digits:5:epochs=0", "out of range"),
        ("nothing:5", "there is no recipe for 'nothing'"),
    ],
)
def test_bad_jobs(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        parse_job(text)


def test_a_job_stops_in_time_and_goes_on(tmp_path: Path) -> None:
    job = parse_job(f"a=digits:0:epochs=2,test=0,{SMALL}")
    assert run_job(job, tmp_path, "cpu") is None
    result = run_job(parse_job(f"a=digits:100:epochs=2,{SMALL}"), tmp_path, "cpu")
    assert result is not None and result.best_epoch in (1, 2)
    log = (tmp_path / "a" / "log.txt").read_text()
    assert log.count("epoch 1/2") == 1 and log.count("epoch 2/2") == 1 and "time is up" in log


def test_a_job_may_begin_with_anothers_weights(tmp_path: Path) -> None:
    run_job(parse_job(f"a=digits:100:epochs=1,{SMALL}"), tmp_path, "cpu")
    still = f"b=digits:100:epochs=1,learning_rate=0,ssm_learning_rate=0,weight_decay=0,from=a,seed=5,{SMALL}"
    run_job(parse_job(still), tmp_path, "cpu")
    first, second = (load_tensors(tmp_path / name / "model.safetensors")[0] for name in "ab")
    assert all(torch.equal(first[name], second[name]) for name in first)
    start = read_json(tmp_path / "b" / "config.json")["figures"]["start"]
    assert start["training"] == read_json(tmp_path / "a" / "config.json")["training"]


def test_a_job_of_another_system_fills_its_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "a=digits:100:system=binary-s4d,fit=1,blocks=1,channels=4,modes=2,augment=0,theta=fixed"
    job = parse_job(text)
    assert (job.network.soma, job.network.mix, job.network.theta, job.fit) == ("threshold", "glu", "fixed", True)
    monkeypatch.setattr("models.training.on_device.measure_pace", lambda *_: Pace(30.0, 20.0, {64: 1.5}))
    assert run_job(job, tmp_path, "cpu") is not None
    assert read_json(tmp_path / "a" / "config.json")["training"]["epochs"] == 2
    log = (tmp_path / "a" / "log.txt").read_text()
    assert "30.00 s an epoch, 20.0 s at the end, ms a step {64: 1.50}, 2 epochs" in log
    # Once begun, the number stays.
    monkeypatch.setattr("models.training.on_device.measure_pace", lambda *_: Pace(1.0, 20.0, {64: 1.5}))
    assert run_job(job, tmp_path, "cpu") is not None
    assert read_json(tmp_path / "a" / "config.json")["training"]["epochs"] == 2


@pytest.mark.parametrize("per_step", [False, True])
def test_the_pace_of_sequences_of_several_lengths(per_step: bool) -> None:
    rng = np.random.default_rng(0)
    lengths = rng.integers(30, 200, 64)
    inputs = rng.integers(0, 5, (64, 200)).astype(np.uint8)
    labels = rng.integers(0, 2, (64, 200) if per_step else 64)
    part = Part(inputs, labels, lengths)
    network = NetworkConfig(inputs=5, classes=2, channels=4, modes=2, decode="every-step" if per_step else "mean")
    task = Task("symbols", 2, part, part, part, symbols=5)
    pace = measure_pace(task, network, TrainConfig(batch_size=4), "cpu")
    assert len(pace.step_milliseconds) > 1 and max(pace.step_milliseconds) == 200
    assert pace.epoch_seconds > 1e-3 * sum(pace.step_milliseconds.values()) and pace.closing_seconds > 0


def test_unknown_system() -> None:
    with pytest.raises(InputError, match=r"there is no system 'x'; choose from \['binary-s4d'"):
        parse_job("digits:5:system=x")
