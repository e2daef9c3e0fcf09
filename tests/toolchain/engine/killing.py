"""Units whose workers are killed, runs that are killed as a whole, and what is alive after it."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from toolchain.engine import WorkUnit

WAIT_SECONDS = 60.0

# Takes a folder, how long two of the five units take, and the engine.
RUN = """
import sys
from pathlib import Path
from tests import engine_work
from toolchain.engine import WorkUnit, run_units

folder, seconds, engine = Path(sys.argv[1]), float(sys.argv[2]), sys.argv[3]
units = [WorkUnit(f"quick_{x}", {"log": str(folder / "quick"), "seconds": 0}) for x in range(3)]
units += [WorkUnit(f"long_{x}", {"log": str(folder / "long"), "seconds": seconds}) for x in range(2)]
run_units(engine_work.waiting, units, engine=engine, workers=2, folder=folder / "kept", tell=print)
"""


def four(folder: Path, deadly: int, lives: int) -> list[WorkUnit]:
    """Four units; one is killed in its middle so many times."""
    (folder / "lives").write_text("\n".join("x" * lives), encoding="utf-8")
    more = {"log": str(folder / "log")}
    return [
        WorkUnit(f"u{x}", {"x": x} | more | ({"lives": str(folder / "lives")} if x == deadly else {})) for x in range(4)
    ]


def lines(path: Path) -> list[str]:
    """The lines of a file; none where there is no file."""
    return path.read_text(encoding="utf-8").splitlines() if path.exists() else []


def times_begun(folder: Path) -> list[int]:
    """How often each of the four was begun."""
    begun = lines(folder / "log")
    return [begun.count(str(x)) for x in range(4)]


def lasting(condition: Callable[[], bool]) -> bool:
    """Whether a condition comes true before the wait is over."""
    end = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.05)
    return False


def marked(name: str, value: str) -> list[int]:
    """Processes that run with a variable in their environment."""
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            environment = path.read_bytes().split(b"\0")
        except OSError:
            continue
        if f"{name}={value}".encode() in environment:
            found.append(int(path.parent.name))
    return [process for process in found if alive(process)]


def alive(process: int) -> bool:
    """Whether a process runs; one that ended and that nobody has asked about does not."""
    try:
        state = Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"
