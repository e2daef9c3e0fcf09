"""The data: sizes, parts that do not overlap, and that numpy alone is enough."""

from __future__ import annotations

import hashlib
import subprocess
import sys

import numpy as np
import pytest
from sklearn.datasets import load_digits

from models.tasks import load_task
from toolchain.errors import InputError


def test_digits_are_split_without_overlap() -> None:
    task = load_task("digits")
    parts = (task.train, task.validation, task.test)
    assert [len(part) for part in parts] == [1221, 216, 360]
    assert task.train.inputs.shape == (1221, 64, 1) and (task.steps, task.inputs, task.classes) == (64, 1, 10)
    rows = np.concatenate([part.inputs[:, :, 0] for part in parts]) * 16
    pixels, labels = load_digits(return_X_y=True)
    together = np.column_stack([rows, np.concatenate([part.labels for part in parts])])
    original = np.column_stack([pixels, labels])
    # Every image exactly once: the sorted rows are the same.
    assert np.array_equal(together[np.lexsort(together.T)], original[np.lexsort(original.T)])


def test_parts_are_stratified() -> None:
    task = load_task("digits")
    overall = np.bincount(load_digits(return_X_y=True)[1]) / 1797
    for part in (task.train, task.validation, task.test):
        assert np.abs(np.bincount(part.labels) - len(part) * overall).max() <= 1.5


def test_split_is_the_one_that_the_figures_were_measured_on() -> None:
    task = load_task("digits")
    digest = hashlib.sha256(task.test.inputs.tobytes() + task.test.labels.tobytes()).hexdigest()
    assert digest == "8110e5c2c9d024b578f2c2692341cc0a635dc6f45899bb78b73bbee43d45a90f"


def test_distortions_stay_digits() -> None:
    task = load_task("digits")
    assert task.augment is not None
    inputs = task.train.inputs
    bent = task.augment(inputs, np.random.default_rng(4), 1.0)
    assert bent.shape == inputs.shape and bent.dtype == np.float32
    assert np.array_equal(bent * 16, np.rint(bent * 16)) and bent.min() >= 0 and bent.max() <= 1
    assert np.array_equal(bent, task.augment(inputs, np.random.default_rng(4), 1.0))
    assert 0.05 < np.abs(bent - inputs).mean() < 0.2
    alike = [np.corrcoef(a[:, 0], b[:, 0])[0, 1] for a, b in zip(bent, inputs, strict=True)]
    assert np.mean(alike) > 0.6


def test_unknown_task() -> None:
    with pytest.raises(InputError, match=r"there is no task 'x'; choose from \['digits', .*'wikitext103'\]"):
        load_task("x")


def test_data_need_neither_torch_nor_scikit_learn() -> None:
    load = "import sys, models.tasks as t; t.load_task('digits')"
    code = f"{load}; sys.exit(len(sys.modules.keys() & {{'torch', 'sklearn'}}))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
