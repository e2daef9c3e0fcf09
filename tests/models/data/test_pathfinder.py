"""Pathfinder: drawing as an imaging library does it, paths that are where the labels say, the same images each time."""

from __future__ import annotations

import hashlib
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

from models.data import pathfinder, splitmix
from models.data import pathfinder_growth as growth
from models.data.make import make
from models.tasks import load_task
from toolchain.errors import InputError

MASK = 2**64 - 1


def test_lines_and_reduction_are_those_of_an_imaging_library() -> None:
    for row in range(17):
        for column in range(17):
            canvas = Image.new("F", (17, 17), "black")
            ImageDraw.Draw(canvas).line([(8, 8), (column, row)], fill="white", width=1)
            ours = np.zeros((17, 17))
            ours[tuple(np.array(pathfinder.line((8, 8), (row, column))).T)] = 255
            assert np.array_equal(np.asarray(canvas), ours)
    rng = np.random.default_rng(0)
    for before, after in ((17, 9), (64, 32)):
        image = rng.choice([0.0, 255.0], (before, before))
        wanted = Image.fromarray(image.astype(np.uint8)).resize((after, after), Image.Resampling.LANCZOS)
        assert np.array_equal(np.asarray(wanted), pathfinder.reduced(image, after))


def test_dilation_by_its_definition() -> None:
    image = np.random.default_rng(1).random((6, 7))
    wide = pathfinder.dilated(image, 2)
    for row in range(6):
        for column in range(7):
            near = [image[r, c] for r in range(6) for c in range(7) if math.hypot(r - row, c - column) <= 2]
            assert wide[row, column] == max(near)


def test_tables_of_directions() -> None:
    tables = pathfinder.make_tables()
    # Degree 180 of the table is 0 degrees: along a row. Degree 270 is 90: down a column.
    assert tables.heads[[180, 270, 0, 90]].tolist() == [[0, 2], [2, 0], [0, -2], [-2, 0]]
    assert tables.pivots[180].tolist() == [0, -3] and tables.steps[180].tolist() == [0, 4]
    distance = np.hypot(*tables.offsets.T)
    assert len(tables.offsets) == 18 and distance.min() >= 2 and distance.max() <= 3.7
    # Straight on is preferred most; a turn of a right angle or more never happens.
    angle = np.arctan2(*tables.offsets.T)
    for direction in range(0, 360, 7):
        turn = np.abs((angle - math.radians(direction - 180) + np.pi) % (2 * np.pi) - np.pi)
        np.testing.assert_allclose(tables.weights[direction], np.maximum(np.cos(turn), 0) ** 2, atol=1e-12)


