"""Parts and tasks refuse what is not of one of their forms."""

from __future__ import annotations

import numpy as np
import pytest

from models.tasks import Part, Task
from toolchain.errors import InputError

VALUES = np.zeros((3, 5, 2), dtype=np.float32)
SYMBOLS = np.array([[0, 1, 2, 2], [3, 0, 0, 0]], dtype=np.uint8)
LABELS = np.array([0, 1], dtype=np.int64)


def test_values_symbols_and_labels_of_every_step() -> None:
    values = Part(VALUES, np.zeros(3, dtype=np.int64))
    assert (len(values), values.symbolic, values.per_step) == (3, False, False)
    text = Part(SYMBOLS, SYMBOLS.astype(np.int64), np.array([4, 1]))
    assert (len(text), text.symbolic, text.per_step) == (2, True, True)
    task = Task("t", 4, text, text, text, symbols=4)
    assert (task.steps, task.inputs) == (4, 4)
    assert Task("t", 1, values, values, values).inputs == 2


@pytest.mark.parametrize(
    ("inputs", "labels", "lengths", "message"),
    [
        (VALUES.astype(np.float64), LABELS, None, r"inputs: are float64 \(3, 5, 2\); give float32"),
        (SYMBOLS.astype(np.int64), LABELS, None, "inputs: are int64"),
        (VALUES[:, :, 0], LABELS, None, "inputs: are float32"),
        (SYMBOLS, LABELS.astype(np.int32), None, "labels: are int32"),
        (SYMBOLS, LABELS[:1], None, r"labels: are int64 \(1,\) beside inputs \(2, 4\)"),
        (SYMBOLS, np.zeros((2, 3), dtype=np.int64), None, "labels: are int64"),
        (SYMBOLS, LABELS, np.array([4]), r"lengths: are int64 \(1,\); give int64 \(2,\)"),
        (SYMBOLS, LABELS, np.array([4.0, 1.0]), "lengths: are float64"),
        (SYMBOLS, LABELS, np.array([0, 4]), r"lengths: lie in 0\.\.4; give 1\.\.4"),
        (SYMBOLS, LABELS, np.array([5, 4]), r"lengths: lie in 4\.\.5; give 1\.\.4"),
    ],
)
def test_bad_parts(inputs: np.ndarray, labels: np.ndarray, lengths: np.ndarray | None, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Part(inputs, labels, lengths)


def test_bad_tasks() -> None:
    text, values = Part(SYMBOLS, LABELS), Part(VALUES[:2], LABELS)
    with pytest.raises(InputError, match=r"t\.train: has inputs uint8 .*; symbols are None; give all parts one form"):
        Task("t", 2, text, text, text)
    with pytest.raises(InputError, match=r"t\.test: has inputs float32 .*symbols are 4"):
        Task("t", 2, text, text, values, symbols=4)
    with pytest.raises(InputError, match=r"t\.validation: .* labels \(2, 4\)"):
        Task("t", 4, text, Part(SYMBOLS, SYMBOLS.astype(np.int64)), text, symbols=4)
    with pytest.raises(InputError, match=r"t\.train\.inputs: lie in 0\.\.3; give 0\.\.2"):
        Task("t", 2, text, text, text, symbols=3)
    with pytest.raises(InputError, match=r"t\.train\.labels: lie in 0\.\.1; give 0\.\.0"):
        Task("t", 1, text, text, text, symbols=4)
