"""Events in every form in which users have them become the same numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seamount.given import inputs_as_given, samples_of
from seamount.recordings import gridded
from toolchain.errors import InputError

FIELDS = np.dtype([("t", "<i8"), ("x", "<i2"), ("y", "<i2"), ("p", "<i1")])
SHAPE = (2, 3, 4)


def recording(seed: int, events: int = 40) -> Any:
    """Events as tonic gives them: microseconds, column, row, polarity."""
    rng = np.random.default_rng(seed)
    made = np.zeros(events, FIELDS)
    made["t"] = np.sort(rng.integers(5000, 9000, events))
    made["t"][0], made["t"][-1] = 5000, 8999
    made["x"], made["y"], made["p"] = rng.integers(0, 4, events), rng.integers(0, 3, events), rng.integers(0, 2, events)
    return made


def expected(parts: list[Any], steps: int, width: int) -> Any:
    """Counted one by one."""
    made = np.zeros((len(parts), steps, *SHAPE))
    for sample, part in enumerate(parts):
        for t, x, y, p in part.tolist():
            made[sample, (t - part["t"].min()) // width, p, y, x] += 1
    return made


PARTS = [recording(0), recording(1)]
GRID = expected(PARTS, 4, 1000)


def columns(**more: Any) -> dict[str, Any]:
    """The same as columns of a file."""
    whole = np.concatenate(PARTS)
    return {field: whole[field] for field in ("t", "x", "y", "p")} | {"starts": np.array([0, 40])} | more


def test_structured_arrays_and_columns_give_counts_a_bin() -> None:
    for given in ({"events": PARTS, "bin": 1000, "y": [1, 0]}, columns(bin=1000, labels=np.array([1, 0]))):
        found = samples_of(given, SHAPE)
        assert np.array_equal(found.x.reshape(GRID.shape), GRID) and found.x.dtype == np.uint8
        assert found.y is not None and found.y.tolist() == [1, 0] and found.lengths is None


def test_a_file_of_columns_is_read_as_events(tmp_path: Path) -> None:
    np.savez(tmp_path / "events.npz", **columns(bin=1000, labels=np.array([1, 0]), sensor=np.array(SHAPE)))
    assert np.array_equal(samples_of(tmp_path / "events.npz", (24,)).x.reshape(GRID.shape), GRID)
    assert np.array_equal(inputs_as_given(tmp_path / "events.npz"), GRID)


def test_recordings_of_different_length_keep_their_lengths_and_can_be_cut() -> None:
    parts = [PARTS[0], PARTS[1][PARTS[1]["t"] < 7000]]
    found = gridded({"events": parts, "bin": 1000}, SHAPE, "data")
    assert found["x"].shape[1] == 4 and found["lengths"].tolist() == [4, 2]
    cut = gridded({"events": parts, "bin": 1000, "steps": 2}, SHAPE, "data")
    assert np.array_equal(cut["x"], found["x"][:, :2]) and "lengths" not in cut


def test_a_sensor_without_polarity_adds_both_and_sounds_have_one_row() -> None:
    found = gridded({"events": PARTS, "bin": 1000}, (1, 3, 4), "data")
    assert np.array_equal(found["x"][:, :, 0], GRID.sum(axis=2))
    sound = np.zeros(3, np.dtype([("t", "<f8"), ("x", "<i4")]))
    sound["t"], sound["x"] = [0.0, 0.1, 0.25], [4, 1, 4]
    heard = samples_of({"events": sound, "bin": 0.1}, (5,))
    assert [tuple(place) for place in np.argwhere(heard.x)] == [(0, 0, 4), (0, 1, 1), (0, 2, 4)]


def test_data_of_nir() -> None:
    from nir.data_ir import EventData, NIRGraphData, NIRNodeData, TimeGriddedData, ValuedEventData

    grid = np.random.default_rng(0).random((2, 6, 5)) < 0.3
    timed = TimeGriddedData(grid, 1e-3)
    events = timed.to_event(30, time_shift=5e-4)
    assert isinstance(events, EventData)
    for data in (timed, NIRGraphData({"input": NIRNodeData({"spikes": timed})})):
        assert np.array_equal(samples_of({"x": data, "y": np.array([0, 1])}, (5,)).x, grid)
    assert np.array_equal(samples_of({"events": events, "bin": 1e-3}, (5,)).x, grid)
    valued = ValuedEventData(events.idx, events.time, 5, events.t_max, value=np.where(events.idx < 0, 0.0, 2.5))
    assert np.array_equal(samples_of({"events": valued, "bin": 1e-3}, (5,)).x, 2.5 * grid)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"events": PARTS}, "bin: is None; events need the width of a step"),
        ({"x": PARTS, "y": [0, 1]}, "bin: is None; events need the width of a step"),
        ({"events": PARTS, "bin": 1000, "sensor": (2, 3, 3)}, "x lies in 0 .. 3 for a sensor of 3"),
        ({"events": PARTS, "bin": 1e-9}, "give a wider bin, or fewer steps"),
        ({"events": [np.zeros(3)], "bin": 1}, "have no fields t and x"),
        (columns(bin=1000, starts=np.array([3, 40])), "begin at 0"),
        (columns(bin=1000, t=np.full(80, np.nan)), "not finite"),
        (columns(bin=1000, p=np.zeros(3)), r"p: has shape \(3,\)"),
        ({"events": np.repeat(PARTS[0][:1], 300), "bin": 1}, "300 events at one place in one step"),
        ({"events": PARTS, "bin": "1000"}, "bin: is '1000'"),
        ({"events": PARTS, "bin": 1000, "steps": -1}, "steps: is -1; give one number of steps"),
        ({"events": PARTS, "bin": 1000, "sensor": (0, 3, 4)}, r"sensor: is \(0, 3, 4\)"),
    ],
)
def test_what_is_wrong_is_said(given: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        samples_of(given, SHAPE)


def test_rows_for_a_flat_input_need_the_sensor() -> None:
    with pytest.raises(InputError, match="give sensor="):
        samples_of({"events": PARTS, "bin": 1000}, (24,))
    with pytest.raises(InputError, match="24 places for the 30 channels"):
        samples_of({"events": PARTS, "bin": 1000, "sensor": SHAPE}, (30,))
