"""Gates and second stages of fake quantization: the neuron types' own arithmetic, gradients of their float selves."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from models.layers.binary_s4d import spike
from models.network.config import NetworkConfig
from models.network.spiking_ssm import SpikingSSM
from models.qat.compiling import Compiler
from models.qat.gates import gated, stage
from models.qat.grid import Fire, Gate
from models.qat.network import QuantizedSSM
from models.training.config import TrainConfig
from models.training.loss import loss_of
from toolchain.ir.neurons import Values
from toolchain.ir.program import Population
from toolchain.ir.timestep import keeper, step_population
from toolchain.quantize.settings import Settings

TOP = 2**23 - 1


def _by_the_neuron_type(population: Population, ports: dict[str, np.ndarray]) -> np.ndarray:
    """Messages of one step."""
    state = {register.name: np.zeros((1, population.size), np.int64) for register in population.type.stored}
    entering = Values({name: values[None] for name, values in ports.items()})
    found = step_population(population, state, entering, keeper(population, lambda *_: None))[1]
    message: np.ndarray = found[0]
    return message


def _drawn(data: st.DataObject, rng: np.random.Generator, size: int) -> np.ndarray:
    """What a register of 24 bits may hold, its ends among it."""
    reach = 1 << data.draw(st.integers(0, 23))
    drawn: np.ndarray = np.concatenate([rng.integers(-reach, reach, size - 3), [-TOP, 0, TOP]]).clip(-TOP, TOP)
    return drawn


def _column(values: np.ndarray) -> Tensor:
    """As (batch, channels, steps) float32, which holds every such integer."""
    return torch.from_numpy(values).to(torch.float32)[None, :, None]


@given(st.data())
@settings(max_examples=60)
def test_gates_are_the_neuron_types(data: st.DataObject) -> None:
    rng, size = np.random.default_rng(data.draw(st.integers(0, 2**31))), 40
    content, opening = _drawn(data, rng, size), rng.permutation(_drawn(data, rng, size))
    bits, entries = data.draw(st.integers(1, 16)), data.draw(st.integers(1, 64))
    own = {
        "table_bits": bits,
        "entry_bits": bits + 1,
        "index_shift": data.draw(st.integers(0, 23)),
        "index_offset": data.draw(st.integers(0, 64)),
    }
    table = rng.integers(0, 2**bits + 1, entries)
    ports, unit = {"value": content, "drive": opening}, torch.ones(size)
    population = Population("gate", "sigmoid_gate", size, settings=own, coefficients={"table": table})
    shares = torch.from_numpy(table / 2.0**bits)
    found = gated(_column(content), _column(opening), Gate(shares, own["index_shift"], own["index_offset"], None), unit)
    assert np.array_equal(found[0, :, 0].numpy(), _by_the_neuron_type(population, ports))

    threshold = rng.permutation(opening)
    population = Population("gate", "binary_gate", size, coefficients={"threshold": threshold})
    binary = Gate(None, 0, 0, torch.from_numpy(threshold).float())
    found = gated(_column(content), _column(opening), binary, unit)
    assert np.array_equal(found[0, :, 0].numpy(), _by_the_neuron_type(population, ports))

    above = np.maximum(threshold, 1)
    rules = {"leak": np.zeros(size, np.int64), "threshold": above}
    population = Population("fire", "lif", size, settings={"strict": 0, "reset": 0}, coefficients=rules)
    limit = torch.from_numpy(above).float()
    found = stage(_column(opening), Fire(limit, limit), limit, unit)
    assert np.array_equal(found[0, :, 0].numpy(), _by_the_neuron_type(population, {"input": opening}))


def _gradients(message: Tensor, *leaves: Tensor) -> tuple[Tensor, ...]:
    weight = torch.linspace(-1, 1, message.numel()).view_as(message)
    return torch.autograd.grad((message * weight).sum(), leaves)


def test_the_gates_gradient_is_that_of_the_float_product() -> None:
    """Where the integers are, in their units: the message's are those of the content."""
    generator = torch.Generator().manual_seed(3)
    content = torch.randint(-900, 900, (2, 3, 50), generator=generator).float().requires_grad_()
    opening = torch.randint(-400, 400, (2, 3, 50), generator=generator).float().requires_grad_()
    unit = torch.tensor([64.0, 128.0, 256.0])
    middles = (torch.arange(16, dtype=torch.float64) - 7.5) / 2
    gate = Gate((torch.sigmoid(middles) * 2**14).round() / 2**14, 5, 8, None)
    found = _gradients(gated(content, opening, gate, unit), content, opening)
    wanted = _gradients(content * torch.sigmoid(opening / unit[:, None]), content, opening)
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, other)
    binary = Gate(None, 0, 0, torch.zeros(3))
    found = _gradients(gated(content, opening, binary, unit), content, opening)
    wanted = _gradients(content * spike(opening / unit[:, None], "triangle"), content, opening)
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, other)


