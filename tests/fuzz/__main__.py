"""Feed mutated files to every reader: `make fuzz`, or `python -m tests.fuzz --minutes 5 --seed 0 --only nir`.

The exit code is 1 where a reader raised something else than an error of ours, took over ten seconds, or more than
2 GB. What it failed on is kept in build/fuzz, which is not part of the repository.
"""

from __future__ import annotations

import argparse
import resource
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

import numpy as np

from tests.fuzz.mutate import pick
from tests.fuzz.readers import Reader, readers
from toolchain.errors import ToolchainError

SECONDS = 10
MOST_KB = 2_000_000
KEPT = Path("build/fuzz")


class HangError(BaseException):
    """A reader did not come back; no reader's own `except` may take it."""


@contextmanager
def at_most(seconds: int) -> Iterator[None]:
    """End what takes longer."""

    def hang(number: int, frame: FrameType | None) -> None:
        raise HangError

    signal.signal(signal.SIGALRM, hang)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)


@dataclass
class Found:
    """What came of the inputs of a reader."""

    counts: Counter[str] = field(default_factory=Counter)
    faults: dict[str, str] = field(default_factory=dict)
    slowest: float = 0.0


def feed(name: str, reader: Reader, place: Path, rng: np.random.Generator, found: Found) -> None:
    """Make one input and read it."""
    data = pick(reader.seeds, rng)
    for _ in range(int(rng.integers(1, 4))):
        try:
            data = pick(reader.mutations, rng)(data, rng)
        except Exception:  # h5py refuses to edit what was damaged before, or to store a value
            break
    path = place / (f"input{reader.suffix}" if reader.suffix else "MANIFEST.json")
    path.write_bytes(data)
    begun = time.perf_counter()
    try:
        with at_most(SECONDS):
            reader.read(path)
        found.counts["read"] += 1
    except ToolchainError:
        found.counts["refused"] += 1
    except (Exception, HangError) as error:
        kind = "hang" if isinstance(error, HangError) else type(error).__name__
        at = traceback.extract_tb(error.__traceback__)[-1]
        key = f"{kind} in {Path(at.filename).name}:{at.lineno}"
        found.counts["fault"] += 1
        if key not in found.faults:
            KEPT.mkdir(parents=True, exist_ok=True)
            kept = KEPT / f"{name}-{len(found.faults)}{reader.suffix}"
            kept.write_bytes(data)
            found.faults[key] = f"{kept}: {str(error)[:200]}\n{''.join(traceback.format_exception(error)[-4:])}"
    found.slowest = max(found.slowest, time.perf_counter() - begun)


def main() -> int:
    """Run for so long, and say what came of it."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--inputs", type=int, default=1 << 62, help="end after so many")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="readers, joined by commas")
    given = parser.parse_args()
    rng, end = np.random.default_rng(given.seed), time.monotonic() + 60 * given.minutes
    found: dict[str, Found] = {}
    with tempfile.TemporaryDirectory(prefix="seamount-fuzz-") as name, np.errstate(all="ignore"):
        place = Path(name)
        all_readers = readers(place)
        chosen = given.only.split(",") if given.only else list(all_readers)
        made = 0
        while time.monotonic() < end and made < given.inputs:
            for kind in chosen:
                for _ in range(all_readers[kind].share):
                    feed(kind, all_readers[kind], place, rng, found.setdefault(kind, Found()))
                    made += 1
    return report(found)


def report(found: dict[str, Found]) -> int:
    """One line a reader, and each fault once."""
    for name, one in found.items():
        counts = ", ".join(f"{one.counts[kind]:,} {kind}" for kind in ("read", "refused", "fault"))
        print(f"{name:14}{sum(one.counts.values()):>9,} inputs: {counts}; slowest {one.slowest:.2f} s")
        for key, told in one.faults.items():
            print(f"  {key}: {told}")
    total = sum(sum(one.counts.values()) for one in found.values())
    used = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    faults = sum(one.counts["fault"] for one in found.values())
    print(f"{total:,} inputs, {faults:,} faults; at most {used / 1e6:.2f} GB")
    return int(bool(faults) or used > MOST_KB)


if __name__ == "__main__":
    sys.exit(main())
