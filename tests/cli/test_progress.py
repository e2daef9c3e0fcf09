"""The line of progress: after two seconds, with the time left, and never in the way of other lines."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from seamount.cli.progress import ERASE, ProgressLine, duration
from seamount.shards import PLAIN, WATCHED_SAMPLES, Recording, simulate_in_shards
from tests.cli.small_builds import small_builds
from toolchain.engine import JSON, WorkUnit, run_units
from toolchain.errors import OverflowTrapError
from toolchain.ir.integer import IntArray
from toolchain.ir.program import Program
from toolchain.ir.storage import load_program
from toolchain.ir.trace import Trace
from toolchain.progress import listening


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def line() -> tuple[ProgressLine, Clock, io.StringIO]:
    clock, stream = Clock(), io.StringIO()
    return ProgressLine(stream, clock), clock, stream


def test_quick_work_shows_nothing() -> None:
    shown, clock, stream = line()
    for done in range(4):
        shown("train", done, 3)
        clock.now += 0.6
    assert stream.getvalue() == ""


def test_long_work_says_how_much_is_left_and_clears_itself() -> None:
    shown, clock, stream = line()
    shown("train", 0, 10)
    clock.now += 5.0
    shown("train", 1, 10)
    assert stream.getvalue() == f"{ERASE}train       1 of 10, about 45 s left"
    clock.now += 45.0
    shown("train", 10, 10)
    assert stream.getvalue().endswith(ERASE)


def test_other_work_begins_a_new_count() -> None:
    shown, clock, stream = line()
    shown("simulate", 0, 2)
    clock.now += 3.0
    shown("compare", 0, 5)
    clock.now += 1.0
    shown("compare", 1, 5)
    assert stream.getvalue() == ""


@pytest.mark.parametrize(("seconds", "said"), [(0.2, "1 s"), (59, "59 s"), (200, "3 min 20 s"), (7500, "2 h 05 min")])
def test_durations(seconds: float, said: str) -> None:
    assert duration(seconds) == said


def test_a_watched_run_is_the_same_run() -> None:
    program = load_program(small_builds()[0] / "program.npz")
    inputs = {"input": np.random.default_rng(0).integers(0, 2, (2 * WATCHED_SAMPLES + 3, 5, 4))}
    inputs = {program.inputs[0].name: inputs["input"]}

    def run(strict: bool = False) -> Trace:
        return simulate_in_shards(program, inputs, "fast", Recording(everything=True, strict=strict), PLAIN, print)

    plain, heard = run(), []
    with listening(lambda *said: heard.append(said)):
        watched = run()
    assert [done for _, done, _ in heard] == [0, WATCHED_SAMPLES, 2 * WATCHED_SAMPLES, 2 * WATCHED_SAMPLES + 3]
    assert watched.overflows == plain.overflows and watched.samples == plain.samples
    for group in ("messages", "registers", "sent", "final"):
        ours, theirs = getattr(watched, group), getattr(plain, group)
        assert ours.keys() == theirs.keys() and all(np.array_equal(ours[name], theirs[name]) for name in ours)


def test_a_watched_run_names_the_overflow_that_a_plain_run_names(monkeypatch: pytest.MonkeyPatch) -> None:
    program = load_program(small_builds()[0] / "program.npz")
    inputs = {program.inputs[0].name: np.ones((WATCHED_SAMPLES + 1, 2, 4), dtype=np.int64)}

    def trap(program: Program, inputs: Mapping[str, IntArray], **how: Any) -> Trace:
        raise OverflowTrapError("hidden.voltage", f"of {len(next(iter(inputs.values())))} samples")

    monkeypatch.setattr("seamount.shards.find_simulator", lambda name: trap)
    with listening(lambda *said: None), pytest.raises(OverflowTrapError, match=f"of {WATCHED_SAMPLES + 1} samples"):
        simulate_in_shards(program, inputs, "fast", Recording(strict=True), PLAIN, print)


def test_units_are_counted() -> None:
    heard: list[tuple[str, int, int]] = []
    with listening(lambda *said: heard.append(said)):
        run_units(echo, [WorkUnit(f"u{number}", {"n": number}) for number in range(3)])
    assert heard == [("units", done, 3) for done in range(4)]


def echo(arguments: dict[str, JSON]) -> dict[str, JSON]:
    return dict(arguments)