def test_chance_is_splitmix() -> None:
    state, plain = np.array([12345], dtype=np.uint64), 12345
    for _ in range(100):
        plain = (plain + 0x9E3779B97F4A7C15) & MASK
        z = ((plain ^ (plain >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        assert splitmix.uniform(state) == ((z ^ (z >> 31)) >> 11) / 2**53


def test_seeds_and_labels() -> None:
    """A first path starts in the middle or, seldom, where its footprint leaves the image; the second one 7 away."""
    state = np.array([99], dtype=np.uint64)
    _, tips, labels = growth.grow(600, state, pathfinder.make_tables())
    away = np.abs(tips[:, 0] - 15.5).max(axis=1)
    assert (away <= 10).mean() > 0.95 and 0.4 < (away < 3).mean() < 0.6
    assert 0.42 < labels.mean() < 0.58


@pytest.mark.parametrize("difficulty", [pathfinder.HARD, pathfinder.EASY])
def test_dots_lie_on_one_path_where_the_label_says_so(
    monkeypatch: pytest.MonkeyPatch, difficulty: pathfinder.Difficulty
) -> None:
    """The heads of both paths are noted while they grow; the dots must be a start and an end of them."""
    chains: dict[int, list[np.ndarray]] = {}
    extend, begin, tables = growth._extend, growth._two_snakes.py_func, pathfinder.make_tables()

    def noted(image: Any, space: Any, snake: Any, contrast: Any, state: Any, looked_up: Any) -> Any:
        done = extend(image, space, snake, contrast, state, looked_up)
        if done:
            chains.setdefault(snake.ctypes.data, []).append(snake[growth.HEAD_ROW :].copy())
        return done

    def anew(image: Any, space: Any, snakes: Any, origins: Any, *rest: Any) -> Any:
        chains.clear()
        done = begin(image, space, snakes, origins, *rest)
        starts.append(origins[:2].copy())
        return done

    # Compiled first: what is not yet would find the function below in place of a compiled one.
    growth.grow(1, np.array([5], dtype=np.uint64), tables)
    monkeypatch.setattr(growth, "_extend", noted)
    monkeypatch.setattr(growth, "_two_snakes", anew)
    monkeypatch.setattr(growth, "_grow_all", growth._grow_all.py_func)
    state = np.array([5], dtype=np.uint64)
    for _ in range(40):
        starts: list[np.ndarray] = []
        (image,), ((first, last),), (label,) = growth.grow(1, state, tables, difficulty)
        paths = [chains[address] for address in sorted(chains)]
        assert [len(path) for path in paths] == [difficulty.paddles - 1] * 2
        own = [bool(np.array_equal(start, first)) for start in starts[-1]]
        assert sorted(own) == [False, True]
        # The heads of both may be one pixel, where the newest paddles meet: the other's is not ruled out.
        assert np.array_equal(paths[own.index(label == 1)][-1], last)
        for path in paths:
            assert np.hypot(*np.diff(path, axis=0).T).max() < 6
            assert all(image[tuple(head)] > 0.5 for head in path)


def test_a_shard_is_the_same_each_time_and_everywhere() -> None:
    images, labels = pathfinder.shard(3, 50)
    assert np.array_equal(images, pathfinder.shard(3, 50)[0])
    assert not np.array_equal(images, pathfinder.shard(4, 50)[0])
    found = hashlib.sha256(images.tobytes() + labels.tobytes()).hexdigest()
    assert found == "c72e55a7a631dea42a4bf90c10bd720e8d566134f2c5852a115d5d6a7b630fd2"
    # Dots and lines reach from black to white in every image; much of it stays black.
    assert np.all(images.min(axis=(1, 2)) == 0) and np.all(images.max(axis=(1, 2)) == 255)
    assert 0.5 < (images == 0).mean() < 0.8


def test_dots_are_discs() -> None:
    marker = pathfinder.make_tables().markers[10, 20]
    assert marker[9:11, 19:21].min() > 0.85 and marker.sum() == pytest.approx(math.pi * 1.5**2, rel=0.1)
    assert marker[13:].max() < 0.03 and marker[:, :18].max() < 0.03


def test_a_set_is_its_shards_one_after_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pathfinder, "SHARD_IMAGES", 40)
    made = pathfinder.make(100, 1, lambda line: None)
    images, labels = zip(*(pathfinder.shard(number, 40) for number in range(3)), strict=True)
    assert np.array_equal(made["images"], np.concatenate(images)[:100])
    assert np.array_equal(made["labels"], np.concatenate(labels)[:100])


def test_the_task(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEAMOUNT_DATA", str(tmp_path))
    make("pathfinder32", size=100, workers=1)
    make("pathfinder32-easy", size=100, workers=1)
    assert np.array_equal(load_task("pathfinder32-easy").test.labels, pathfinder.shard(0, 100, pathfinder.EASY)[1][90:])
    task = load_task("pathfinder32")
    assert [len(part) for part in (task.train, task.validation, task.test)] == [80, 10, 10]
    assert (task.steps, task.inputs, task.classes) == (1024, 1, 2)
    images, labels = pathfinder.shard(0, 100)
    assert np.array_equal(task.test.inputs.reshape(10, 32, 32), images[90:] / np.float32(128) - 1)
    assert np.array_equal(task.test.labels, labels[90:])
    # The larger training part: the same images but for those of the other parts, and more.
    make("pathfinder32-large", size=120, workers=1)
    assert task.large is not None
    more = task.large()
    assert len(more) == 100 and np.array_equal(more.inputs[:80], task.train.inputs)
    assert np.array_equal(more.labels[80:], pathfinder.shard(0, 120)[1][100:])
    make("pathfinder32", size=130, workers=1)
    beyond = load_task("pathfinder32").large
    assert beyond is not None
    with pytest.raises(InputError, match="pathfinder32-large: its first 130 labels are not those of pathfinder32"):
        beyond()
