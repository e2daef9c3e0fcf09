"""ListOps: trees mean what an independent reader says, and are distributed as an independent generator's."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

import numba
import numpy as np
import pytest
from numpy.typing import NDArray

from models.data import digest, read_data, write_data
from models.data import listops as generator
from models.data.generated import GENERATED
from models.data.listops_order import reordered
from models.data.make import make
from models.tasks import listops, load_task
from toolchain.errors import InputError

NAMES = [*"0123456789", "[MIN", "[MAX", "[MED", "[SM", "]"]
FUNCTIONS: dict[str, Callable[[list[int]], int]] = {
    "[MIN": min,
    "[MAX": max,
    "[MED": lambda given: int(median(given)),
    "[SM": lambda given: sum(given) % 10,
}


def value_of(tokens: Iterator[str], depth: int = 1) -> int | None:
    """Value of the expression that comes next; None at a closing bracket. Depth and arguments must be permitted."""
    token = next(tokens)
    if token == "]":
        return None
    if token.isdigit():
        return int(token)
    assert depth < 10
    given: list[int] = list(iter(lambda: value_of(tokens, depth + 1), None))
    assert 2 <= len(given) <= 10
    return FUNCTIONS[token](given)


def test_the_reader_on_a_known_expression() -> None:
    assert value_of(iter(["[MAX", "2", "9", "[MIN", "4", "7", "]", "0", "]"])) == 9
    assert value_of(iter(["[SM", "[MED", "1", "4", "8", "3", "]", "8", "]"])) == 1


@pytest.fixture(scope="module")
def trees() -> generator.Trees:
    return generator.shard(10_000, 1500)


def test_every_tree_has_the_value_that_it_is_labelled_with(trees: generator.Trees) -> None:
    ends = np.cumsum(trees.lengths)
    for start, end, label in zip(ends - trees.lengths, ends, trees.values, strict=True):
        tokens = iter([NAMES[symbol] for symbol in trees.symbols[start:end]])
        assert value_of(tokens) == label
        assert next(tokens, None) is None
    assert trees.lengths.min() > 500 and trees.lengths.max() < 2000 and len(trees.symbols) == ends[-1]


def _length(rng: random.Random, depth: int = 1) -> int:
    """Tokens of one random tree, as the rules say it recursively."""
    if depth == 10 or rng.random() > 0.25:
        return 1
    return 2 + sum(_length(rng, depth + 1) for _ in range(rng.randint(2, 10)))


def test_lengths_are_distributed_as_a_recursive_generators(trees: generator.Trees) -> None:
    rng = random.Random(8)
    drawn = np.array([_length(rng) for _ in range(20_000)])
    kept = drawn[(drawn > 500) & (drawn < 2000)]
    attempts = 40_960
    accepted = len(generator.grow(np.random.default_rng(3), attempts).lengths) / attempts
    # Four standard errors of either side; the published rules' own share is 8.3 %.
    spread = np.sqrt(0.083 * 0.917 * (1 / attempts + 1 / len(drawn)))
    assert abs(accepted - len(kept) / len(drawn)) < 4 * spread and abs(accepted - 0.0833) < 0.006
    spread = np.hypot(kept.std() / np.sqrt(len(kept)), trees.lengths.std() / np.sqrt(len(trees.lengths)))
    assert abs(trees.lengths.mean() - kept.mean()) < 4 * spread
    assert abs(np.median(trees.lengths) - np.median(kept)) < 6 * spread


def test_shares_of_labels_symbols_and_arguments(trees: generator.Trees) -> None:
    shares = np.bincount(trees.values, minlength=10) / len(trees.values)
    # Known: 0 is 16.6 %, 9 is 15.7 %, the others 7 to 10 %. One standard error is below 1 point.
    assert np.all(np.abs(shares[[0, 9]] - (0.166, 0.157)) < 0.04) and np.all(np.abs(shares[1:9] - 0.085) < 0.035)
    counts = np.bincount(trees.symbols, minlength=15)
    for group in (counts[:10], counts[10:14]):
        expected = group.sum() / len(group)
        assert np.abs(group - expected).max() < 5 * np.sqrt(expected)
    assert counts[14] == counts[10:14].sum()


def test_a_shard_is_the_same_each_time_and_unlike_another() -> None:
    first, again, other = (generator.shard(number, 20) for number in (3, 3, 4))
    assert np.array_equal(first.symbols, again.symbols) and np.array_equal(first.values, again.values)
    assert not np.array_equal(first.lengths, other.lengths)


def test_trees_are_distinct_and_do_not_depend_on_the_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generator, "SHARD_TREES", 30)
    told: list[str] = []
    assert digest(generator.make(70, 1, told.append)) == digest(generator.make(70, 2, told.append))
    assert told[-1] == "3 of 3 pieces"
    one = generator.shard(0, 30)
    twice = iter([one, one, generator.shard(1, 30)])
    monkeypatch.setattr(generator, "run_shards", lambda make, numbers, workers, tell: [next(twice) for _ in numbers])
    found = generator.make(50, 1, told.append)
    assert len(found["labels"]) == 50
    assert np.array_equal(found["lengths"][:30], one.lengths) and not np.array_equal(
        found["lengths"][30:], one.lengths[:20]
    )


def test_the_task_pads_and_splits_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEAMOUNT_DATA", str(tmp_path))
    make("listops", size=200, workers=1)
    stored, task = read_data("listops"), load_task("listops")
    assert [len(part) for part in (task.train, task.validation, task.test)] == [192, 4, 4]
    assert (task.steps, task.inputs, task.symbols, task.classes) == (2048, 16, 16, 10)
    part = task.test
    assert part.lengths is not None and np.array_equal(part.lengths, stored["lengths"][196:])
    last = part.inputs[3]
    assert np.array_equal(last[: part.lengths[3]], stored["symbols"][-part.lengths[3] :])
    assert np.all(last[part.lengths[3] :] == listops.PADDING)
    assert np.array_equal(task.validation.labels, stored["labels"][192:196])


def _rows(trees: generator.Trees, count: int) -> NDArray[np.uint8]:
    lengths = trees.lengths[:count].astype(np.int64)
    return listops.padded(trees.symbols[: lengths.sum()], lengths, listops.STEPS)


Tree = tuple[str, tuple["Tree", ...]]


def _tree_of(tokens: Iterator[str]) -> Tree | None:
    token = next(tokens)
    if token == "]":
        return None
    return token, tuple(iter(lambda: _tree_of(tokens), None)) if token.startswith("[") else ()


def _unordered(tree: Tree) -> Tree:
    return tree[0], tuple(sorted(_unordered(child) for child in tree[1]))


def _read(row: NDArray[np.uint8]) -> Tree:
    tokens = iter([NAMES[symbol] for symbol in row[row != listops.PADDING]])
    tree = _tree_of(tokens)
    assert tree is not None and next(tokens, None) is None
    return tree


def test_reordered_expressions_are_the_same_but_for_the_order_of_arguments(trees: generator.Trees) -> None:
    rows = _rows(trees, 40)
    found = reordered(rows, np.random.default_rng(1), 1.0)
    assert found.dtype == np.uint8 and np.array_equal(found == listops.PADDING, rows == listops.PADDING)
    for before, after in zip(rows, found, strict=True):
        assert _read(before) != _read(after) and _unordered(_read(before)) == _unordered(_read(after))


def test_the_chance_of_a_new_order(trees: generator.Trees) -> None:
    rows = _rows(trees, 200)
    same, some, again, other = (
        reordered(rows, np.random.default_rng(seed), chance)
        for seed, chance in ((1, 0.0), (1, 0.1), (1, 0.1), (2, 0.1))
    )
    assert np.array_equal(same, rows) and np.array_equal(some, again) and not np.array_equal(some, other)
    whole = reordered(rows, np.random.default_rng(1), 1.0)
    assert 0 < (some != rows).sum() < 0.6 * (whole != rows).sum()


def test_every_order_of_three_arguments_is_as_likely() -> None:
    one = [generator.DIGITS + 1, 1, 2, 3, generator.CLOSE]
    rows = np.tile(np.array([*one, listops.PADDING], dtype=np.uint8), (6000, 1))
    found = reordered(rows, np.random.default_rng(4), 1.0)
    orders, counts = np.unique(found, axis=0, return_counts=True)
    # Six orders, 1000 each, of a standard deviation of 29.
    assert len(orders) == 6 and np.abs(counts - 1000).max() < 150


def test_a_row_does_not_depend_on_the_threads(trees: generator.Trees) -> None:
    rows, before = _rows(trees, 50), numba.get_num_threads()
    many = reordered(rows, np.random.default_rng(3), 1.0)
    numba.set_num_threads(1)
    try:
        assert np.array_equal(reordered(rows, np.random.default_rng(3), 1.0), many)
    finally:
        numba.set_num_threads(before)


def test_a_changed_set_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEAMOUNT_DATA", str(tmp_path))
    with pytest.raises(InputError, match=r"listops\.npz: no such file; run: seamount data make listops"):
        read_data("listops")
    arrays = generator.make(20, 1, lambda line: None)
    monkeypatch.setitem(GENERATED["listops"].digests, 20, digest(arrays))
    write_data("listops", arrays)
    assert read_data("listops").keys() == arrays.keys()
    with pytest.raises(InputError, match=r"listops: has SHA-256 \w{16}, expected \w{16}"):
        write_data("listops", arrays | {"labels": arrays["labels"] + 1})
