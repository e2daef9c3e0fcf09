"""The n-gram baseline: a distribution, the published formula restated with dictionaries, and known texts."""

from __future__ import annotations

from collections import Counter, defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.tasks import ngram, sotu
from models.tasks.ngram import fit
from toolchain.errors import InputError

TEXTS = st.lists(st.integers(0, 3), min_size=12, max_size=80).map(lambda text: np.array(text, dtype=np.uint8))
SKEWED = np.random.default_rng(1).geometric(0.4, 600).clip(1, 6).astype(np.uint8) - 1


@settings(max_examples=40)
@given(TEXTS, TEXTS, st.integers(1, 4))
def test_probabilities_sum_to_one(text: np.ndarray, other: np.ndarray, order: int) -> None:
    model = fit(text, 4, order)
    for end in (1, 2, 5, 11):
        histories = [np.append(other[:end], np.uint8(symbol)) for symbol in range(4)]
        last = [model.probabilities(history)[-1] for history in histories]
        assert sum(last) == pytest.approx(1, abs=1e-12) and min(last) >= 0


def restated(text: list[int], history: list[int], symbol: int, order: int, symbols: int) -> float:
    """The formula with dictionaries, one symbol at a time."""
    counts: dict[tuple[int, ...], int] = Counter(tuple(text[i : i + order]) for i in range(len(text) - order + 1))
    tables = {order: counts}
    for length in range(order - 1, 0, -1):
        tables[length] = Counter(gram[1:] for gram in tables[length + 1])
    probability = 1 / symbols
    for length in range(1, min(order, len(history) + 1) + 1):
        table, context = tables[length], tuple(history[len(history) - length + 1 :])
        n = defaultdict(lambda: 1, Counter(table.values()))
        y = n[1] / (n[1] + 2 * n[2])
        raw = [0, 1 - 2 * y * n[2] / n[1], 2 - 3 * y * n[3] / n[2], 3 - 4 * y * n[4] / n[3]]
        discount = [min(max(value, 0), count) for count, value in enumerate(raw)]
        same = {gram[-1]: count for gram, count in table.items() if gram[:-1] == context}
        if same:
            own = same.get(symbol, 0)
            held_back = sum(discount[min(count, 3)] for count in same.values())
            probability = (own - discount[min(own, 3)] + held_back * probability) / sum(same.values())
    return probability


@pytest.mark.parametrize("order", [1, 2, 3, 5])
def test_as_restated(order: int) -> None:
    train, text = SKEWED[:500], SKEWED[500:530]
    found = fit(train, 6, order).probabilities(text)
    plain = text.tolist()
    wanted = [restated(train.tolist(), plain[:at], plain[at], order, 6) for at in range(1, len(plain))]
    np.testing.assert_allclose(found, wanted, rtol=1e-12)


def test_what_can_be_known_costs_little_and_what_cannot_costs_its_entropy() -> None:
    cycle = np.tile(np.array([0, 1, 1, 2, 0, 2], dtype=np.uint8), 500)
    assert fit(cycle, 3, 4).bits(cycle) < 0.02 < 0.5 < fit(cycle, 3, 2).bits(cycle)
    coins = np.random.default_rng(0).integers(0, 4, 60_000).astype(np.uint8)
    assert fit(coins[:40_000], 4, 3).bits(coins[40_000:]) == pytest.approx(2, abs=0.01)


def test_bad_orders() -> None:
    text = np.zeros(5, dtype=np.uint8)
    for order in (0, 5, 20):
        with pytest.raises(InputError, match=rf"n-gram: {order} symbols out of 102, from a text of 5"):
            fit(text, 102, order)


def test_the_command_prints_bits_of_both_parts(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = sotu.Text(bytes(range(6)), SKEWED[:400], SKEWED[400:500], SKEWED[500:])
    monkeypatch.setattr(sotu, "load", lambda: text)
    ngram.main(["sotu", "--order", "2"])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines] == ["validation", "test"]
    assert float(lines[1].split()[1]) == pytest.approx(fit(text.train, 6, 2).bits(text.test), abs=1e-4)


def test_windows_with_the_next_character(monkeypatch: pytest.MonkeyPatch) -> None:
    text = sotu.Text(bytes(range(6)), *(np.resize(SKEWED, size) for size in (4500, 1030, 2049)))
    monkeypatch.setattr(sotu, "load", lambda: text)
    task = sotu.task()
    assert (task.inputs, task.classes, task.steps) == (6, 6, 1024)
    assert [len(part) for part in (task.train, task.validation, task.test)] == [4, 1, 2]
    assert np.array_equal(task.train.labels.ravel(), text.train[1 : 4 * 1024 + 1])
    assert np.array_equal(task.test.inputs.ravel(), text.test[: 2 * 1024])
