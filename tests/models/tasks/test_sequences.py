"""The tasks that read fetched data, on small arrays of the same form, and the distortion of images."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
import torch

from models.tasks import hapt, images, sotu
from models.tasks.task import Distortion
from models.training.distort import Distorter
from toolchain.errors import InputError


def test_the_permutation_is_the_one_that_figures_were_measured_with() -> None:
    order = images.permutation()
    assert np.array_equal(np.sort(order), np.arange(784))
    digest = hashlib.sha256(order.astype("<i8").tobytes()).hexdigest()
    assert digest == "3aa79b80c498bc4ee33c62762c6895443a58f28229ef2110a17c016a0653f9d5"


def test_images_are_read_in_the_tasks_order(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    pixels = rng.integers(0, 256, (5010, 28, 28), dtype=np.uint8)
    labels = rng.integers(0, 10, 5010, dtype=np.uint8)
    stored = {"train_images": pixels, "train_labels": labels, "test_images": pixels[:7], "test_labels": labels[:7]}
    monkeypatch.setattr(images, "read_data", lambda name: stored)
    plain, mixed = images.smnist(), images.psmnist()
    assert [len(part) for part in (plain.train, plain.validation, plain.test)] == [10, 5000, 7]
    assert np.array_equal(plain.train.inputs[:, :, 0] * 256, pixels[:10].reshape(10, 784))
    assert np.array_equal(plain.validation.labels, labels[10:])
    assert np.array_equal(mixed.test.inputs, plain.test.inputs[:, images.permutation()])
    pooled = images.smnist196()
    assert pooled.steps == 196 and pooled.distortion is not None and pooled.distortion.side == 14
    # Row 3, column 5 of the small image is the mean of rows 6 and 7, columns 10 and 11.
    assert pooled.test.inputs[2, 3 * 14 + 5, 0] * 256 == pixels[2, 6:8, 10:12].mean()


def _recordings() -> dict[str, np.ndarray]:
    """Two recordings of user 1 and one each of users 3 and 2 (validation and test)."""
    lengths, users = np.array([400, 200, 300, 300], dtype=np.int32), np.array([1, 1, 3, 2], dtype=np.int16)
    labels = np.concatenate([[5] * 130, [-1] * 70, [1] * 200, [1] * 200, [2] * 300, [7] * 100, [6] * 200])
    samples = np.arange(1200)[:, None] * np.array([1, 2, 3, -1, -2, -3])
    return {"samples": samples.astype(np.int16), "labels": labels.astype(np.int8), "users": users, "lengths": lengths}


def test_windows_stay_inside_one_activity_of_one_recording(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hapt, "read_data", lambda name: _recordings())
    task = hapt.load()
    # 130 steps hold one window, 200 hold two (first steps 0 and 64), 300 three; the next recording starts anew at 400.
    assert task.train.labels.tolist() == [4, 0, 0, 0, 0]
    first_steps = np.rint(task.train.inputs[:, 0, 0] * 720)
    assert first_steps.tolist() == [0, 200, 264, 400, 464]
    assert task.validation.labels.tolist() == [1, 1, 1] and task.test.labels.tolist() == [5, 5]
    assert task.train.inputs.shape[1:] == (128, 6)
    assert task.train.inputs[0, 1, 3:] == pytest.approx(np.array([-1, -2, -3]) * 0.0175 * np.pi / 180)


def test_nobody_need_be_held_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hapt, "read_data", lambda name: _recordings())
    task = hapt.load(())
    assert len(task.train) == 8 and task.validation.inputs.shape == (0, 128, 6)


def test_folds_hold_out_everybody_once() -> None:
    groups = hapt.folds(4)
    assert [len(group) for group in groups] == [6, 5, 5, 5]
    assert sorted([user for group in groups for user in group] + list(hapt.TEST_USERS)) == list(range(1, 31))
    for count in (1, 22):
        with pytest.raises(InputError, match=f"folds: {count} groups of 21 people"):
            hapt.folds(count)


def test_varied_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hapt, "read_data", lambda name: _recordings())
    task = hapt.load()
    assert task.augment is not None
    same = task.augment(task.train.inputs, np.random.default_rng(0), 0.0)
    # Without turn and gain what is left is the shift in time, at most half a hop and inside the stretch.
    moved = np.rint((same - task.train.inputs)[:, 0, 0] * 720)
    assert (np.abs(moved) <= 32).all() and 0 <= moved[0] <= 2 and len(set(moved)) > 1
    turned = task.augment(task.train.inputs, np.random.default_rng(0), 1.0)
    lengths = [np.linalg.norm(part[:, :, :3], axis=2) for part in (same, turned)]
    # A rotation keeps lengths, so that only the gain changes them: by one factor a window.
    ratio = lengths[1][:, 1:] / lengths[0][:, 1:]
    assert np.ptp(ratio, axis=1).max() < 1e-4 and 0.001 < np.abs(ratio - 1).max() < 0.3


def test_characters(monkeypatch: pytest.MonkeyPatch) -> None:
    text = np.frombuffer(b"abcabzbb", dtype=np.uint8)
    stored = {"text": text, "lengths": np.array([3, 2, 3], np.int32), "years": np.array([1995, 1996, 2010], np.int16)}
    monkeypatch.setattr(sotu, "read_data", lambda name: stored)
    found = sotu.load()
    assert found.alphabet == b"abcz" and found.train.tolist() == [0, 1, 2]
    assert found.validation.tolist() == [0, 1] and found.test.tolist() == [3, 1, 1]
    assert sotu.windows(np.arange(8, dtype=np.uint8), 3).tolist() == [[0, 1, 2, 3], [3, 4, 5, 6]]


ORDER = np.random.default_rng(2).permutation(28 * 28)


def _picture() -> torch.Tensor:
    image = torch.zeros(28, 28)
    image[5:12, 8:10] = 1
    return image.flatten()[torch.from_numpy(ORDER)].repeat(64, 1)[:, :, None]


def _centres(batch: torch.Tensor) -> torch.Tensor:
    pictures = torch.empty(len(batch), 784)
    pictures[:, torch.from_numpy(ORDER)] = batch[:, :, 0]
    share = pictures.view(-1, 28, 28) / pictures.sum(1)[:, None, None]
    axis = torch.arange(28.0)
    return torch.stack([(share.sum(2) * axis).sum(1), (share.sum(1) * axis).sum(1)], dim=1)


def test_no_distortion_is_none() -> None:
    still = Distorter(Distortion(28, ORDER, 10, 0.1, 0.1, 3), 0.0, torch.device("cpu"))
    torch.testing.assert_close(still(_picture()), _picture(), rtol=0, atol=1e-4)


def test_shifts_stay_within_their_limit() -> None:
    torch.manual_seed(0)
    shift = Distorter(Distortion(28, ORDER, 0, 0, 0, 3), 1.0, torch.device("cpu"))
    moved = _centres(shift(_picture())) - _centres(_picture())
    assert moved.abs().max() <= 3.001 and (moved.amax(0) > 2).all() and (moved.amin(0) < -2).all()


def test_mirrored_images_are_mirrored() -> None:
    torch.manual_seed(0)
    mirror = Distorter(Distortion(28, ORDER, 0, 0, 0, 0, mirror=True), 1.0, torch.device("cpu"))
    rows, columns = _centres(mirror(_picture())).T
    assert torch.allclose(rows, torch.tensor(8.0), atol=1e-3)
    assert sorted({round(float(column), 2) for column in columns}) == [8.5, 18.5]


def test_turns_keep_the_middle_and_the_distance_from_it() -> None:
    torch.manual_seed(0)
    turn = Distorter(Distortion(28, ORDER, 30, 0, 0, 0), 1.0, torch.device("cpu"))
    away = _centres(turn(_picture())) - 13.5
    before = _centres(_picture())[0] - 13.5
    torch.testing.assert_close(away.norm(dim=1), before.norm().expand(64), rtol=0.02, atol=0)
    angles = torch.rad2deg(torch.atan2(away[:, 0], away[:, 1]) - torch.atan2(before[0], before[1]))
    assert 20 < angles.abs().max() < 30.5


def test_squares_take_all_eight_symmetries_pixel_for_pixel() -> None:
    torch.manual_seed(0)
    picture = torch.rand(28, 28)
    batch = picture.flatten()[torch.from_numpy(ORDER)].repeat(256, 1)[:, :, None]
    over = Distorter(Distortion(28, ORDER, 0, 0, 0, 0, square=True), 1.0, torch.device("cpu"))
    found = torch.empty(256, 784)
    found[:, torch.from_numpy(ORDER)] = over(batch)[:, :, 0]
    turned = [torch.rot90(side, quarters).flatten() for side in (picture, picture.T) for quarters in range(4)]
    counts = [sum(torch.equal(image, wanted) for image in found) for wanted in turned]
    # 32 of each on average, with a standard deviation of 5.3.
    assert sum(counts) == 256 and min(counts) > 12