def test_the_second_stages_gradient_is_that_of_the_float_one() -> None:
    generator = torch.Generator().manual_seed(5)
    drive = torch.randint(-100, 200, (2, 3, 50), generator=generator).float().requires_grad_()
    theta, unit = torch.tensor([0.5, 1.0, 1.5], requires_grad=True), torch.tensor([64.0, 32.0, 64.0])
    fire = Fire((theta * unit).detach(), theta.detach())
    found = _gradients(stage(drive, fire, theta, unit), drive, theta)
    wanted = _gradients(spike(drive / (unit * theta)[:, None] - 1, "triangle"), drive, theta)
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, other)


def _network(**kinds: Any) -> SpikingSSM:
    """Of weights that 8 bits hold exactly, so that a fine grid's spikes are nearly all those of the floats."""
    config = NetworkConfig.from_mapping(
        {"inputs": 5, "classes": 4, "blocks": 2, "channels": 12, "modes": 3, "dt_min": 0.02, **kinds}, "test"
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(7)
        network = SpikingSSM(config)
        for block in network.block_list():
            block.soma.ln_vth.data.fill_(-1.5)
            if block.norm is not None:
                block.norm.mean.normal_(0, 0.2)
                block.norm.variance.uniform_(0.5, 2.0)
                block.norm.bias.data.normal_(0, 0.2)
    for name, weight in network.named_parameters():
        if name.endswith(("encoder.weight", "mix.weight", "mix.second_weight", "readout.weight")):
            weight.data = (weight.data * 64).round() / 64
    return network.eval()


FORMS = {
    "glu": {"mix": "glu", "norm": "batch"},
    "binary gate": {"mix": "binary-gate"},
    "two stages": {"mix": "two-stage", "norm": "batch"},
    "norm": {"norm": "batch"},
    "every step": {"mix": "glu", "norm": "batch", "decode": "every-step"},
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("padded", [False, True], ids=["whole", "padded"])
def test_on_a_fine_grid_gradients_are_those_of_the_float_network(form: str, padded: bool) -> None:
    network, rng = _network(**FORMS[form]), np.random.default_rng(2)
    symbols = rng.integers(0, 5, (16, 60)).astype(np.uint8)
    labels = torch.from_numpy(rng.integers(0, 4, symbols.shape if form == "every step" else 16))
    lengths = torch.from_numpy(rng.integers(20, 61, 16)) if padded else None
    widths = Settings(a_bits=20, c_bits=16, state_bits=32, c_rounding="nearest")
    quantized = QuantizedSSM(network)
    quantized.adopt(Compiler("toy", 60, np.eye(5)[symbols], widths).calibrate(network))
    found = []
    for run in (quantized, network):
        network.zero_grad()
        output = run(torch.from_numpy(symbols), lengths)
        torch.autograd.backward(loss_of(output, labels, TrainConfig(rate_penalty=0.1), lengths))
        found.append(
            {name: weight.grad.clone() for name, weight in network.named_parameters() if weight.grad is not None}
        )
    assert found[0].keys() == found[1].keys() == dict(network.named_parameters()).keys()
    for name, gradient in found[0].items():
        cosine = torch.nn.functional.cosine_similarity(gradient.flatten(), found[1][name].flatten(), dim=0)
        assert cosine > 0.95, (name, cosine)


def test_what_is_padding_changes_nothing() -> None:
    network, rng = _network(mix="glu", norm="batch"), np.random.default_rng(4)
    symbols = rng.integers(0, 5, (8, 60)).astype(np.uint8)
    lengths, labels = torch.from_numpy(rng.integers(20, 50, 8)), torch.from_numpy(rng.integers(0, 4, 8))
    quantized = QuantizedSSM(network)
    quantized.adopt(Compiler("toy", 60, np.eye(5)[symbols], Settings()).calibrate(network))
    found = []
    for _ in range(2):
        network.zero_grad()
        output = quantized(torch.from_numpy(symbols), lengths)
        loss = loss_of(output, labels, TrainConfig(rate_penalty=0.1), lengths)
        torch.autograd.backward(loss)
        gradients = torch.cat([weight.grad.flatten() for weight in network.parameters() if weight.grad is not None])
        found.append((output.logits.detach(), loss.item(), gradients))
        symbols[np.arange(60) >= lengths.numpy()[:, None]] = rng.integers(0, 5)
    assert torch.equal(found[0][0], found[1][0]) and found[0][1] == found[1][1]
    torch.testing.assert_close(found[0][2], found[1][2], rtol=1e-4, atol=1e-6)
