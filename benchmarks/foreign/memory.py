"""Memory of this process and those that it began, as Linux counts it; runs on any Python from 3.9 on.

`ru_maxrss` is of no use here: a process that is begun by a large one starts with the large one's peak.
"""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from pathlib import Path

INTERVAL_S = 0.2


def own_peak_kib() -> int:
    """The most that this process ever held."""
    return _field(Path("/proc/self/status"), "VmHWM")


def tree_kib() -> int:
    """What this process and all below it hold now; shared pages are counted once."""
    parents = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with suppress(OSError, ValueError):
                parents[int(folder.name)] = _field(folder / "status", "PPid")
    below, grown = {os.getpid()}, True
    while grown:
        more = {pid for pid, parent in parents.items() if parent in below} - below
        grown, below = bool(more), below | more
    total = 0
    for pid in below:
        with suppress(OSError, ValueError):
            total += _field(Path("/proc") / str(pid) / "smaps_rollup", "Pss")
    return total


def watch(peaks: list[int]) -> None:
    """Note what the tree holds, again and again, until this process ends."""

    def look() -> None:
        while True:
            peaks.append(tree_kib())
            wait.wait(INTERVAL_S)

    wait = threading.Event()
    threading.Thread(target=look, daemon=True).start()


def _field(path: Path, name: str) -> int:
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1])
    raise ValueError(f"{path}: no {name}")
