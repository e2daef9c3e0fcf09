"""Fine-tuning for integers: gradients, scales by the compiler, what is saved is what was simulated, refusals."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from models.kernels import choice
from models.kernels import soma as soma_kernels
from models.layers.soma import soma
from models.network.config import NetworkConfig
from models.network.spiking_ssm import SpikingSSM
from models.network.to_nir import to_graph
from models.qat.compiling import Compiler
from models.qat.finetune import SETTINGS, Run, find_folder, finetune, publish_finetuned, training_of
from models.qat.network import QuantizedSSM, convolved
from models.qat.on_device import parse_job
from models.qat.straight import fired, rounded, straight_through
from models.qat.tuner import Epoch, Plan, Tuner
from models.shipped import zoo
from models.tasks import Part, Task, load_task
from models.tasks.calibration import calibration_inputs
from seamount.options import read_settings
from toolchain.errors import InputError
from toolchain.frontend.conventions import conventions_for
from toolchain.frontend.read import read_nir
from toolchain.ir.text import program_hash
from toolchain.lower.pipeline import compile_graph
from toolchain.lower.program import lower
from toolchain.lower.scales import choose_scales
from toolchain.quantize.settings import Settings
from toolchain.units.collapse import find_network

NARROW = Settings(weight_bits=4, a_bits=12, c_bits=6)


@pytest.fixture(scope="module")
def task() -> Task:
    """A few of the digits."""
    whole = load_task("digits")
    few = Part(whole.validation.inputs[:40], whole.validation.labels[:40])
    return replace(whole, train=Part(whole.train.inputs[:256], whole.train.labels[:256]), validation=few, test=few)


def test_straight_through_by_hand() -> None:
    real = torch.tensor([0.3, -1.7], requires_grad=True)
    exact = torch.tensor([2.0**24 - 1, -3.0])
    value = straight_through(real, exact)
    torch.autograd.backward((value * torch.tensor([5.0, 7.0])).sum())
    assert torch.equal(value.detach(), exact) and real.grad is not None and real.grad.tolist() == [5.0, 7.0]


def test_what_is_cut_off_gets_no_gradient() -> None:
    real = torch.tensor([0.9, 1.0, 1.2, -1.2], requires_grad=True)
    scale = torch.tensor(7.0)
    # 4-bit weights end at 7: 6.3 and 7 are rounded, 8.4 is cut off.
    integers = rounded(real, torch.tensor([6.0, 7.0, 7.0, -7.0]), scale, 7)
    torch.autograd.backward(integers.sum())
    assert integers.tolist() == [6.0, 7.0, 7.0, -7.0]
    assert real.grad is not None and real.grad.tolist() == [7.0, 7.0, 0.0, 0.0]
    # Integers of some steps ago: what has moved away from them since goes on learning.
    (later,) = torch.autograd.grad(rounded(real, torch.tensor([4.0, 5.0, 7.0, -7.0]), scale, 7).sum(), real)
    assert later.tolist() == [7.0, 7.0, 0.0, 0.0]


def test_spikes_have_the_gradient_of_the_soma() -> None:
    generator = torch.Generator().manual_seed(4)
    y = (1.5 * torch.randn(3, 5, 40, generator=generator)).requires_grad_()
    theta = (0.4 + torch.rand(5, generator=generator)).requires_grad_()
    weight = torch.randn(3, 5, 40, generator=generator)
    torch.autograd.backward(soma(y, theta), weight)
    expected = y.grad, theta.grad
    y.grad = theta.grad = None
    # Voltages in eighths of the real ones' last bits would not be whole; what counts is that the scale cancels.
    scale = torch.tensor([1.0, 8.0, 0.5, 2.0, 1024.0])
    v = soma_kernels.forward(y.detach(), theta.detach())[1] * scale[:, None]
    spikes = fired(y, theta, v, theta.detach() * scale, scale)
    torch.autograd.backward(spikes, weight)
    for found, wanted in zip((y.grad, theta.grad), expected, strict=True):
        torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("steps", [5, 64, 100, 300])
def test_the_chunks_of_a_gpu_have_the_gradients_of_the_transforms(steps: int, monkeypatch: pytest.MonkeyPatch) -> None:
    generator = torch.Generator().manual_seed(steps)
    u, weight = torch.randn(2, 2, 3, steps, dtype=torch.float64, generator=generator)
    radius, phase, c = torch.rand(3, 3, 4, dtype=torch.float64, generator=generator)
    radius[0, 0] = 0  # a pole that is rounded to nothing
    leaves = [u, torch.polar(radius, 3 * phase), torch.polar(c, 6 * phase), c[:, 0].clone()]
    found = []
    for wide in (set(), {"cpu"}):
        monkeypatch.setattr(choice, "WIDE", wide)
        given = [leaf.detach().requires_grad_() for leaf in leaves]
        y = convolved(*given)
        found.append([y.detach(), *torch.autograd.grad((y * weight).sum(), given)])
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(torch.view_as_real(one + 0j), torch.view_as_real(other + 0j), rtol=1e-7, atol=1e-9)


def _gradients(network: torch.nn.Module, task: Task) -> dict[str, Tensor]:
    inputs, labels = torch.from_numpy(task.validation.inputs), torch.from_numpy(task.validation.labels)
    torch.autograd.backward(torch.nn.functional.cross_entropy(network(inputs).logits, labels))
    found = {name.removeprefix("network."): weight.grad for name, weight in network.named_parameters()}
    gradients = {name: gradient for name, gradient in found.items() if gradient is not None}
    assert gradients.keys() == found.keys()
    return gradients


def test_on_a_fine_grid_gradients_are_those_of_the_float_network(task: Task) -> None:
    plain = zoo.load("digits").network
    widths = Settings(a_bits=20, c_bits=16, c_rounding="nearest")
    quantized = QuantizedSSM(copy.deepcopy(plain))
    quantized.adopt(Compiler("digits", task.steps, calibration_inputs(task), widths).calibrate(plain))
    found, wanted = _gradients(quantized, task), _gradients(plain, task)
    assert found.keys() == wanted.keys()
    for name, gradient in found.items():
        cosine = torch.nn.functional.cosine_similarity(gradient.flatten(), wanted[name].flatten(), dim=0)
        # Int8 weights flip a spike here and there.
        assert cosine > 0.9, name


def test_scales_between_calibrations_are_the_compilers(task: Task) -> None:
    """`choose` takes a shorter way than the NIR graph; the program is that of the graph."""
    network = zoo.load("digits").network
    compiler = Compiler("digits", task.steps, calibration_inputs(task), NARROW)
    before = compiler.calibrate(network)
    assert program_hash(compiler.choose(network, before).program) == program_hash(before.program)
    generator = torch.Generator().manual_seed(1)
    for weight in network.parameters():
        weight.data += 0.02 * weight.data.abs().mean() * torch.randn(weight.shape, generator=generator)
    graph = to_graph(network, "digits", task.steps)
    conventions = conventions_for(graph)
    units = find_network(graph, conventions)
    scheme = choose_scales(units, before.compiled.calibration, NARROW)
    expected = lower(units, scheme, "digits").program
    assert program_hash(expected) != program_hash(before.program)
    assert program_hash(compiler.choose(network, before).program) == program_hash(expected)


def test_deploying_what_was_saved_makes_the_program_that_was_simulated(tmp_path: Path) -> None:
    widths = tmp_path / "widths.json"
    widths.write_text(json.dumps({"weight_bits": 3, "a_bits": 10, "c_bits": 5, "projections": {}}))
    run = Run(read_settings(widths), {"epochs": 2, "batch_size": 256, "learning_rate": 5e-3}, refresh_steps=2)
    found = finetune("digits", tmp_path / "run", run)
    # Three bits cost so much that the first epoch mends some of it.
    assert found.best_epoch > 0 and found.after["validation"].loss < found.before["validation"].loss
    publish_finetuned(tmp_path / "run", tmp_path / "run", "seamount finetune zoo:digits")
    graph = read_nir(tmp_path / "run" / "model.nir")
    settings = read_settings(tmp_path / "run" / SETTINGS)
    data = calibration_inputs(load_task("digits"))
    compiled = compile_graph(graph, conventions_for(graph), data, settings=settings, name="digits")
    assert program_hash(compiled.lowered.program) == program_hash(found.choice.program)
    card = (tmp_path / "run" / "CARD.md").read_text()
    after = found.after["test"].accuracy
    assert f"| test | 98.89% | {found.before['test'].accuracy:.2%} | {after:.2%} |" in card


def _tuned(task: Task, seed: int) -> tuple[list[Epoch], dict[str, Tensor]]:
    network, seen = zoo.load("digits").network, list[Epoch]()
    changes = {"epochs": 2, "batch_size": 32, "learning_rate": 5e-3, "augment": 0, "seed": seed}
    plan = Plan(training_of(zoo.load("digits"), changes), replace(NARROW, weight_bits=3), distill=0.5)
    tuned = Tuner(network, task, plan).run(seen.append)
    assert tuned.validation == seen[tuned.best_epoch].validation
    return seen, network.state_dict()


def test_it_learns_and_the_same_seed_gives_the_same_weights(task: Task) -> None:
    seen, weights = _tuned(task, 0)
    again, same = _tuned(task, 0)
    assert [epoch.epoch for epoch in seen] == [0, 1, 2]
    assert seen[2].train_loss < 0.7 * seen[1].train_loss
    assert seen[2].validation.loss < 0.7 * seen[0].validation.loss
    assert [epoch.validation for epoch in seen] == [epoch.validation for epoch in again]
    assert all(torch.equal(weights[name], same[name]) for name in weights)


def test_a_refitted_network_is_tuned_on_both_parts_and_keeps_its_last_weights(task: Task) -> None:
    assert training_of(zoo.load("hapt"), {}).refit == 1 and training_of(zoo.load("digits"), {}).refit == 0
    plan = Plan(training_of(zoo.load("digits"), {"epochs": 1, "refit": 1, "batch_size": 100}), NARROW)
    # One rate too high, so that no choice would have fallen on this epoch.
    plan = replace(plan, training=replace(plan.training, learning_rate=0.5))
    tuner, seen = Tuner(zoo.load("digits").network, task, plan), list[Epoch]()
    assert len(tuner.part) == len(task.train) + len(task.validation)
    tuned = tuner.run(seen.append)
    assert seen[1].validation.loss > seen[0].validation.loss
    assert tuned.best_epoch == 1 and tuned.validation == seen[1].validation


def test_time_that_is_up_leaves_the_network_as_it_was(task: Task) -> None:
    network = zoo.load("digits").network
    before = copy.deepcopy(network.state_dict())
    tuned = Tuner(network, task, Plan(training_of(zoo.load("digits"), {}), NARROW, seconds=0.0)).run()
    assert tuned.best_epoch == 0
    assert all(torch.equal(before[name], weight) for name, weight in network.state_dict().items())


def test_no_integers_yet() -> None:
    network = QuantizedSSM(SpikingSSM(NetworkConfig(channels=4, modes=2)))
    with pytest.raises(InputError, match="has no integers yet; call adopt"):
        network(torch.zeros(1, 3, 1))


@pytest.mark.parametrize(
    ("kinds", "said"),
    [
        ({"soma": "threshold"}, r"has {'soma': 'threshold'}, fine-tuning for integers needs soma lif; train such"),
        ({"direction": "both"}, r"has {'direction': 'both'}, fine-tuning for integers needs direction causal; train"),
        (
            {"soma": "ternary", "mix": "gsu"},
            r"'mix': 'gsu'}, fine-tuning for integers needs soma lif; mix linear or glu or binary-gate or two-stage; ",
        ),
    ],
)
def test_what_has_no_such_integers_is_refused(kinds: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        QuantizedSSM(SpikingSSM(NetworkConfig(channels=4, modes=2, **kinds)))


def test_an_epoch_may_see_a_part_of_the_samples_another_each_time(task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    trained = zoo.load("digits")
    seen: list[torch.Tensor] = []
    training = replace(training_of(trained, {"epochs": 2, "batch_size": 20}), augment=0)
    tuner = Tuner(trained.network, task, Plan(training, NARROW, refresh_steps=9, epoch_samples=50))

    def step(batch: torch.Tensor, *_: Any) -> torch.Tensor:
        seen.append(batch)
        return torch.zeros(())

    monkeypatch.setattr(tuner, "_step", step)
    tuner.run()
    sizes = [len(batch) for batch in seen]
    assert len(sizes) == 6 and sum(sizes[:3]) in range(51, 61)
    assert not torch.equal(seen[0], seen[3])


def test_a_task_of_another_kind_is_refused(task: Task) -> None:
    labels = np.zeros(task.validation.inputs.shape[:2], np.int64)
    part = replace(task.validation, labels=labels)
    every = replace(task, train=part, validation=part, test=part)
    with pytest.raises(InputError, match=r"decodes 'mean', task 'digits' needs 'every-step'; set decode"):
        Tuner(zoo.load("digits").network, every, Plan(training_of(zoo.load("digits"), {}), NARROW))


def test_jobs() -> None:
    job = parse_job("small=smnist:90:weight_bits=4,c_rounding=nearest,epochs=2,learning_rate=1e-3,refresh_steps=8")
    assert (job.name, job.start) == ("small", "smnist")
    assert job.run == Run(
        Settings(weight_bits=4, c_rounding="nearest"), {"epochs": 2, "learning_rate": 1e-3}, refresh_steps=8, seconds=90
    )
    assert parse_job("a=b:9:epoch_samples=300").run.epoch_samples == 300
    for text in ("smnist:90", "a=b", "a=b:soon", "a=b:9:epochs=many", "a=b:9:refresh_steps=0", "a=b:9:epoch_samples=0"):
        with pytest.raises(InputError, match="is not a job"):
            parse_job(text)


def test_a_network_by_name_or_by_folder(tmp_path: Path) -> None:
    assert find_folder("zoo:digits") == find_folder("digits") == zoo.ZOO / "digits"
    assert find_folder(str(tmp_path)) == tmp_path
