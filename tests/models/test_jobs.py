"""Jobs of `models.train_on_device`: how they are written, that they go on, and how they begin with others' weights."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from models.checkpoint import load_tensors
from models.config import read_json
from models.train_on_device import parse_job, run_job
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
        ("digits", "is no job"),
        ("digits:x", "is no job"),
        ("digits:5:epochs=many", "is no job"),
        ("digits:5:colour=3", "unknown keys"),
        ("digits:5:epochs=0", "out of range"),
        ("nothing:5", "there is no recipe for 'nothing'"),
    ],
)
def test_bad_jobs(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        parse_job(text)


def test_a_job_stops_in_time_and_goes_on(tmp_path: Path) -> None:
    job = parse_job(f"a=digits:0:epochs=2,{SMALL}")
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
