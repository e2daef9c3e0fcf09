"""Training: it learns, it repeats itself, it goes on where it stopped, and it refuses what does not fit."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from models.layers.normalization import estimate_statistics
from models.layers.weights import load_tensors, round_to_half, save_tensors
from models.network.config import NetworkConfig
from models.network.spiking_ssm import SpikingSSM
from models.tasks import Part, Task, load_task
from models.training.config import TrainConfig
from models.training.folder import load_folder
from models.training.measure import measure
from models.training.optimizer import make_optimizer, one_cycle
from models.training.train import Progress, train
from toolchain.errors import InputError

TINY = NetworkConfig(channels=12, modes=3, dropout=0.1)
SHORT = TrainConfig(epochs=3, seed=9)


@pytest.fixture(scope="module")
def task() -> Task:
    """A sixth of the digits."""
    whole = load_task("digits")
    part = Part(whole.train.inputs[:200], whole.train.labels[:200])
    few = Part(whole.validation.inputs[:50], whole.validation.labels[:50])
    return replace(whole, train=part, validation=few, test=few)


def _weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_tensors(folder / "model.safetensors")[0]


def test_loss_falls_and_the_folder_is_complete(task: Task, tmp_path: Path) -> None:
    seen: list[Progress] = []
    config = TrainConfig(epochs=20, batch_size=20, learning_rate=0.02, augment=0)
    network = NetworkConfig(channels=32, modes=8, dt_min=0.01, dt_max=0.3)
    result = train(task, network, config, tmp_path, on_epoch=seen.append)
    assert result is not None and result.test is not None
    assert [progress.epoch for progress in seen] == list(range(1, 21))
    assert seen[-1].train_loss < 0.6 * seen[0].train_loss
    best = max(seen, key=lambda progress: (progress.validation.accuracy, -progress.validation.loss))
    assert result.best_epoch == best.epoch
    assert result.validation.accuracy == pytest.approx(best.validation.accuracy, abs=0.021)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "checkpoint.safetensors",
        "config.json",
        "model.safetensors",
    ]
    assert load_folder(tmp_path).training == config


def test_the_same_seed_gives_the_same_bytes(task: Task, tmp_path: Path) -> None:
    for name, seed in (("a", 9), ("b", 9), ("c", 10)):
        train(task, TINY, replace(SHORT, epochs=1, seed=seed), tmp_path / name, measure_test=False)
    first, again, other = ((tmp_path / name / "model.safetensors").read_bytes() for name in "abc")
    assert first == again
    assert first != other


@pytest.mark.parametrize("stop", [1, 2])
def test_resumed_equals_uninterrupted(task: Task, tmp_path: Path, stop: int) -> None:
    train(task, TINY, SHORT, tmp_path / "whole", measure_test=False)
    assert train(task, TINY, SHORT, tmp_path / "parts", stop_after=stop) is None
    assert not (tmp_path / "parts" / "model.safetensors").exists()
    train(task, TINY, SHORT, tmp_path / "parts", resume=True, measure_test=False)
    for name in ("model.safetensors", "config.json", "checkpoint.safetensors"):
        assert (tmp_path / "parts" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_resume_refuses_other_settings(task: Task, tmp_path: Path) -> None:
    train(task, TINY, SHORT, tmp_path, stop_after=1)
    with pytest.raises(InputError, match="belongs to a run with other settings"):
        train(task, TINY, replace(SHORT, seed=1), tmp_path, resume=True)


def test_resume_refuses_a_damaged_checkpoint(task: Task, tmp_path: Path) -> None:
    train(task, TINY, SHORT, tmp_path, stop_after=1)
    path = tmp_path / "checkpoint.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(InputError, match="cannot be read as safetensors"):
        train(task, TINY, SHORT, tmp_path, resume=True)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("optimizer.0.exp_avg", "optimizer state 0 has a wrong shape"),
        ("optimizer.0.step", "holds 59 optimizer tensors, expected 60"),
        ("best.readout.bias", r"readout\.bias: is torch.float32 \(1,\)"),
        ("note", r"its note is damaged \(KeyError\('epoch'\)\)"),
    ],
)
def test_resume_refuses_a_checkpoint_that_lacks_something(task: Task, tmp_path: Path, name: str, message: str) -> None:
    train(task, TINY, SHORT, tmp_path, stop_after=1)
    path = tmp_path / "checkpoint.safetensors"
    tensors, note = load_tensors(path)
    if name == "note":
        del note["epoch"]
    elif name.endswith("step"):
        del tensors[name]
    else:
        tensors[name] = torch.zeros(1)
    save_tensors(path, tensors, note)
    with pytest.raises(InputError, match=message):
        train(task, TINY, SHORT, tmp_path, resume=True)


def test_the_test_part_is_left_alone_unless_asked_for(task: Task, tmp_path: Path) -> None:
    broken = replace(task, test=Part(task.test.inputs[:, :0], task.test.labels))
    result = train(broken, TINY, replace(SHORT, epochs=1), tmp_path, measure_test=False)
    assert result is not None and result.test is None
    assert "test" not in json.loads((tmp_path / "config.json").read_text())["figures"]


def test_half_precision_is_what_is_measured_and_stored(task: Task, tmp_path: Path) -> None:
    config = replace(SHORT, epochs=1, half=1)
    result = train(task, TINY, config, tmp_path)
    assert result is not None
    stored = _weights(tmp_path)
    short = {name for name, tensor in stored.items() if tensor.dtype == torch.float16}
    assert short == {name for name in stored if name.endswith(("encoder.weight", "mix.weight", "ssm.c"))} | {
        "readout.weight"
    }
    network = load_folder(tmp_path).network
    assert all(weight.dtype == torch.float32 for weight in network.parameters())
    assert measure(network, task.test, step_by_step=True) == result.test
    stored["readout.weight"] = torch.full_like(stored["readout.weight"], torch.inf)
    save_tensors(tmp_path / "model.safetensors", stored)
    with pytest.raises(InputError, match=r"readout.weight: 120 of 120 values are not finite"):
        load_folder(tmp_path)


def test_what_does_not_fit_half_precision_is_refused() -> None:
    with pytest.raises(InputError, match=r"mix.weight: 70000 does not fit half precision \(max 65504\)"):
        round_to_half({"mix.weight": torch.tensor([1.0, -70000.0])}, ("mix.weight",))


def test_averaged_weights_with_norms_are_measured_with_statistics_of_their_own(task: Task, tmp_path: Path) -> None:
    """An average that has barely moved is the network it began as: its figures must be that network's."""
    seen: list[Progress] = []
    network = replace(TINY, norm="batch", dropout=0.0)
    config = TrainConfig(epochs=2, ema=0.999999, learning_rate=0.05, augment=0)
    train(task, network, config, tmp_path, measure_test=False, on_epoch=seen.append)
    torch.manual_seed(config.seed)
    fresh = SpikingSSM(network)
    estimate_statistics(fresh, [(torch.from_numpy(task.train.inputs),)])
    assert seen[-1].validation.loss == pytest.approx(measure(fresh, task.validation).loss, rel=0.02)


