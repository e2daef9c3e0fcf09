"""The engine "ray" with two local workers: what serial does, with killed workers and killed runs.

Ray takes seconds to start, so few tests share few starts.
"""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from seamount.shards import Recording, Shards, simulate_in_shards
from tests import engine_work
from tests.backends.random_programs import Scale, random_inputs, random_program
from tests.conftest import REPOSITORY
from tests.toolchain.engine.killing import RUN, alive, four, lasting, lines, marked, times_begun
from toolchain.doctor import installed
from toolchain.engine import WorkUnit, run_units
from toolchain.errors import QuantizationError, WorkError
from toolchain.ir.trace import save_trace

# What Ray says about itself and leaves to the garbage collector.
pytestmark = [
    pytest.mark.skipif(installed("ray") is None, reason="ray is not installed"),
    pytest.mark.filterwarnings("ignore::FutureWarning:ray.*"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:ray.*"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A Ray of two cores that the engine finds running."""
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    # Not at the top: to import it takes seconds, in every process that collects tests.
    import ray

    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
    yield
    ray.shutdown()


def test_ray_does_what_serial_does(cluster: None, tmp_path: Path) -> None:
    results_are_those_of_serial(tmp_path / "results")
    a_killed_worker_loses_nothing(tmp_path / "killed")
    a_unit_that_kills_every_worker_is_given_up(tmp_path / "given_up")
    failures_name_their_unit()
    shards_join_to_one_run(tmp_path / "shards")
    assert sys.modules["ray"].is_initialized()


def results_are_those_of_serial(folder: Path) -> None:
    units = [WorkUnit(f"u{x}", {"x": x}) for x in range(5)]
    done: list[str] = []
    found = run_units(
        engine_work.square,
        units,
        engine="ray",
        workers=2,
        folder=folder / "ray",
        on_done=lambda unit, _: done.append(unit.name),
    )
    assert found == run_units(engine_work.square, units, folder=folder / "serial")
    assert sorted(done) == [unit.name for unit in units]
    for path in (folder / "serial").iterdir():
        assert path.read_bytes() == (folder / "ray" / path.name).read_bytes()


def a_killed_worker_loses_nothing(folder: Path) -> None:
    folder.mkdir()
    told: list[str] = []
    units = four(folder, 1, 2)
    results = run_units(engine_work.killed, units, engine="ray", workers=2, folder=folder / "kept", tell=told.append)
    assert results == [{"square": x * x} for x in range(4)]
    assert times_begun(folder) == [1, 3, 1, 1]
    assert [line.partition(" (")[0] for line in told] == ["unit u1: its worker died"] * 2


def a_unit_that_kills_every_worker_is_given_up(folder: Path) -> None:
    folder.mkdir()
    units = four(folder, 2, 9)
    with pytest.raises(WorkError, match="unit u2: its worker died 2 times, last by WorkerCrashedError"):
        run_units(
            engine_work.killed,
            units,
            engine="ray",
            workers=1,
            folder=folder / "kept",
            tell=lambda line: None,
            retries=1,
        )
    assert sorted(path.name for path in (folder / "kept").iterdir()) == ["u0.json", "u1.json"]


def failures_name_their_unit() -> None:
    units = [
        WorkUnit("fine", {"raises": "", "x": 1}),
        WorkUnit("first", {"raises": "ours"}),
        WorkUnit("b", {"raises": "other"}),
    ]
    with pytest.raises(QuantizationError) as raised:
        run_units(engine_work.wrong, units, engine="ray", workers=2)
    assert str(raised.value) == "unit first: soma.theta: 300 needs 10 bits; allow 10"


def shards_join_to_one_run(folder: Path) -> None:
    rng = np.random.default_rng(4)
    program = random_program(rng, Scale(populations=6, sizes=(4, 6), modes=2, samples=11, steps=25))
    inputs = random_inputs(rng, program, 11, 25)
    for name, shards in {"plain": Shards(), "ray": Shards("ray", 2, folder / "kept", samples=4)}.items():
        trace = simulate_in_shards(program, inputs, "fast", Recording(everything=True), shards, lambda line: None)
        save_trace(trace, folder / f"{name}.npz")
    assert (folder / "plain.npz").read_bytes() == (folder / "ray.npz").read_bytes()


def test_a_run_that_is_killed_goes_on_where_it_was(tmp_path: Path) -> None:
    """The next run does what was not finished, and leaves no process."""
    command = [sys.executable, "-c", RUN, str(tmp_path)]
    first = subprocess.Popen([*command, "600", "ray"], cwd=REPOSITORY)
    try:
        assert lasting(lambda: len(lines(tmp_path / "long")) == 2)
    finally:
        first.send_signal(signal.SIGKILL)
        first.wait()
    assert lasting(lambda: not any(alive(int(worker)) for worker in lines(tmp_path / "long")))
    kept = {path: path.read_bytes() for path in (tmp_path / "kept").iterdir() if path.suffix == ".json"}
    assert {path.stem for path in kept} == {"quick_0", "quick_1", "quick_2"}
    again = os.environ | {"SEAMOUNT_TEST_RUN": str(tmp_path)}
    subprocess.run([*command, "0", "ray"], cwd=REPOSITORY, check=True, env=again)
    assert len(lines(tmp_path / "quick")) == 3
    assert {path: path.read_bytes() for path in kept} == kept
    assert len(list((tmp_path / "kept").glob("long_*.json"))) == 2
    assert lasting(lambda: not marked("SEAMOUNT_TEST_RUN", str(tmp_path)))
