"""Workers that are killed, and runs that are killed as a whole: nothing that was finished is lost."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests import engine_work
from tests.conftest import REPOSITORY
from toolchain.engine import Unit, run_units
from toolchain.errors import WorkError

WAIT_SECONDS = 60.0

RUN = """
import sys
from pathlib import Path
from tests import engine_work
from toolchain.engine import Unit, run_units

folder, seconds, engine = Path(sys.argv[1]), float(sys.argv[2]), sys.argv[3]
quick = [Unit(f"quick_{x}", {"x": x, "log": str(folder / "done")}) for x in range(3)]
run_units(engine_work.square, quick, engine=engine, workers=2, folder=folder / "kept")
stay = [Unit(f"stay_{x}", {"log": str(folder / "log"), "seconds": seconds}) for x in range(2)]
run_units(engine_work.endless, stay, engine=engine, workers=2, folder=folder / "kept")
"""


def four(folder: Path, deadly: int, lives: int) -> list[Unit]:
    """Four units; one is killed in its middle so many times."""
    (folder / "lives").write_text("\n".join("x" * lives), encoding="utf-8")
    more = {"log": str(folder / "log")}
    return [
        Unit(f"u{x}", {"x": x} | more | ({"lives": str(folder / "lives")} if x == deadly else {})) for x in range(4)
    ]


def times_begun(folder: Path) -> list[int]:
    begun = (folder / "log").read_text(encoding="utf-8").splitlines()
    return [begun.count(str(x)) for x in range(4)]


def lasting(condition) -> bool:
    """Whether a condition comes true before the wait is over."""
    end = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.05)
    return False


def alive(process: int) -> bool:
    """Whether a process runs; one that ended and that nobody has asked about does not."""
    try:
        state = Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


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
        begun = tmp_path / "log"
        count = 1 if engine == "serial" else 2
        assert lasting(lambda: begun.exists() and len(begun.read_text(encoding="utf-8").splitlines()) == count)
    finally:
        first.send_signal(signal.SIGKILL)
        first.wait()
    workers = [int(line) for line in begun.read_text(encoding="utf-8").splitlines()]
    assert os.getpid() not in workers
    assert lasting(lambda: not any(alive(worker) for worker in workers))
    kept = {path: path.read_bytes() for path in (tmp_path / "kept").glob("quick_*.json")}
    assert len(kept) == 3
    assert len((tmp_path / "done").read_text(encoding="utf-8").splitlines()) == 3
    # Seconds are an argument: the units that were under way are others now, the finished ones are the same.
    subprocess.run([*command, "0", engine], cwd=REPOSITORY, check=True)
    assert len((tmp_path / "done").read_text(encoding="utf-8").splitlines()) == 3
    assert {path: path.read_bytes() for path in kept} == kept
    assert len(list((tmp_path / "kept").glob("stay_*.json"))) == 2
