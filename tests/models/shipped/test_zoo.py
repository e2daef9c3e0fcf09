"""The shipped networks: they load, they do what their card says, and damaged ones are refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch

from models.data import data_folder
from models.layers.weights import load_tensors, save_tensors
from models.shipped import zoo
from models.tasks import load_task
from models.training.folder import load_folder
from models.training.measure import measure
from toolchain.errors import InputError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the shipped network, to be spoilt."""
    return Path(shutil.copytree(zoo.ZOO / "digits", tmp_path / "digits"))


def _names_with_data() -> list[str]:
    """Networks whose test part takes seconds and is here; `make results` runs the others on all of theirs."""
    tasks = {name: json.loads((zoo.ZOO / name / "config.json").read_text())["task"] for name in zoo.names()}
    there = {"digits"} | ({"hapt"} if (data_folder() / "hapt.npz").is_file() else set())
    return [name for name, task in tasks.items() if task in there]


@pytest.mark.parametrize("name", zoo.names())
def test_every_network_loads_and_its_card_counts_its_parameters(name: str) -> None:
    trained = zoo.load(name)
    parameters = sum(weight.numel() for weight in trained.network.parameters())
    assert f"{parameters} parameters" in (zoo.ZOO / name / "CARD.md").read_text()


@pytest.mark.parametrize("name", _names_with_data())
def test_shipped_network_does_what_its_card_says(name: str) -> None:
    trained = zoo.load(name)
    figures = measure(trained.network, load_task(trained.task).test, step_by_step=True)
    claimed = trained.figures["test"]
    # One sample may fall the other way where another processor rounds differently.
    assert figures.accuracy == pytest.approx(claimed["accuracy"], abs=1.01 / figures.samples)
    assert figures.spike_rates == pytest.approx(claimed["spike_rates"], abs=1e-4)
    card = (zoo.ZOO / name / "CARD.md").read_text()
    assert f"| test | {figures.samples} | {claimed['accuracy']:.2%} |" in card


def test_digits_meets_its_targets() -> None:
    figures = zoo.load("digits").figures["test"]
    assert figures["samples"] == 360 and figures["accuracy"] >= 0.95 and figures["mean_rate"] < 0.25


def test_forward_and_step_agree_on_the_shipped_network() -> None:
    network = zoo.load("digits").network
    inputs = torch.from_numpy(load_task("digits").validation.inputs)
    with torch.no_grad():
        whole, steps = network(inputs), network.unroll(inputs)
    flips = sum(int((a != b).sum()) for a, b in zip(whole.spikes, steps.spikes, strict=True))
    neurons = sum(spikes.numel() for spikes in whole.spikes)
    # FFT and recurrence round differently in float32; a membrane within that of its threshold may fall either way.
    assert flips <= 2e-5 * neurons
    same = torch.stack([(a == b).all(-1).all(-1) for a, b in zip(whole.spikes, steps.spikes, strict=True)]).all(0)
    assert same.float().mean().item() > 0.8
    torch.testing.assert_close(whole.logits[same], steps.logits[same], rtol=0, atol=1e-4)


def test_unknown_name() -> None:
    with pytest.raises(InputError, match=r"zoo: there is no network 'x'; choose from \["):
        zoo.load("x")


def test_weights_that_are_not_finite(folder: Path) -> None:
    tensors, _ = load_tensors(folder / "model.safetensors")
    tensors["readout.bias"][2] = float("nan")
    save_tensors(folder / "model.safetensors", tensors)
    with pytest.raises(InputError, match=r"readout\.bias: 1 of 10 values are not finite"):
        load_folder(folder)


def test_weights_of_another_shape(folder: Path) -> None:
    tensors, _ = load_tensors(folder / "model.safetensors")
    tensors["readout.bias"] = tensors["readout.bias"][:7]
    save_tensors(folder / "model.safetensors", tensors)
    with pytest.raises(InputError, match=r"readout\.bias: is torch.float32 \(7,\), the configuration needs"):
        load_folder(folder)


def test_missing_and_unknown_weights(folder: Path) -> None:
    tensors, _ = load_tensors(folder / "model.safetensors")
    tensors["readout.bais"] = tensors.pop("readout.bias")
    save_tensors(folder / "model.safetensors", tensors)
    with pytest.raises(InputError, match=r"missing tensors \['readout\.bias'\], unknown tensors \['readout\.bais'\]"):
        load_folder(folder)


@pytest.mark.parametrize("name", ["model.safetensors", "config.json"])
def test_a_file_that_is_gone(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(InputError, match=f"{name}: no such file"):
        load_folder(folder)


def test_truncated_weights(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(InputError, match="cannot be read as safetensors"):
        load_folder(folder)


def _change(folder: Path, key: str, value: object) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {key: value}))


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("extra", 1, r"config\.json: holds \['extra'"),
        ("format", 99, r"config\.json: format 99, this version reads 1"),
        ("network", {"channels": 64, "colour": 1}, r"network: unknown keys \['colour'\]"),
        ("network", {"channels": 10**9}, "channels: 1000000000 is out of range"),
        ("training", 7, "training: expected a JSON object, got int"),
    ],
)
def test_spoilt_configuration(folder: Path, key: str, value: object, message: str) -> None:
    _change(folder, key, value)
    with pytest.raises(InputError, match=message):
        load_folder(folder)


def test_published_again_it_is_the_same(tmp_path: Path) -> None:
    source, target = zoo.ZOO / "digits", tmp_path / "digits"
    zoo.publish(source, target, "seamount train digits")
    assert sorted(path.name for path in target.iterdir()) == sorted(path.name for path in source.iterdir())
    for name in ("model.safetensors", "config.json", "CARD.md"):
        assert (target / name).read_bytes() == (source / name).read_bytes()
