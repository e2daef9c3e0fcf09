"""`seamount train`: other systems and settings, the surrogate network, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from models.layers.sdn import load_sdn
from models.training.folder import load_folder
from tests.cli.conftest import Run

SMALL = ("--set", "blocks=1", "--set", "channels=4", "--set", "modes=2", "--epochs", 1)


def test_another_system_with_other_settings(seamount: Run, tmp_path: Path) -> None:
    ran = seamount("train", "digits", "--system", "binary-s4d", *SMALL, "--out", tmp_path, "--set", "ema=0.9")
    assert ran.code == 0 and "epoch 1/1" in ran.err and ran.out == f"{tmp_path}\n"
    trained = load_folder(tmp_path)
    assert (trained.network.config.soma, trained.network.config.mix, trained.training.ema) == ("threshold", "glu", 0.9)
    card = (tmp_path / "CARD.md").read_text()
    assert "stateless\nthreshold soma" in card and "gated linear unit" in card
    again = "seamount train digits --system binary-s4d --epochs 1 --set blocks=1 --set channels=4 --set modes=2"
    assert f"{again} --set ema=0.9" in card
    assert (tmp_path / "model.nir").is_file()


def test_a_system_that_no_core_can_run_has_no_nir_file_and_its_card_says_why(seamount: Run, tmp_path: Path) -> None:
    assert seamount("train", "digits", "--system", "gsu", *SMALL, "--out", tmp_path).code == 0
    assert not (tmp_path / "model.nir").exists()
    assert "There is no NIR file: block0.soma: the quantizer's threshold" in (tmp_path / "CARD.md").read_text()


def test_one_that_runs_in_both_directions_of_time_is_measured_as_a_whole(seamount: Run, tmp_path: Path) -> None:
    assert seamount("train", "digits", "--set", "direction=both", *SMALL, "--out", tmp_path).code == 0
    figures = json.loads((tmp_path / "config.json").read_text())["figures"]
    assert figures["test"]["samples"] == 360 and figures["largest_state"] is None
    assert "needs the end of a sequence before its beginning" in (tmp_path / "CARD.md").read_text()


def test_a_run_is_deployed_by_its_folder_with_the_data_of_its_task(seamount: Run, tmp_path: Path) -> None:
    run, built = tmp_path / "small", tmp_path / "built"
    assert seamount("train", "digits", *SMALL, "--out", run).code == 0
    assert seamount("deploy", run, "--samples", 20, "--compared", 2, "--out", built).code == 0
    with_nir = (built / "program.txt").read_text()
    assert "name: small\n" in with_nir
    (run / "model.nir").unlink()
    ran = seamount("deploy", run, "--samples", 20, "--compared", 2, "--out", built)
    assert ran.code == 0 and "0 differences" in ran.err
    assert (built / "program.txt").read_text() == with_nir
    assert json.loads((built / "report.json").read_text())["accuracy"]["samples"]["integer"] == 20
    again = seamount("quantize", run, "--calibrate", built / "test.npz")
    assert again.code == 1 and "a trained network's task brings its data; leave --calibrate and --test out" in again.err


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (None, "holds no config.json; give the folder of a finished seamount train"),
        ("[1]", "names no task"),
        ("{", "JSON"),
    ],
)
def test_a_folder_that_is_no_finished_run(seamount: Run, tmp_path: Path, config: str | None, message: str) -> None:
    if config is not None:
        (tmp_path / "config.json").write_text(config)
    ran = seamount("deploy", tmp_path, "--out", tmp_path / "built")
    assert ran.code == 1 and message in ran.err and not (tmp_path / "built").exists()


def test_the_surrogate_network(seamount: Run, tmp_path: Path) -> None:
    ran = seamount("train", "sdn", "--set", "updates=20", "--seed", 1, "--out", tmp_path)
    assert ran.code == 0 and "drive of standard deviation 0.5: spikes_that_differ" in ran.err
    assert load_sdn(tmp_path / "sdn.safetensors").taps_bias.shape == (8,)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("digits", "--system", "s5"), "system: there is no system 's5'"),
        (("digits", "--set", "soma"), "--set: 'soma' is not a setting; write it as key=value"),
        (("digits", "--set", "colour=3"), "--set: unknown keys ['colour']"),
        (("digits", "--set", "soma=relu"), "NetworkConfig.soma: there is no 'relu'"),
        (("digits", "--set", "channels=many"), "NetworkConfig.channels: 'many' is not an integer"),
        (("digits", "--device", "tpu"), "device: there is no 'tpu'"),
        (("digits", "--devices", "900"), "devices: 900 processes for batches of 64; take fewer devices"),
        (("sdn", "--set", "channels=3"), "train sdn: cannot take {'channels': '3'}"),
    ],
)
def test_refused(seamount: Run, tmp_path: Path, arguments: tuple[str, ...], message: str) -> None:
    ran = seamount("train", *arguments, "--out", tmp_path / "out")
    assert ran.code == 1 and message in ran.err
    assert not (tmp_path / "out").exists()
