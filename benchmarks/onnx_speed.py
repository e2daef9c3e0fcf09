"""Time exported step models in onnxruntime beside those of another commit: `python -m benchmarks.onnx_speed COMMIT`.

Both trees export the same two programs, with the counts that a deployed file has; this one in every lanes. Models take
turns in one process, one thread, their states fed back, a step at a time; what counts is the median of a step's time of
the processor, which other work on the machine changes less than the clock's.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from benchmarks.measure import median
from benchmarks.networks import ssm_network
from benchmarks.portable import compiled_network
from benchmarks.trees import other_tree
from exporters.onnx import build_model
from toolchain.ir.program import Program

SAMPLES = (1, 16)
ROUNDS = 11
ROUND_S = 0.05
THERE = """
import sys
from pathlib import Path
from benchmarks.networks import ssm_network
from benchmarks.portable import compiled_network
from exporters.onnx import build_model
for name, program in (("ssm", ssm_network()), ("digits", compiled_network("zoo:digits"))):
    Path(sys.argv[1], f"{name}.onnx").write_bytes(build_model(program).SerializeToString())
"""
NAMES = {"ssm": "SSM 128 x 32 x 4", "digits": "digits"}
Seconds = Callable[[int], float]
"""Steps -> seconds of the processor."""


def stepper(model: bytes, samples: int) -> Seconds:
    """Steps of a model from rest, payloads within 7 bits, each step's states fed to the next."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 3
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    about = {key: json.loads(value) for key, value in session.get_modelmeta().custom_metadata_map.items()}
    kind = np.dtype({"tensor(int64)": np.int64, "tensor(double)": np.float64}[session.get_inputs()[0].type])
    names = [output.name for output in session.get_outputs()]
    places = [(s["name"], names.index(s["next"])) for s in about["seamount.states"]]
    rng = np.random.default_rng(1)
    entering = {
        f"in.{i['name']}": rng.integers(-30, 31, (samples, i["size"])).astype(kind) for i in about["seamount.inputs"]
    }
    held: dict[str, Any] = {
        s["name"]: np.full((samples, *s["shape"]), s["initial"], kind) for s in about["seamount.states"]
    }

    def run(steps: int) -> float:
        begun = time.process_time()
        for _ in range(steps):
            results = session.run(names, entering | held)
            held.update((name, results[place]) for name, place in places)
        return time.process_time() - begun

    return run


def step_times(models: dict[str, bytes], samples: int) -> dict[str, float]:
    """Median seconds of a step, by model; they take turns."""
    steppers = {name: stepper(model, samples) for name, model in models.items()}
    count = max(5, int(ROUND_S / max(run(5) / 5 for run in steppers.values())))
    found: dict[str, list[float]] = {name: [] for name in models}
    for _ in range(ROUNDS):
        for name, run in steppers.items():
            found[name].append(run(count) / count)
    return {name: median(times) for name, times in found.items()}


def main(commit: str) -> None:
    """Print a row a network and number of samples."""
    programs: dict[str, Program] = {"ssm": ssm_network(), "digits": compiled_network("zoo:digits")}
    with tempfile.TemporaryDirectory(prefix="seamount-onnx-") as name:
        folder = Path(name)
        tree = other_tree(commit, folder / "tree")
        command = [sys.executable, "-c", THERE, str(folder)]
        subprocess.run(command, cwd=tree, env={**os.environ, "PYTHONPATH": str(tree)}, check=True)
        print(f"onnxruntime {onnxruntime.__version__}, 1 thread; us a step, and how many times as fast as {commit}")
        for key, program in programs.items():
            models = {commit: (folder / f"{key}.onnx").read_bytes()}
            for label, lanes in (("default", None), ("float64", "float64"), ("int64", "int64")):
                models[label] = build_model(program, lanes=lanes).SerializeToString()
            for samples in SAMPLES:
                times = step_times(models, samples)
                cells = [f"{label} {1e6 * t:.0f} ({times[commit] / t:.2f})" for label, t in times.items()]
                print(f"{NAMES[key]}, {samples} samples: " + ", ".join(cells), flush=True)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("give the commit to compare with")
    main(sys.argv[1])
