"""Time the accelerator on a whole test set, transfers included, and compare it with another simulator's results.

python -m benchmarks.accelerator --expect fast.npz     where there is no GPU: run the fast simulator, keep its results
python -m benchmarks.accelerator --against fast.npz    on a GPU: the time, and whether every result is equal

The network is 2 x 256 x 32 with random weights, driven by noise, unless a program and its inputs are given.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from simulators import accelerator
from toolchain.files import read_npz, write_npz
from toolchain.ir.integer import IntArray
from toolchain.ir.program import Program
from toolchain.ir.storage import load_program
from toolchain.ir.trace import Trace

SAMPLES, STEPS, SEED = 10_000, 784, 2026
PART = 500
"""Samples that the fast simulator runs at a time, which keeps its memory small."""


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", type=Path, help="program.npz")
    parser.add_argument("--inputs", type=Path, help="npz with payloads x, (sample, step, channel)")
    parser.add_argument("--samples", type=int, default=SAMPLES)
    parser.add_argument("--engine", choices=("triton", "torch"))
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--expect", type=Path, help="run the fast simulator and write its results")
    parser.add_argument("--against", type=Path, help="results to compare with")
    return parser.parse_args()


def network() -> Program:
    """Two layers of 256 neurons with 32 modes."""
    from benchmarks.networks import ssm_network

    return ssm_network(channels=256, modes=32, layers=2)


def payloads(given: Path | None, program: Program, samples: int) -> dict[str, IntArray]:
    name = program.inputs[0].name
    if given is not None:
        with np.load(given, allow_pickle=False) as stored:
            return {name: stored["x"][:samples].astype(np.int64)}
    return {name: np.random.default_rng(SEED).integers(-60, 61, (samples, STEPS, 1))}


def results(program: Program, trace: Trace) -> dict[str, IntArray]:
    """Messages of every neuron for every sample, and what the host reads."""
    outputs = {f"final {o.population}.{o.register}" for o in program.outputs if o.register}
    found = {f"sent {name}": values for name, values in trace.sent.items()}
    return found | {key: trace.final[key.removeprefix("final ")] for key in outputs}


def expect(program: Program, inputs: Mapping[str, IntArray], path: Path) -> None:
    from simulators import fast

    start = time.perf_counter()
    parts, overflows = [], 0
    samples = len(next(iter(inputs.values())))
    for first in range(0, samples, PART):
        part = {name: values[first : first + PART] for name, values in inputs.items()}
        trace = fast.simulate(program, part, record_messages=False, strict=False)
        parts.append(results(program, trace))
        overflows += sum(trace.overflows.values())
    seconds = time.perf_counter() - start
    joined = {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}
    write_npz(path, {"seconds": seconds, "overflows": overflows}, joined)
    print(json.dumps({"simulator": "fast", "program": program.name, "samples": samples, "seconds": round(seconds, 2)}))


def main() -> None:
    given = arguments()
    program = network() if given.program is None else load_program(given.program)
    inputs = payloads(given.inputs, program, given.samples)
    if given.expect is not None:
        expect(program, inputs, given.expect)
        return
    report = timed(program, inputs, given.engine, given.repeats)
    trace = report.pop("trace")
    if given.against is not None:
        header, expected = read_npz(given.against)
        found = results(program, trace)
        assert found.keys() == expected.keys()
        report["different"] = sum(int(np.count_nonzero(found[key] != expected[key])) for key in found)
        report["compared"] = sum(values.size for values in found.values())
        report["overflows"] = [sum(trace.overflows.values()), header["overflows"]]
    print(json.dumps(report))


def timed(program: Program, inputs: Mapping[str, IntArray], engine: str | None, repeats: int) -> dict[str, Any]:
    """Seconds of the first call on a few samples (which compiles) and of whole runs, host to host."""
    few = {name: values[:2, :2] for name, values in inputs.items()}
    start = time.perf_counter()
    accelerator.simulate(program, few, record_messages=False, strict=False, engine=engine)
    first = time.perf_counter() - start
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        trace = accelerator.simulate(program, inputs, record_messages=False, strict=False, engine=engine)
        seconds.append(round(time.perf_counter() - start, 3))
    return {
        "simulator": trace.simulator,
        "program": program.name,
        "samples": trace.samples,
        "steps": trace.steps,
        "first_call_s": round(first, 2),
        "run_s": seconds,
        "messages": {name: int(values.sum()) for name, values in trace.sent.items()},
        "trace": trace,
    }


if __name__ == "__main__":
    main()
