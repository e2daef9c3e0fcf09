"""The yardsticks for next characters are of the spiking network's size, look at no later character, and learn."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from benchmarks.characters import KINDS, Gru, Kind, Transformer, side_by_side
from models.network.spiking_ssm import SpikingSSM
from models.shipped.zoo import load
from models.tasks import Part, Task

SYMBOLS = 102


@pytest.mark.parametrize("name", KINDS)
def test_a_yardstick_is_as_large_as_the_network_and_causal(name: str) -> None:
    model = KINDS[name].make(SYMBOLS).eval()
    spiking = SpikingSSM(load("sotu").network.config)
    own, other = (sum(weight.numel() for weight in network.parameters()) for network in (model, spiking))
    assert own == pytest.approx(other, rel=0.01)
    symbols = torch.randint(0, SYMBOLS, (2, 20), generator=torch.Generator().manual_seed(0))
    later = symbols.clone()
    later[:, 12:] = 0
    with torch.no_grad():
        first, second = model(symbols), model(later)
    torch.testing.assert_close(first[:, :12], second[:, :12])
    assert (first[:, 12:] != second[:, 12:]).any()


def test_they_learn_a_text_of_two_symbols_in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(KINDS, "gru", Kind(lambda symbols: Gru(symbols, 8, 4, 0.0), 0.05, 0.0, 4))
    small = Kind(lambda symbols: Transformer(symbols, 8, 1, 2, 16, 0.0), 0.02, 0.0, 4)
    monkeypatch.setitem(KINDS, "transformer", small)
    text = np.arange(17)[None] % 2 + np.zeros((8, 1), dtype=np.int64)
    part = Part(text[:, :-1].astype(np.uint8), text[:, 1:])
    task = Task("turns", 2, part, replace(part), replace(part), symbols=2)
    for outcome in side_by_side({"gru": 1.0, "transformer": 1.0}, task, "cpu"):
        assert outcome.test_bits < 0.5 < math.log2(3) and outcome.epochs >= 1
        assert outcome.validation_bits == outcome.test_bits