def test_rate_penalty_lowers_the_rate(task: Task, tmp_path: Path) -> None:
    rates = []
    for penalty in (0.0, 20.0):
        config = TrainConfig(epochs=6, rate_penalty=penalty)
        result = train(task, TINY, config, tmp_path / str(penalty), measure_test=False)
        assert result is not None
        last, _ = load_tensors(tmp_path / str(penalty) / "checkpoint.safetensors")
        rates.append(_rate(last, task))
    assert rates[1] < 0.7 * rates[0]


def _rate(tensors: dict[str, torch.Tensor], task: Task) -> float:
    network = SpikingSSM(TINY)
    network.load_state_dict({k.removeprefix("model."): v for k, v in tensors.items() if k.startswith("model.")})
    return measure(network, task.validation).mean_rate


def test_a_larger_network_goes_on_from_a_smaller_one(task: Task, tmp_path: Path) -> None:
    """At a learning rate of 0 it stays what it began as: the same function, to the rounding of floats."""
    small, still = replace(TINY, dropout=0.0), TrainConfig(epochs=1, learning_rate=0.0, ssm_learning_rate=0.0)
    before = train(task, small, SHORT, tmp_path / "small", measure_test=False)
    larger = replace(small, channels=17, blocks=3)
    after = train(task, larger, still, tmp_path / "large", measure_test=False, start=tmp_path / "small")
    assert before is not None and after is not None
    assert after.validation.loss == pytest.approx(before.validation.loss, rel=1e-3)
    start = json.loads((tmp_path / "large" / "config.json").read_text())["figures"]["start"]
    assert start["network"] == small.to_mapping() and start["training"] == SHORT.to_mapping()
    with pytest.raises(InputError, match=r"model.safetensors: missing tensors .'blocks.0.mix.ln_vth'"):
        train(task, replace(larger, mix="two-stage"), still, tmp_path / "other", start=tmp_path / "small")


