"""Fine-tuning on symbols: true lengths, a decision at every step, and what is left behind."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from models import tasks
from models.qat.finetune import SETTINGS, Run, finetune, publish_finetuned
from models.qat.tuner import Plan, Tuner
from models.tasks import Part
from models.tasks.calibration import calibration_inputs
from models.training.config import TrainConfig
from models.training.folder import load_folder
from models.training.measure import Figures, measure
from models.training.train import train
from seamount.options import read_settings
from tests.toy_tasks import FORMS, toy_task
from toolchain.frontend.conventions import conventions_for
from toolchain.frontend.read import read_nir
from toolchain.ir.text import program_hash
from toolchain.lower.pipeline import compile_graph
from toolchain.quantize.settings import Settings

NARROW = Settings(weight_bits=3, a_bits=10, c_bits=5)


@pytest.fixture(scope="module", params=FORMS)
def form(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def trained(form: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a short training run."""
    folder = tmp_path_factory.mktemp(form)
    config = TrainConfig(epochs=4, batch_size=32, rate_penalty=0.0)
    assert train(toy_task(form), FORMS[form], config, folder) is not None
    return folder


def test_the_program_left_behind_is_the_one_that_was_measured(
    form: str, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = toy_task(form)
    monkeypatch.setitem(tasks.TASKS, "toy", lambda: task)
    # Eight epochs gain with any of three seeds of the training before; three did not.
    found = finetune(str(trained), tmp_path, Run(NARROW, {"epochs": 8, "batch_size": 32, "learning_rate": 5e-3}))
    assert found.best_epoch > 0 and found.after["test"].loss < found.before["test"].loss
    assert (found.after["test"].bits_per_symbol is None) is (form == "padded")
    publish_finetuned(tmp_path, tmp_path, "seamount finetune toy")
    compiled = compile_graph(
        graph := read_nir(tmp_path / "model.nir"),
        conventions_for(graph),
        calibration_inputs(task),
        settings=read_settings(tmp_path / SETTINGS),
        name="toy",
    )
    assert program_hash(compiled.lowered.program) == program_hash(found.choice.program)
    card = (tmp_path / "CARD.md").read_text()
    after = found.after["test"]
    said = f"{after.accuracy:.2%}" if after.bits_per_symbol is None else f"{after.bits_per_symbol:.4f}"
    assert f"| {said} |" in card and ("bits a symbol), before is" in card) is (form == "every-step")


def test_wide_integers_measure_as_the_floats_do(form: str, trained: Path) -> None:
    task, network = toy_task(form), load_folder(trained).network
    wide = Settings(a_bits=20, c_bits=12, table_bits=14)
    found = Tuner(network, task, Plan(TrainConfig(), wide)).measure(task.test)
    wanted = measure(network, task.test)
    assert found.loss == pytest.approx(wanted.loss, abs=0.02)
    assert found.spike_rates == pytest.approx(wanted.spike_rates, abs=0.01)
    assert found.accuracy == pytest.approx(wanted.accuracy, abs=0.04)
    assert Figures.from_mapping(found.to_mapping()) == found


def test_padding_counts_nowhere(trained: Path, form: str) -> None:
    if form != "padded":
        return
    task = toy_task(form)
    tuner = Tuner(load_folder(trained).network, task, Plan(TrainConfig(), NARROW))
    assert task.test.lengths is not None
    other = task.test.inputs.copy()
    other[np.arange(task.steps) >= task.test.lengths[:, None]] = 0
    assert tuner.measure(Part(other, task.test.labels, task.test.lengths)) == tuner.measure(task.test)


def test_distilling_counts_no_padding_either(trained: Path, form: str) -> None:
    task = toy_task(form)
    training = TrainConfig(epochs=2, batch_size=64, learning_rate=1e-3)
    seen: list[float] = []
    tuned = Tuner(load_folder(trained).network, task, Plan(training, NARROW, refresh_steps=2, distill=0.5)).run(
        lambda epoch: seen.append(epoch.validation.loss)
    )
    assert len(seen) == 3 and min(seen[1:]) < seen[0] and tuned.validation.loss <= seen[0]
