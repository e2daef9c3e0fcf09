"""Networks worked on channel by channel, as on a GPU, are the same functions with the same gradients."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import pytest
import torch
from torch import Tensor

from models.kernels import choice, rows
from models.kernels.state_space import chunk_filter
from models.layers.s4d import S4D
from models.network.config import NetworkConfig
from models.network.filters import filters_of
from models.network.spiking_ssm import SpikingSSM
from models.network.systems import SYSTEMS
from models.training.config import TrainConfig
from models.training.loss import loss_of
from tests.models.kernels.fused_in_torch import put_in_place

FORMS: dict[str, Mapping[str, Any]] = {
    **SYSTEMS,
    "every-step": {"decode": "every-step", "mix": "glu"},
    "both": {"direction": "both"},
    "two-stage": {"mix": "two-stage"},
    "dropout": {"dropout": 0.4, "mix": "glu"},
}


def _everything(network: SpikingSSM, inputs: Tensor, lengths: Tensor | None) -> list[Tensor]:
    """Loss, logits, gradients and the norms' averages after one step."""
    torch.manual_seed(4)
    output = network(inputs, lengths)
    labels = torch.zeros(len(inputs), *output.logits.shape[2:], dtype=torch.long)
    loss = loss_of(output, labels, TrainConfig(), lengths)
    torch.autograd.backward(loss)
    gradients = [weight.grad for weight in network.parameters() if weight.grad is not None]
    return [loss.detach(), output.logits.detach(), *gradients, *network.buffers()]


@pytest.mark.parametrize("lengths", [None, torch.tensor([30, 64, 50, 64])])
@pytest.mark.parametrize("form", FORMS)
def test_by_rows_it_is_the_same_network(form: str, lengths: Tensor | None, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(3)
    values = {"channels": 6, "modes": 3, "inputs": 5, "norm": "batch", **FORMS[form]}
    network = SpikingSSM(NetworkConfig.from_mapping(values, form)).double()
    inputs = torch.randint(0, 5, (4, 200 if lengths is None else 64), dtype=torch.uint8)
    expected = _everything(copy.deepcopy(network), inputs, lengths)
    monkeypatch.setattr(choice, "WIDE", {"cpu"})
    found = _everything(network, inputs, lengths)
    assert len(found) == len(expected) and not all(torch.equal(*pair) for pair in zip(found, expected, strict=True))
    for got, wanted in zip(found, expected, strict=True):
        torch.testing.assert_close(got, wanted, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("form", FORMS)
def test_with_fused_kernels_it_is_the_same_network(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(7)
    values = {"channels": 6, "modes": 3, "inputs": 5, "norm": "batch", **FORMS[form]}
    network = SpikingSSM(NetworkConfig.from_mapping(values, form)).double()
    inputs = torch.randint(0, 5, (4, 150), dtype=torch.uint8)
    expected = _everything(copy.deepcopy(network), inputs, None)
    put_in_place(monkeypatch)
    found = _everything(copy.deepcopy(network), inputs, None)
    assert not all(torch.equal(*pair) for pair in zip(found, expected, strict=True))
    monkeypatch.setattr(choice, "WIDE", {"cpu"})
    in_chunks = _everything(network, inputs, None)
    for got, wide, wanted in zip(found, in_chunks, expected, strict=True):
        torch.testing.assert_close(got, wanted, rtol=1e-8, atol=1e-8)
        torch.testing.assert_close(wide, wanted, rtol=1e-8, atol=1e-8)


def test_rows_lie_where_sequences_do() -> None:
    sequences = rows.of_rows(torch.randn(5, 3 * 7), 3)
    assert sequences.shape == (3, 5, 7)
    assert rows.rows_of(sequences).data_ptr() == sequences.data_ptr()
    assert torch.equal(rows.rows_of(sequences.contiguous()), rows.rows_of(sequences))


def test_only_whole_sequences_are_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not rows.by_rows(torch.zeros(2, 3, 4))
    monkeypatch.setattr(choice, "WIDE", {"cpu"})
    assert rows.by_rows(torch.zeros(2, 3, 4)) and not rows.by_rows(torch.zeros(2, 3))


def test_filters_of_several_layers_are_each_layers_own() -> None:
    torch.manual_seed(5)
    layers = [S4D(3, 2, 1e-3, 1e-1).double() for _ in range(4)]
    for steps in (40, 300):
        for layer, together in zip(layers, filters_of(layers, steps), strict=True):
            space = layer.state_space()
            own = chunk_filter(space.exponent(), space.discretize().c, space.d, steps)
            for found, wanted in zip(together, own, strict=True):
                assert (found is None) is (wanted is None)
                if found is not None and wanted is not None:
                    torch.testing.assert_close(found, wanted, rtol=1e-12, atol=1e-12)
