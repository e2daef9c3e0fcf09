"""Workers that are killed, and runs that are killed as a whole: nothing that was finished is lost."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests import engine_work
from tests.conftest import REPOSITORY
from tests.toolchain.engine.killing import RUN, alive, four, lasting, lines, times_begun
from toolchain.engine import run_units
from toolchain.errors import WorkError


@pytest.mark.parametrize("engine", ["processes"])
def test_a_unit_whose_worker_is_killed_is_done_again_and_no_other(engine: str, tmp_path: Path) -> None:
    told: list[str] = []
    results = run_units(engine_work.killed, four(tmp_path, 1, 2), engine=engine, workers=2, tell=told.append)
    assert results == [{"square": x * x} for x in range(4)]
    assert times_begun(tmp_path) == [1, 3, 1, 1]
    assert [line.partition(" (")[0] for line in told] == ["unit u1: its worker died"] * 2
    assert "SIGKILL" in told[0]


@pytest.mark.parametrize("engine", ["processes"])
def test_a_unit_that_kills_every_worker_is_given_up_and_the_rest_is_kept(engine: str, tmp_path: Path) -> None:
    units = four(tmp_path, 2, 9)
    with pytest.raises(WorkError, match="unit u2: its worker died 3 times, last by signal SIGKILL"):
        run_units(engine_work.killed, units, engine=engine, workers=1, folder=tmp_path / "kept", tell=lambda line: None)
    assert sorted(path.name for path in (tmp_path / "kept").iterdir()) == ["u0.json", "u1.json"]
    (tmp_path / "lives").write_text("", encoding="utf-8")
    assert run_units(engine_work.killed, units, engine=engine, folder=tmp_path / "kept")[2] == {"square": 4}
    assert times_begun(tmp_path) == [1, 1, 4, 1]


@pytest.mark.parametrize("engine", ["serial", "processes"])
def test_a_run_that_is_killed_goes_on_where_it_was(engine: str, tmp_path: Path) -> None:
    """Its workers end as well; the next run does what was not finished and nothing else."""
    command = [sys.executable, "-c", RUN, str(tmp_path)]
    first = subprocess.Popen([*command, "600", engine], cwd=REPOSITORY)
    try:
        assert lasting(lambda: len(lines(tmp_path / "long")) == (1 if engine == "serial" else 2))
    finally:
        first.send_signal(signal.SIGKILL)
        first.wait()
    assert lasting(lambda: not any(alive(int(worker)) for worker in lines(tmp_path / "long")))
    kept = {path: path.read_bytes() for path in (tmp_path / "kept").iterdir() if path.suffix == ".json"}
    assert {path.stem for path in kept} == {"quick_0", "quick_1", "quick_2"}
    # Seconds are an argument: the two that were under way are other units now.
    subprocess.run([*command, "0", engine], cwd=REPOSITORY, check=True)
    assert len(lines(tmp_path / "quick")) == 3
    assert {path: path.read_bytes() for path in kept} == kept
    assert len(list((tmp_path / "kept").glob("long_*.json"))) == 2
