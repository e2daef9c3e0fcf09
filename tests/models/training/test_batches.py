"""Batches of similar lengths, decisions at every step, averaged weights, and training on both parts."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from models.layers.weights import load_tensors
from models.network.config import NetworkConfig
from models.network.spiking_ssm import SpikingSSM
from models.tasks import Part, Task
from models.training.batches import BUCKETS, batches, bucket_edges
from models.training.config import TrainConfig
from models.training.loss import loss_of
from models.training.measure import classify, largest_state, measure
from models.training.train import train
from toolchain.errors import InputError

CPU, GPU = torch.device("cpu"), torch.device("meta")
SMALL = NetworkConfig(inputs=4, classes=2, blocks=1, channels=8, modes=2, dt_min=0.01)


def _lengths(count: int) -> np.ndarray:
    return np.random.default_rng(1).integers(5, 700, count)


def test_every_sample_is_in_one_batch_of_its_length() -> None:
    lengths = _lengths(500)
    found = batches(500, 16, 700, lengths, np.random.default_rng(0), CPU)
    assert np.array_equal(np.sort(np.concatenate([chosen for chosen, _ in found])), np.arange(500))
    for chosen, steps in found:
        assert lengths[chosen].max() <= steps and len(chosen) <= 16
    assert 1 < len({steps for _, steps in found}) <= BUCKETS
    order = [steps for _, steps in found]
    assert order != sorted(order)


def test_a_gpu_gets_batches_of_one_size() -> None:
    for lengths in (None, _lengths(500)):
        found = batches(500, 16, 700, lengths, np.random.default_rng(0), GPU)
        assert {len(chosen) for chosen, _ in found} == {16} and len(found) > 20


def test_buckets_end_at_whole_units_and_hold_everything() -> None:
    lengths = _lengths(500)
    edges = bucket_edges(lengths, 690)
    assert edges[-1] >= min(lengths.max(), 690) and all(edge % 64 == 0 or edge == 690 for edge in edges)
    assert bucket_edges(np.array([3, 3, 3]), 3).tolist() == [3]


def _symbols(per_step: bool, count: int = 60) -> Task:
    """Whether symbol 1 occurs in the sequence so far; sequences of 5 to 20 steps."""
    rng = np.random.default_rng(2)
    inputs = rng.choice(np.array([0, 0, 0, 0, 0, 0, 0, 0, 1, 2], dtype=np.uint8), (count, 20))
    seen = (np.maximum.accumulate(inputs == 1, axis=1)).astype(np.int64)
    lengths = rng.integers(5, 21, count)
    labels = seen if per_step else seen[np.arange(count), lengths - 1]
    inputs[np.arange(20) >= lengths[:, None]] = 3
    parts = [Part(inputs[chosen], labels[chosen], lengths[chosen]) for chosen in np.split(np.arange(count), 3)]
    return Task("symbols", 2, parts[0], parts[1], parts[2], symbols=4)


@pytest.mark.parametrize("per_step", [False, True])
def test_padding_counts_nowhere(per_step: bool) -> None:
    task = _symbols(per_step)
    part = task.train
    assert part.lengths is not None
    other = Part(part.inputs.copy(), part.labels.copy(), part.lengths)
    padding = np.arange(20) >= part.lengths[:, None]
    other.inputs[padding] = 1
    if per_step:
        other.labels[padding] ^= 1
    torch.manual_seed(0)
    network = SpikingSSM(replace(SMALL, decode="every-step" if per_step else "mean", theta_start=0.3)).eval()
    assert measure(network, part) == measure(network, other)
    assert largest_state(network, part) == largest_state(network, other)
    losses = []
    for one in (part, other):
        inputs, labels, lengths = (torch.from_numpy(array) for array in (one.inputs, one.labels, one.lengths))
        losses.append(loss_of(network(inputs, lengths), labels, TrainConfig(rate_penalty=3), lengths).item())
    assert losses[0] == pytest.approx(losses[1], rel=1e-6)
    figures = measure(network, part)
    assert losses[0] == pytest.approx(figures.loss + 3 * figures.mean_rate, rel=1e-5)


def test_figures_of_a_network_that_decides_at_every_step() -> None:
    task = _symbols(per_step=True)
    torch.manual_seed(0)
    network = SpikingSSM(replace(SMALL, decode="every-step"))
    figures, again = measure(network, task.test), measure(network, task.test, step_by_step=True)
    assert figures.bits_per_symbol == pytest.approx(figures.loss / math.log(2)) == again.bits_per_symbol
    assert task.test.lengths is not None
    classes = classify(network, task.test.inputs, task.test.lengths)
    counted = np.arange(20) < task.test.lengths[:, None]
    assert (classes == task.test.labels)[counted].mean() == pytest.approx(figures.accuracy)
    assert figures.merit == (0.0, -figures.loss) and "bits a symbol" in str(figures)


@pytest.mark.parametrize("per_step", [False, True])
def test_symbols_of_different_lengths_are_learned(per_step: bool, tmp_path: Path) -> None:
    task = _symbols(per_step, count=600)
    network = replace(SMALL, decode="every-step" if per_step else "mean", norm="batch", channels=16, modes=4)
    config = TrainConfig(epochs=12, batch_size=20, ema=0.95)
    result = train(task, network, config, tmp_path)
    assert result is not None and result.test is not None
    assert result.test.accuracy > 0.9


def test_the_decision_must_be_the_tasks(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="decodes 'mean', task 'symbols' needs 'every-step'"):
        train(_symbols(per_step=True), SMALL, TrainConfig(epochs=1), tmp_path)


def test_an_average_is_resumed_and_chosen(tmp_path: Path) -> None:
    task, config = _symbols(per_step=False), TrainConfig(epochs=3, batch_size=8, ema=0.9)
    network = replace(SMALL, norm="batch")
    train(task, network, config, tmp_path / "whole")
    train(task, network, config, tmp_path / "parts", stop_after=2)
    train(task, network, config, tmp_path / "parts", resume=True)
    for name in ("model.safetensors", "config.json", "checkpoint.safetensors"):
        assert (tmp_path / "parts" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    tensors = load_tensors(tmp_path / "whole" / "checkpoint.safetensors")[0]
    trained, average = tensors["model.readout.weight"], tensors["average.readout.weight"]
    assert 0 < (trained - average).abs().max() < 0.1


def test_a_refit_learns_from_both_parts_and_keeps_the_last_weights(tmp_path: Path) -> None:
    task = _symbols(per_step=False)
    config = TrainConfig(epochs=3, batch_size=8, refit=1)
    result = train(task, SMALL, config, tmp_path / "a")
    assert result is not None and result.best_epoch == 3
    swapped = replace(task, validation=replace(task.validation, labels=1 - task.validation.labels))
    train(swapped, SMALL, config, tmp_path / "b")
    first, second = (load_tensors(tmp_path / name / "model.safetensors")[0] for name in "ab")
    assert not torch.equal(first["readout.weight"], second["readout.weight"])
