"""Time the compiler on a network of a million parameters: `python -m benchmarks.quantizing`.

A SpikingSSM of 4 blocks x 448 channels x 32 modes with random weights, as a NIR file, with 256 sequences of 784 steps
to calibrate on. Timed in a process of its own: reading the file, finding the network, calibrating, choosing scales,
lowering.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

BLOCKS, CHANNELS, MODES = 4, 448, 32
SAMPLES, STEPS = 256, 784
SEED = 2026


def write_network(path: Path) -> int:
    """Write the network and its data beside it; returns its number of parameters."""
    import torch

    from models.network.config import NetworkConfig
    from models.network.spiking_ssm import SpikingSSM
    from models.network.to_nir import to_graph
    from toolchain.frontend.write import write_nir

    torch.manual_seed(SEED)
    network = SpikingSSM(NetworkConfig(inputs=1, classes=10, blocks=BLOCKS, channels=CHANNELS, modes=MODES))
    write_nir(to_graph(network, "psmnist", STEPS), path)
    pixels = np.random.default_rng(SEED).integers(0, 257, (SAMPLES, STEPS, 1)) / 256
    np.save(path.with_suffix(".npy"), pixels)
    return sum(parameter.numel() for parameter in network.parameters())


def compile_file(path: Path) -> dict[str, float]:
    """What it took this process, from the file to the program."""
    from toolchain.frontend.conventions import conventions_for
    from toolchain.frontend.read import read_nir
    from toolchain.lower.pipeline import compile_graph

    data = np.load(path.with_suffix(".npy"))
    before = time.perf_counter(), time.process_time()
    graph = read_nir(path)
    compiled = compile_graph(graph, conventions_for(graph), data)
    wall, cpu = time.perf_counter() - before[0], time.process_time() - before[1]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return {"seconds": wall, "cpu_seconds": cpu, "peak_gib": peak, "calibrated": compiled.calibration.samples}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--file", type=Path, help="compile this file and nothing else")
    given = parser.parse_args()
    if given.file is not None:
        print(json.dumps(compile_file(given.file)))
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "million.nir"
        parameters = write_network(path)
        command = [sys.executable, "-m", "benchmarks.quantizing", "--file", str(path)]
        found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    print(json.dumps({"parameters": parameters, **found}, indent=1))


if __name__ == "__main__":
    main()
