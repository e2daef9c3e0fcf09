"""`seamount finetune`: what it says of the integers is what compiler and simulator find; refusals are one line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from models import tasks
from models.training.config import TrainConfig
from models.training.folder import load_folder
from models.training.train import train
from seamount.network import find_source
from seamount.options import read_settings
from seamount.searching.work import SearchJob, evaluate
from tests.cli.conftest import Run
from tests.toy_tasks import FORMS, STEPS, toy_task


def test_what_was_fine_tuned_quantizes_to_what_was_said(seamount: Run, tmp_path: Path) -> None:
    widths, out = tmp_path / "narrow.json", tmp_path / "tuned"
    widths.write_text(json.dumps({"weight_bits": 4, "a_bits": 12, "c_bits": 6}))
    ran = seamount(
        "finetune",
        "zoo:digits",
        "--settings",
        widths,
        "--epochs",
        1,
        "--refresh",
        4,
        "--epoch-samples",
        600,
        "--out",
        out,
    )
    assert (ran.code, ran.out) == (0, f"{out}\n"), ran.err
    assert "epoch 1  loss" in ran.err and "test: float before 98.89 %" in ran.err
    typed = "seamount finetune zoo:digits --settings narrow.json --epochs 1 --refresh 4 --epoch-samples 600"
    assert typed in (out / "CARD.md").read_text()
    data = ("--calibrate", out / "calibration.npz", "--test", out / "test.npz")
    found = seamount("quantize", out / "model.nir", *data, "--settings", out / "settings.json", "--json")
    assert found.code == 0, found.err
    after = load_folder(out).figures["integers"]["after"]["test"]
    assert json.loads(found.out)["accuracy"]["integer"] == round(360 * after["accuracy"])
    deployed = seamount("deploy", out, "--out", tmp_path / "build", "--compared", 1, "--nir-samples", 1)
    assert deployed.code == 0
    assert "settings    those it was fine-tuned for: weight_bits 4, a_bits 12, c_bits 6" in deployed.err
    built = json.loads((tmp_path / "build" / "report.json").read_text())
    assert built["accuracy"]["integer"] == after["accuracy"] and built["command"].startswith(f"seamount deploy {out}")


@pytest.mark.parametrize("form", FORMS)
def test_symbols_of_true_length_or_with_a_label_a_step(
    seamount: Run, form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The data that are left behind hold the lengths, so that padding counts nowhere later either."""
    task = toy_task(form)
    monkeypatch.setitem(tasks.TASKS, "toy", lambda: task)
    train(task, FORMS[form], TrainConfig(epochs=2, batch_size=32, rate_penalty=0.0), tmp_path / "start")
    out = tmp_path / "tuned"
    ran = seamount("finetune", tmp_path / "start", "--epochs", 1, "--refresh", 4, "--out", out)
    assert (ran.code, ran.out) == (0, f"{out}\n"), ran.err
    assert ("bits a symbol" in ran.err) is (form == "every-step")
    data = ("--calibrate", out / "calibration.npz", "--test", out / "test.npz")
    found = seamount("quantize", out / "model.nir", *data, "--settings", out / "settings.json", "--json")
    assert found.code == 0, found.err
    after = load_folder(out).figures["integers"]["after"]["test"]
    right = round(task.test.labels.size * after["accuracy"])
    assert json.loads(found.out)["accuracy"]["integer"] == right
    # The folder by itself: the settings beside the weights hold, and a search scores what counts.
    source = find_source(str(out))
    assert source.settings == read_settings(out / "settings.json")
    job = SearchJob(str(out)).with_hashes()
    assert evaluate(job.arguments(source.settings, "test"))["right"] == right
    choice = evaluate(job.arguments(source.settings, "choice"))
    assert choice["samples"] == (380 if form == "padded" else 380 * STEPS)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("zoo:nope",), "config.json"),
        (("zoo:digits", "--learning-rate", 9), "TrainConfig.learning_rate: 9.0 is out of range"),
    ],
)
def test_what_cannot_be_is_one_line(seamount: Run, tmp_path: Path, arguments: tuple[object, ...], said: str) -> None:
    ran = seamount("finetune", *arguments, "--out", tmp_path / "out")
    assert ran.code == 1 and said in ran.err and len(ran.err.strip().splitlines()) == 1
    assert not (tmp_path / "out").exists()
