"""Timing side by side: contenders take turns in rounds, start-up is taken out by a second length, medians count."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks.contenders import CONTENDERS, Inputs
from toolchain.ir.program import Program

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Case:
    """One network at one number of samples.

    Attributes:
        lengths: by contender, a short and a long run in steps; their difference is what is timed.
        repeats: of our own runs in a round, which are short.
    """

    name: str
    program: Program
    inputs: Callable[[int, int], Inputs]
    samples: int
    lengths: Mapping[str, tuple[int, int]]
    repeats: int = 7


def seconds(work: Callable[[], object]) -> float:
    """How long some work takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def time_case(case: Case, rounds: int) -> dict[str, list[float]]:
    """By contender, seconds for one step of one sample, a value a measurement."""
    found: dict[str, list[float]] = {name: [] for name in case.lengths}
    inputs = {steps: case.inputs(case.samples, steps) for pair in case.lengths.values() for steps in pair}
    for name, (short, _) in case.lengths.items():
        if name.startswith("seamount"):
            CONTENDERS[name](case.program, inputs[short])
    for _ in range(rounds):
        for name, (short, long) in case.lengths.items():
            ours = name.startswith("seamount")
            for _ in range(case.repeats if ours else 1):
                brief = seconds(partial(CONTENDERS[name], case.program, inputs[short]))
                whole = seconds(partial(CONTENDERS[name], case.program, inputs[long]))
                found[name].append((whole - brief) / ((long - short) * case.samples))
    return found


def median(values: list[float]) -> float:
    """The median; of measurements that other work on the machine disturbs, the middle one is the fairest."""
    return statistics.median(values)


def alternate(*works: Callable[[], object], rounds: int) -> list[list[float]]:
    """Seconds of several works that take turns."""
    found: list[list[float]] = [[] for _ in works]
    for _ in range(rounds):
        for times, work in zip(found, works, strict=True):
            times.append(seconds(work))
    return found


FIRST_STEP = """
import time, os
from benchmarks.networks import ssm_network
program = ssm_network()
begin = time.perf_counter()
from simulators.fast import open_session
session = open_session(program)
session.step([3])
print(time.perf_counter() - begin)
"""


def start_seconds(rounds: int) -> tuple[list[float], list[float]]:
    """From opening a session to its first step in a fresh process: with an empty cache, and with a full one."""
    cold, warm = [], []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as cache:
            cold.append(_fresh(FIRST_STEP, SEAMOUNT_CACHE=cache))
            warm.append(_fresh(FIRST_STEP, SEAMOUNT_CACHE=cache))
    return cold, warm


PEAK = """
import sys
from benchmarks.foreign.memory import own_peak_kib
from benchmarks.networks import ssm_input, ssm_network
from simulators.fast import simulate
program, inputs = ssm_network(), ssm_input(1, int(sys.argv[1]))
simulate(program, ssm_input(1, 256), record_messages=False)
before = own_peak_kib()
simulate(program, inputs, record_messages=False)
print(own_peak_kib() - before)
"""


def peak_growth_kib(steps: int) -> float:
    """By how many KiB a run of so many steps, which records nothing, raises the process's peak memory."""
    return _fresh(PEAK, str(steps))


def _fresh(code: str, *arguments: str, **environment: str) -> float:
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return float(json.loads(done.stdout))
