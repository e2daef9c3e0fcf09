"""Start-up and memory of one contender in a process of its own: `python -m benchmarks.fresh NAME ssm|lif STEPS BEGUN`.

Prints seconds from BEGUN (`time.time()`) to the end of the run, less what making the network took, and the peak memory.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from typing import Any

from benchmarks.cases import FLOAT, LAVA, ONNX, OURS, start_case
from benchmarks.foreign.memory import own_peak_kib, watch
from benchmarks.measure import ROOT

MEMORY_STEPS = 100
NAMES = (OURS, LAVA, ONNX, FLOAT)


def main() -> None:
    name, kind, steps, begun = sys.argv[1:]
    making = time.perf_counter()
    case = start_case(kind)
    inputs = case.inputs(1, int(steps))
    made = time.perf_counter() - making
    peaks: list[int] = []
    if int(steps) > 1:
        watch(peaks)
    from benchmarks.contenders import CONTENDERS

    CONTENDERS[name](case.program, inputs)
    taken = time.time() - float(begun) - made
    print(json.dumps({"start_s": taken, "peak_kib": max([own_peak_kib(), *peaks])}))


def measure_fresh(kind: str, rounds: int) -> dict[str, dict[str, Any]]:
    """By contender, seconds of a fresh process to its first step, a value a round, and KiB of a run of 100 steps."""
    found: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name in NAMES:
            starts = [_ask(name, kind, 1, SEAMOUNT_CACHE=f"{folder}/{i}") for i in range(rounds)]
            row = found[name] = {"start_s": [start["start_s"] for start in starts]}
            if name == OURS:
                again = [_ask(name, kind, 1, SEAMOUNT_CACHE=f"{folder}/{i}") for i in range(rounds)]
                row["warm_start_s"] = [start["start_s"] for start in again]
            row["peak_kib"] = _ask(name, kind, MEMORY_STEPS)["peak_kib"]
    return found


def _ask(name: str, kind: str, steps: int, **environment: str) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.fresh", name, kind, str(steps), repr(time.time())]
    own = {**os.environ, **environment}
    done = subprocess.run(command, cwd=ROOT, env=own, capture_output=True, text=True, check=True, timeout=120)
    answer: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return answer


if __name__ == "__main__":
    main()
