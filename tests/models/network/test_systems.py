"""Every choice of soma, mixing and normalization: in parallel, step by step, and as a NIR graph."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from models.layers.normalization import estimate_statistics
from models.network.config import NetworkConfig
from models.network.spiking_ssm import SpikingSSM
from models.network.to_nir import to_graph
from toolchain.errors import InputError, UnsupportedError
from toolchain.frontend.conventions import conventions_for
from toolchain.frontend.execute import run
from toolchain.frontend.extensions import extension_kinds

CHOICES: dict[str, dict[str, Any]] = {
    "default": {},
    "fixed threshold": {"theta": "fixed", "theta_start": 0.5},
    "threshold": {"soma": "threshold", "surrogate": "arctan", "theta_start": 0.5},
    "fast sigmoid": {"soma": "threshold", "surrogate": "fast-sigmoid", "mix": "glu"},
    "glu": {"mix": "glu", "norm": "batch"},
    "binary gate": {"mix": "binary-gate"},
    "two stages": {"mix": "two-stage", "soma": "threshold", "modes": 1},
    "gsu": {"mix": "gsu", "soma": "ternary", "theta_start": 0.3, "activation": "relu"},
    "gsu of tokens": {"mix": "gsu", "soma": "ternary-token", "activation": "gelu", "norm": "batch"},
    "symbols": {"inputs": 7, "norm": "batch"},
    "every step": {"inputs": 7, "decode": "every-step", "mix": "glu", "theta_start": 0.3},
}
PURE = {"default", "fixed threshold", "threshold", "two stages", "symbols"}
STEPS = 40


def _network(name: str) -> SpikingSSM:
    torch.manual_seed(8)
    values = {"channels": 12, "modes": 3, "classes": 4, "dt_min": 0.01, **CHOICES[name]}
    network = SpikingSSM(NetworkConfig.from_mapping(values, name)).double()
    with torch.no_grad():
        for block in network.block_list():
            if block.norm is not None:
                for constant in (block.norm.weight, block.norm.variance):
                    constant.uniform_(0.5, 2.0)
                for constant in (block.norm.bias, block.norm.mean):
                    constant.normal_(std=0.3)
    return network.eval()


def _inputs(network: SpikingSSM, samples: int = 6) -> torch.Tensor:
    generator = torch.Generator().manual_seed(3)
    if network.config.inputs > 1:
        return torch.randint(0, network.config.inputs, (samples, STEPS), generator=generator, dtype=torch.uint8)
    return torch.rand(samples, STEPS, 1, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("name", CHOICES)
def test_forward_equals_step(name: str) -> None:
    network = _network(name)
    inputs = _inputs(network)
    with torch.no_grad():
        whole, steps = network(inputs), network.unroll(inputs)
    assert all(torch.equal(a, b) for a, b in zip(whole.spikes, steps.spikes, strict=True))
    torch.testing.assert_close(whole.logits, steps.logits, rtol=0, atol=1e-9)
    assert all(0.005 < spikes.abs().mean().item() < 0.97 for spikes in whole.spikes)


@pytest.mark.parametrize("name", CHOICES)
def test_every_trained_parameter_has_a_gradient(name: str) -> None:
    network = _network(name).train()
    output = network(_inputs(network))
    loss = output.logits.logsumexp(1).sum() + sum(spikes.abs().sum() for spikes in output.spikes)
    torch.autograd.backward(loss)
    trained = {key: weight for key, weight in network.named_parameters() if weight.requires_grad}
    assert [key for key, weight in trained.items() if weight.grad is None or not weight.grad.abs().sum()] == []
    fixed = network.config.theta == "fixed" or network.config.soma == "ternary-token"
    assert any(key.endswith("soma.ln_vth") for key in trained) is not fixed


@pytest.mark.parametrize("name", [name for name in CHOICES if name != "gsu of tokens"])
def test_graph_does_what_the_network_does(name: str) -> None:
    network = _network(name)
    inputs = _inputs(network)
    graph = to_graph(network, "test", STEPS, channels_a_chunk=5)
    assert (extension_kinds(graph) == ()) is (name in PURE)
    somas = [f"block{index}.soma" for index in range(network.config.blocks)]
    found, fired = run(graph, network.as_values(inputs).numpy(), conventions_for(graph), somas)
    expected = network.unroll(inputs)
    for soma, spikes in zip(somas, expected.spikes[:: len(expected.spikes) // len(somas)], strict=True):
        assert np.array_equal(fired[soma], spikes.transpose(1, 2).numpy())
    if network.config.decode == "every-step":
        np.testing.assert_allclose(found, expected.logits.detach().transpose(1, 2).numpy(), rtol=0, atol=1e-9)
    else:
        np.testing.assert_allclose(found[:, -1], STEPS * expected.logits.detach().numpy(), rtol=0, atol=1e-8)


@pytest.mark.parametrize("name", ["gsu of tokens", "gsu"])
def test_what_no_core_can_run_is_refused(name: str) -> None:
    network = _network(name)
    if name == "gsu":
        network = SpikingSSM(NetworkConfig(mix="gsu", soma="ternary", activation="gelu"))
    wanted = "gelu after the product has no form" if name == "gsu" else "a share of the largest channel"
    with pytest.raises(UnsupportedError, match=wanted):
        to_graph(network, "test", STEPS)


def test_both_directions_of_time() -> None:
    torch.manual_seed(4)
    network = SpikingSSM(NetworkConfig(direction="both", channels=8, modes=2)).double().eval()
    inputs = torch.rand(2, 30, 1, dtype=torch.float64)
    later = inputs.clone()
    later[:, 20:] += 5
    with torch.no_grad():
        first, second = network(inputs).spikes[0], network(later).spikes[0]
    assert not torch.equal(first[..., :20], second[..., :20])
    for use in (lambda: network.unroll(inputs), lambda: to_graph(network, "test", 30)):
        with pytest.raises(UnsupportedError, match="runs backward in time needs the end of a sequence"):
            use()


def test_padding_is_never_looked_at_in_either_direction() -> None:
    torch.manual_seed(5)
    for direction in ("causal", "both"):
        config = NetworkConfig(direction=direction, channels=8, modes=2, inputs=5, norm="batch")
        network = SpikingSSM(config).double().eval()
        symbols = torch.randint(0, 5, (4, 30), dtype=torch.uint8)
        lengths = torch.tensor([30, 11, 1, 17])
        other = torch.where(torch.arange(30) < lengths[:, None], symbols, (symbols + 1) % 5)
        with torch.no_grad():
            torch.testing.assert_close(network(symbols, lengths).logits, network(other, lengths).logits)
            alone = torch.cat([network(symbols[k : k + 1, :n]).logits for k, n in enumerate(lengths)])
            torch.testing.assert_close(network(symbols, lengths).logits, alone)
            if direction == "causal":
                torch.testing.assert_close(network.unroll(symbols, lengths).logits, alone)


def test_symbols_are_unit_vectors() -> None:
    network = _network("symbols")
    symbols = _inputs(network)
    vectors = torch.nn.functional.one_hot(symbols.long(), 7).double()
    assert torch.equal(network(symbols).logits, network(vectors).logits)


def test_the_norms_statistics_are_what_it_normalizes_with() -> None:
    network = _network("glu").train()
    norm = network.block_list()[0].norm
    assert norm is not None
    stream = 3 + 2 * torch.randn(50, 12, 60, dtype=torch.float64)
    for _ in range(200):
        norm(stream)
    torch.testing.assert_close(norm.eval()(stream), norm.train()(stream), rtol=1e-3, atol=1e-3)
    scale, offset = norm.fold()
    torch.testing.assert_close(norm.eval()(stream), scale[:, None] * (stream + offset[:, None]))


def test_statistics_are_estimated_evenly_over_batches_and_without_dropout() -> None:
    torch.manual_seed(6)
    network = SpikingSSM(NetworkConfig(inputs=2, channels=6, modes=2, norm="batch", dropout=0.5)).double().train()
    batches = [torch.randn(5, 30, 2, dtype=torch.float64) * scale for scale in (1, 2, 3)]
    entering: list[list[torch.Tensor]] = [[], []]
    for found, block in zip(entering, network.block_list(), strict=True):
        assert block.norm is not None
        block.norm.register_forward_pre_hook(lambda _, streams, found=found: found.append(streams[0]))
    estimate_statistics(network, [(batch,) for batch in batches])
    for found, block in zip(entering, network.block_list(), strict=True):
        assert block.norm is not None and len(found) == 3
        torch.testing.assert_close(block.norm.mean, torch.stack([x.mean((0, 2)) for x in found]).mean(0))
        torch.testing.assert_close(block.norm.variance, torch.stack([x.var((0, 2)) for x in found]).mean(0))
    again = [block.norm.mean.clone() for block in network.block_list() if block.norm is not None]
    estimate_statistics(network, [(batch,) for batch in batches])
    # No dropout: the same once more. And the network goes on as before, in evaluation with these statistics.
    assert all(torch.equal(a, b.norm.mean) for a, b in zip(again, network.block_list(), strict=True) if b.norm)
    network(batches[2])
    assert all(torch.equal(a, b.norm.mean) for a, b in zip(again, network.block_list(), strict=True) if b.norm)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"soma": "relu"}, r"NetworkConfig.soma: there is no 'relu'; choose from \['lif', 'threshold'"),
        ({"mix": "gsu"}, "soma 'lif' with mix 'gsu'; use the ternary somas with gsu"),
        ({"soma": "ternary"}, "soma 'ternary' with mix 'linear'"),
        ({"surrogate": "arctan"}, "'arctan' with soma 'lif'"),
        ({"activation": "relu"}, "'relu' with mix 'linear'; only gsu has one"),
    ],
)
def test_choices_that_do_not_go_together(values: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        NetworkConfig.from_mapping(values, "test")
