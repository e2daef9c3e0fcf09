"""Small tasks of symbols: true lengths with one class a sequence, or the next symbol at every step."""

from __future__ import annotations

import numpy as np

from models.network.config import NetworkConfig
from models.tasks import Part, Task

SYMBOLS, PADDING = 5, 4
STEPS = 96

FORMS = {
    "padded": NetworkConfig(inputs=SYMBOLS, classes=2, channels=16, modes=3, dt_min=0.01, mix="glu", norm="batch"),
    "every-step": NetworkConfig(
        inputs=SYMBOLS, classes=SYMBOLS, channels=16, modes=3, dt_min=0.01, mix="glu", norm="batch", decode="every-step"
    ),
}
"""A network for each."""


def toy_task(form: str) -> Task:
    """A task by the form of `FORMS`."""
    make = _padded if form == "padded" else _next_symbols
    return Task("toy", FORMS[form].classes, make(0, 320), make(1, 60), make(2, 60), symbols=SYMBOLS)


def _padded(seed: int, count: int) -> Part:
    """Whether 0 comes more often than 1; 4 is padding."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(20, STEPS + 1, count)
    symbols = rng.choice(4, p=[0.3, 0.2, 0.25, 0.25], size=(count, STEPS)).astype(np.uint8)
    swapped = rng.random(count) < 0.5
    symbols[swapped] = np.array([1, 0, 2, 3], dtype=np.uint8)[symbols[swapped]]
    counted = np.arange(STEPS) < lengths[:, None]
    ones, zeros = ((symbols == symbol) & counted for symbol in (1, 0))
    symbols[~counted] = PADDING
    return Part(symbols, (zeros.sum(1) > ones.sum(1)).astype(np.int64), lengths)


def _next_symbols(seed: int, count: int) -> Part:
    """Symbols that count up, now and then by two."""
    rng = np.random.default_rng(seed)
    rises = 1 + (rng.random((count, STEPS + 1)) < 0.1)
    symbols = (np.cumsum(rises, axis=1) % SYMBOLS).astype(np.uint8)
    return Part(np.ascontiguousarray(symbols[:, :-1]), symbols[:, 1:].astype(np.int64))
