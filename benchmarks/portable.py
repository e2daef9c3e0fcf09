"""Time exported C and JavaScript beside the fast simulator and onnxruntime: `python -m benchmarks.portable`.

Everything is of one run on one machine, one sample, one core; contenders take turns. A time a step is the difference
between a long and a short run, so that compiling and starting are outside it; the median counts. Times are of the
processor, not of the clock: other work on the machine then changes less.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

import simulators.c
import simulators.js
from benchmarks.measure import median
from benchmarks.networks import ssm_network
from exporters.c import build_source
from exporters.js import build_module
from exporters.scalar.plan import plan_program
from seamount.network import find_source
from simulators import fast
from simulators.onnx import simulate as simulate_onnx
from simulators.recorded import ExportedRun, prepare
from toolchain.frontend.conventions import conventions_for
from toolchain.ir.integer import IntArray, limits
from toolchain.ir.program import Program
from toolchain.lower.pipeline import compile_graph

ROUNDS = 9
SHORT, LONG = 256, 8448
JS_LONG = 65536
"""node compiles a function again and again while it runs; that takes a smaller part of a longer run."""
ONNX_SHORT, ONNX_LONG = 10, 210
Seconds = Callable[[int], float]
"""Steps of a run -> seconds of the processor."""


def compiled_network(name: str) -> Program:
    """A network of the zoo as a program, as `seamount deploy` compiles it but for the passes."""
    source = find_source(name, None, None)
    graph = source.graph
    compiled = compile_graph(graph, conventions_for(graph), source.calibration.values(), name=source.name)
    return compiled.lowered.program


def payloads(program: Program, steps: int) -> dict[str, IntArray]:
    """One sample of a quarter of the range."""
    (source,) = program.inputs
    _, high = limits(source.bits)
    rng = np.random.default_rng(1)
    return {source.name: rng.integers(-high // 2, high // 2 + 1, (1, steps, source.size))}


def unrecorded(program: Program, types: Callable[[tuple[int, int]], str], steps: int) -> ExportedRun:
    """A run of which only the end is kept."""
    job = prepare(
        plan_program(program), types, payloads(program, steps), steps=steps, probes=(), record_messages=False,
        strict=False,
    )  # fmt: skip
    return replace(job, messages=(), registers=())


def time_fast(program: Program) -> Seconds:
    """The fast simulator on one core."""

    def run(steps: int) -> float:
        begun = time.process_time()
        fast.simulate(program, payloads(program, steps), record_messages=False, strict=False, threads=1)
        return time.process_time() - begun

    return run


def time_onnx(program: Program) -> Seconds:
    """onnxruntime, one call a step."""

    def run(steps: int) -> float:
        begun = time.process_time()
        simulate_onnx(program, payloads(program, steps), record_messages=False, strict=False)
        return time.process_time() - begun

    return run


def time_c(program: Program) -> Seconds:
    """The exported C, compiled once."""
    jobs = {steps: unrecorded(program, simulators.c.numpy_type, steps) for steps in (SHORT, LONG)}
    compiled = simulators.c.Compiled(build_source(program, prefix="network"), jobs[SHORT])

    def run(steps: int) -> float:
        begun = time.process_time()
        compiled.execute(jobs[steps])
        return time.process_time() - begun

    return run


def time_js(program: Program) -> Seconds:
    """The exported module in node, which says itself what its steps took."""
    jobs = {steps: unrecorded(program, simulators.js.numpy_type, steps) for steps in (SHORT, JS_LONG)}
    module = build_module(program)

    def run(steps: int) -> float:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            (folder / "model.mjs").write_text(module, encoding="utf-8")
            return simulators.js.seconds_of(folder / "model.mjs", folder, jobs[steps])

    return run


def step_times(contenders: dict[str, tuple[Seconds, int, int]]) -> dict[str, float]:
    """Median seconds of a step, by contender; each with its short and its long run."""
    found: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(ROUNDS):
        for name, (seconds, short, long) in contenders.items():
            found[name].append((seconds(long) - seconds(short)) / (long - short))
    return {name: median(times) for name, times in found.items()}


def main() -> None:
    ssm, small = ssm_network(), compiled_network("zoo:digits")
    cases = {
        "SSM 128 x 32 x 4": {
            "fast": (time_fast(ssm), SHORT, LONG),
            "c": (time_c(ssm), SHORT, LONG),
            "onnxruntime": (time_onnx(ssm), ONNX_SHORT, ONNX_LONG),
        },
        "digits": {
            "fast": (time_fast(small), SHORT, LONG),
            "c": (time_c(small), SHORT, LONG),
            "js": (time_js(small), SHORT, JS_LONG),
        },
    }
    compiler = shutil.which("cc") or "cc"
    said = subprocess.run([compiler, "--version"], capture_output=True, text=True).stdout.splitlines()[:1]
    print(f"Python {sys.version.split()[0]}, {said[0] if said else 'no C compiler'}")
    for case, contenders in cases.items():
        times = step_times(contenders)
        print(
            case, json.dumps({name: f"{1e6 * t:.2f} us, {t / times['fast']:.2f} x fast" for name, t in times.items()})
        )


if __name__ == "__main__":
    main()
