"""Kill `deploy` at every step that it takes on the disk, and at random moments: is a whole build there each time?

`make kill`, or `python -m tests.kill --random 40 --every 1`. Each run is a fork of this process that replaces a build
by another and is ended by a signal. Afterwards the old build is there or the new one, whole by `verify`; the next run
leaves nothing of the killed one. The exit code is 1 where that does not hold.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

import seamount as sm
from tests.cli.conftest import lif_graph
from toolchain.folders import is_dead

STEPS = ("open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "shutil.rmtree", "ctypes.call_function")
"""Audit events of Python that are steps on the disk; renaming two folders at once goes through ctypes."""
SIGNALS = (signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT)


def deploy(out: Path, bits: int) -> None:
    """One build of a small network."""
    rng = np.random.default_rng(3)
    data = {"x": rng.integers(0, 2, (8, 20, 4)).astype(float), "y": rng.integers(0, 3, 8)}
    settings = sm.Settings(weight_bits=bits)
    sm.deploy(lif_graph(), out, calibrate=data, compared=1, compare="fast", settings=settings)


class _Steps:
    """Counts a process's steps below a folder, and ends it at one of them."""

    def __init__(self, root: Path, last: int | None) -> None:
        self.root, self.last, self.taken = str(root), last, 0

    def __call__(self, event: str, given: tuple[Any, ...]) -> None:
        if event not in STEPS or (event != "ctypes.call_function" and not str(given[0]).startswith(self.root)):
            return
        if event == "open" and not _writes(given):
            return
        self.taken += 1
        if self.taken == self.last:
            os.kill(os.getpid(), signal.SIGKILL)


def _writes(given: tuple[Any, ...]) -> bool:
    _, mode, flags = given
    return bool(flags & (os.O_WRONLY | os.O_RDWR)) if isinstance(flags, int) else "r" not in str(mode)


def forked(out: Path, bits: int, last: int | None = None) -> int:
    """A child that deploys, and ends itself at a step if one is given; its process number."""
    child = os.fork()
    if child:
        return child
    try:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: sys.exit(1))
        with open(os.devnull, "w") as nothing:
            os.dup2(nothing.fileno(), 2)
        steps = _Steps(out.parent, last)
        sys.addaudithook(steps)
        deploy(out, bits)
        (out.parent / "steps").write_text(str(steps.taken))
    finally:
        os._exit(0)


def count_steps(out: Path) -> int:
    """How many steps replacing a build takes."""
    os.waitpid(forked(out, 4), 0)
    found = int((out.parent / "steps").read_text())
    (out.parent / "steps").unlink()
    return found


def leftovers(out: Path) -> list[str]:
    """What lies beside a build, and temporary folders of processes that are gone."""
    beside = [path.name for path in out.parent.iterdir() if path != out]
    places = [path.name for path in Path(tempfile.gettempdir()).glob("seamount-*@*")]
    marks = {name: re.fullmatch(r"seamount-[a-z]+-(\d+@.*)-[^-]+", name) for name in places}
    return beside + [name for name, found in marks.items() if found and is_dead(found[1])]


def main() -> int:
    """Kill, look, and say what was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.kill", description=__doc__)
    parser.add_argument("--random", type=int, default=40, help="kills at random moments")
    parser.add_argument("--every", type=int, default=1, help="kill at every so many-th step")
    parser.add_argument("--flips", type=int, default=0, help="besides, turn so many single bits of a build, one by one")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    rng, found = np.random.default_rng(given.seed), Counter[str]()
    with tempfile.TemporaryDirectory(prefix="seamount.kill.") as name:
        root = Path(name)
        out, old, new = root / "runs" / "build", root / "old", root / "new"
        deploy(old, 8)
        deploy(new, 4)
        whole = {(place / "MANIFEST.json").read_bytes(): place.name for place in (old, new)}
        fresh(out, old)
        begun = time.monotonic()
        steps = count_steps(out)
        lasting = time.monotonic() - begun
        for step in range(1, steps + 1, given.every):
            fresh(out, old)
            os.waitpid(forked(out, 4, step), 0)
            found[state(out, whole)] += 1
        for _ in range(given.random):
            fresh(out, old)
            child = forked(out, 4)
            time.sleep(float(rng.uniform(0, lasting)))
            os.kill(child, int(rng.choice(SIGNALS)))
            os.waitpid(child, 0)
            (out.parent / "steps").unlink(missing_ok=True)
            found[state(out, whole)] += 1
        deploy(out, 4)
        left = leftovers(out)
        unseen = flipped(new, given.flips, rng)
    told = ", ".join(f"{count} times the {kind} build" for kind, count in found.items())
    print(f"{sum(found.values())} kills, {steps} steps in a run: {told}")
    print(f"{len(left)} leftovers after the next run {left or ''}")
    if given.flips:
        print(f"{given.flips} single bits turned, {len(unseen)} not noticed {unseen or ''}")
    return int(bool(left) or bool(unseen) or not set(found) <= {"old", "new"})


def flipped(build: Path, count: int, rng: np.random.Generator) -> list[str]:
    """Bits that `verify` does not notice when one is turned, drawn evenly from all of a build."""
    files = sorted(path for path in build.rglob("*") if path.is_file())
    sizes = np.array([path.stat().st_size for path in files])
    unseen = []
    for _ in range(count):
        path = files[int(rng.choice(len(files), p=sizes / sizes.sum()))]
        whole, bit = path.read_bytes(), int(rng.integers(8 * path.stat().st_size))
        path.write_bytes(whole[: bit // 8] + bytes([whole[bit // 8] ^ 1 << bit % 8]) + whole[bit // 8 + 1 :])
        try:
            noticed = not sm.verify(build, run=False).ok
        except sm.ToolchainError:
            noticed = True
        unseen += [] if noticed else [f"{path.relative_to(build)}:{bit}"]
        path.write_bytes(whole)
    return unseen


def fresh(out: Path, old: Path) -> None:
    """The old build where the new one will be."""
    shutil.rmtree(out, ignore_errors=True)
    shutil.copytree(old, out)


def state(out: Path, whole: dict[bytes, str]) -> str:
    """Which build is there: the old or the new one, or none that is whole."""
    if not out.is_dir():
        # The one moment between two renames, where the system has no exchange: the next run puts the old one back.
        from toolchain.folders import clear_leftovers

        clear_leftovers(out)
    try:
        sound = sm.verify(out, run=False).ok
        return whole.get((out / "MANIFEST.json").read_bytes(), "unknown") if sound else "damaged"
    except (sm.ToolchainError, OSError):
        return "lost"


if __name__ == "__main__":
    sys.exit(main())
