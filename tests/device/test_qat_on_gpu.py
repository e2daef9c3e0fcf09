"""The integer recurrence on a GPU against its definition, and fake quantization against itself on the CPU."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch

from models.kernels.choice import Form, form_of
from models.kernels.voltages import voltages, voltages_loop
from models.network.spiking_ssm import SpikingSSM
from models.qat.compiling import Compiler
from models.qat.gates import gated
from models.qat.grid import Gate
from models.qat.network import QuantizedSSM
from models.qat.tuner import Plan, Tuner
from models.shipped import zoo
from models.tasks import load_task
from models.tasks.calibration import calibration_inputs
from models.training.config import TrainConfig
from models.training.loss import loss_of
from tests.toy_tasks import FORMS, toy_task
from toolchain.quantize.settings import Settings


def _coefficients(channels: int, modes: int, settings: dict[str, int]) -> dict[str, torch.Tensor]:
    """Random coefficients at full width; poles within the unit disc."""

    def drawn(bits: int, *shape: int) -> torch.Tensor:
        return torch.randint(-(1 << (bits - 1)) + 1, 1 << (bits - 1), shape)

    integers = {
        "a_re": (drawn(settings["a_bits"], channels, modes) * 0.7).long(),
        "a_im": (drawn(settings["a_bits"], channels, modes) * 0.7).long(),
        "c_re": drawn(settings["c_bits"], channels, modes),
        "c_im": drawn(settings["c_bits"], channels, modes),
        "d": drawn(settings["c_bits"], channels),
        "d_shift": torch.randint(0, 32, (channels,)),
        "leak": torch.randint(0, 4097, (channels,)),
        "threshold": torch.randint(1, 1 << 20, (channels,)),
    }
    return {name: values.cuda() for name, values in integers.items()}


def _gradient(weight: torch.Tensor) -> torch.Tensor:
    assert weight.grad is not None
    return weight.grad.flatten().cpu()


def _there(part: torch.Tensor | None) -> torch.Tensor | None:
    return None if part is None else part.cuda()


@pytest.mark.parametrize("shape", [(1, 1, 1), (3, 5, 70), (2, 64, 33), (100, 256, 784)])
@pytest.mark.parametrize(("modes", "state_bits"), [(1, 12), (8, 24), (16, 24), (5, 32)])
def test_recurrence_equals_definition(shape: tuple[int, int, int], modes: int, state_bits: int) -> None:
    torch.manual_seed(shape[2])
    settings = {"a_bits": 16, "c_bits": 8, "state_bits": state_bits, "input_shift": 3, "c_shift": 6}
    own = _coefficients(shape[1], modes, settings)
    drive = torch.randint(-(1 << 16), 1 << 16, shape, dtype=torch.int32, device="cuda")
    drive[..., ::7] *= 100
    assert form_of(drive) is Form.TRITON
    assert torch.equal(voltages(drive, own, settings), voltages_loop(drive, own, settings))


@pytest.mark.parametrize("widths", [Settings(), Settings(weight_bits=4, a_bits=12, c_bits=6, state_bits=16)])
def test_network_on_the_gpu_spikes_as_on_the_cpu(widths: Settings) -> None:
    trained, task = zoo.load("digits"), load_task("digits")
    choice = Compiler("digits", task.steps, calibration_inputs(task), widths).calibrate(trained.network)
    inputs, labels = torch.from_numpy(task.test.inputs[:64]), torch.from_numpy(task.test.labels[:64])
    found = []
    for device in ("cpu", "cuda"):
        network = QuantizedSSM(copy.deepcopy(trained.network).to(device))
        network.adopt(choice)
        output = network(inputs.to(device))
        torch.autograd.backward(torch.nn.functional.cross_entropy(output.logits, labels.to(device)))
        gradients = torch.cat([_gradient(weight) for weight in network.parameters()])
        found.append(([spikes.detach().cpu() for spikes in output.spikes], output.logits.detach().cpu(), gradients))
    (spikes, logits, gradients), (other_spikes, other_logits, other_gradients) = found
    assert all(torch.equal(one, other) for one, other in zip(spikes, other_spikes, strict=True))
    torch.testing.assert_close(logits, other_logits, rtol=1e-6, atol=0)
    torch.testing.assert_close(gradients, other_gradients, rtol=1e-3, atol=1e-4 * gradients.abs().max().item())


def test_gates_at_full_width_are_those_of_the_cpu() -> None:
    torch.manual_seed(2)
    content, opening = torch.randint(-(2**23) + 1, 2**23, (2, 4, 64, 500)).float()
    unit, table = torch.full((64,), 2.0**17), torch.randint(0, 2**16 + 1, (1024,)) / 2.0**16
    gates = [Gate(table.double(), 13, 512, None), Gate(None, 0, 0, torch.arange(64.0))]
    for gate in gates:
        there = replace(gate, table=_there(gate.table), threshold=_there(gate.threshold))
        found = gated(content.cuda(), opening.cuda(), there, unit.cuda())
        assert torch.equal(found.cpu(), gated(content, opening, gate, unit))


@pytest.fixture(params=[False, True], ids=["float32", "tf32"])
def short_mantissas(request: pytest.FixtureRequest) -> Iterator[bool]:
    """Whether products of float32 matrices may use TF32, which must change no integer."""
    before = torch.backends.cuda.matmul.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = request.param
    yield request.param
    torch.backends.cuda.matmul.allow_tf32 = before


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("widths", [Settings(), Settings(weight_bits=4, a_bits=12, c_bits=6)])
def test_networks_with_gates_compute_as_on_the_cpu(form: str, widths: Settings, short_mantissas: bool) -> None:
    torch.manual_seed(9)
    plain, task = SpikingSSM(FORMS[form]).eval(), toy_task(form)
    for block in plain.block_list():
        block.soma.ln_vth.data.fill_(-1.5)
    choice = Compiler("toy", task.steps, calibration_inputs(task), widths).calibrate(plain)
    inputs, labels = torch.from_numpy(task.test.inputs), torch.from_numpy(task.test.labels)
    lengths = None if task.test.lengths is None else torch.from_numpy(task.test.lengths)
    found = []
    for device in ("cpu", "cuda"):
        network = QuantizedSSM(copy.deepcopy(plain).to(device))
        network.adopt(choice)
        counted = None if lengths is None else lengths.to(device)
        output = network(inputs.to(device), counted)
        torch.autograd.backward(loss_of(output, labels.to(device), TrainConfig(), counted))
        gradients = torch.cat([_gradient(weight) for weight in network.parameters()])
        found.append(([spikes.detach().cpu() for spikes in output.spikes], output.logits.detach().cpu(), gradients))
    (spikes, logits, gradients), (other_spikes, other_logits, other_gradients) = found
    assert all(torch.equal(one, other) and one.any() for one, other in zip(spikes, other_spikes, strict=True))
    torch.testing.assert_close(logits, other_logits, rtol=1e-6, atol=0)
    if not short_mantissas:
        torch.testing.assert_close(gradients, other_gradients, rtol=1e-3, atol=1e-4 * gradients.abs().max().item())


@pytest.mark.parametrize("form", FORMS)
def test_fine_tuning_on_symbols_learns(form: str) -> None:
    torch.manual_seed(9)
    training = TrainConfig(epochs=3, batch_size=32, learning_rate=1e-2, rate_penalty=0.0)
    losses: list[float] = []
    network, plan = SpikingSSM(FORMS[form]).cuda(), Plan(training, Settings(weight_bits=4), refresh_steps=2)
    tuned = Tuner(network, toy_task(form), plan).run(lambda epoch: losses.append(epoch.validation.loss))
    assert tuned.best_epoch > 0 and tuned.validation.loss < 0.95 * losses[0]