def test_a_larger_training_part_is_trained_on_where_there_is_one(task: Task, tmp_path: Path) -> None:
    config = replace(SHORT, epochs=1, augment=0, large=1)
    with pytest.raises(InputError, match="task 'digits' has no larger training part; leave it at 0"):
        train(task, TINY, config, tmp_path / "none")
    whole = load_task("digits").train
    train(replace(task, large=lambda: whole), TINY, config, tmp_path / "large", measure_test=False)
    train(replace(task, train=whole), TINY, replace(config, large=0), tmp_path / "same", measure_test=False)
    assert (tmp_path / "large" / "model.safetensors").read_bytes() == (
        tmp_path / "same" / "model.safetensors"
    ).read_bytes()


def test_the_callers_random_state_and_threads_are_kept(task: Task, tmp_path: Path) -> None:
    torch.manual_seed(123)
    before, threads = torch.random.get_rng_state(), torch.get_num_threads()
    train(task, TINY, replace(SHORT, epochs=1), tmp_path, measure_test=False)
    assert torch.equal(torch.random.get_rng_state(), before) and torch.get_num_threads() == threads


def test_sizes_must_fit(task: Task, tmp_path: Path) -> None:
    wanted = "network: has 2 inputs and 10 classes, task 'digits' has 1 and 10"
    with pytest.raises(InputError, match=wanted):
        train(task, NetworkConfig(inputs=2), SHORT, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_loss_that_is_not_finite_ends_the_run(task: Task, tmp_path: Path) -> None:
    inputs = task.train.inputs.copy()
    inputs[3, 5] = float("nan")
    broken = replace(task, train=Part(inputs, task.train.labels))
    with pytest.raises(InputError, match="epoch 1: the loss is nan"):
        train(broken, TINY, replace(SHORT, augment=0), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_one_cycle() -> None:
    ends = [one_cycle(progress) for progress in (0.0, 0.15, 0.3, 0.65, 1.0)]
    assert ends == pytest.approx([0.04, 0.52, 1.0, 0.50005, 1e-4])


def test_optimizer_groups() -> None:
    network = SpikingSSM(TINY)
    optimizer = make_optimizer(network, TrainConfig(learning_rate=0.02, weight_decay=0.3))
    decayed, plain, slow = optimizer.param_groups
    names = {id(weight): name for name, weight in network.named_parameters()}
    assert {names[id(weight)].split(".")[-1] for weight in slow["params"]} == {"log_dt", "log_decay", "frequency"}
    assert {names[id(weight)].split(".")[-1] for weight in plain["params"]} == {"bias", "ln_vth", "d"}
    assert (decayed["weight_decay"], plain["weight_decay"], slow["weight_decay"]) == (0.3, 0.0, 0.0)
    assert (decayed["peak"], plain["peak"], slow["peak"]) == (0.02, 0.02, 1e-3)
