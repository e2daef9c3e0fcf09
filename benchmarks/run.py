"""Time the fast simulator beside others: `python -m benchmarks.run [--quick]` writes benchmarks/latest.json.

Everything in a table is of one run on one machine. Ratios are of medians; above 1 means that we are faster.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import report
from benchmarks.kernel import CLoop, OurLoop
from benchmarks.measure import Case, alternate, median, peak_growth_kib, seconds, start_seconds, time_case
from benchmarks.networks import lif_input, lif_network, one_layer, ssm_input, ssm_network
from simulators import fast
from simulators.fast.network import thread_count

FOLDER = Path(__file__).parent
OURS, ONE_CORE, LAVA, ONNX, FLOAT = "seamount", "seamount, one core", "Lava", "onnxruntime", "snnTorch (float)"
KERNEL_STEPS = 256
SMNIST_STEPS, SMNIST_IMAGES = 784, 10_000


def ssm_case(samples: int, *, others: bool) -> Case:
    lengths = {OURS: (256, 256 + 4096 // samples * 2)}
    lengths[LAVA] = (40, 640) if samples == 1 else (10, 70)
    if others:
        lengths |= {ONE_CORE: lengths[OURS], ONNX: (10, 110), FLOAT: (20, 220)}
    return Case(f"SSM 128 x 32 x 4, batch {samples}", ssm_network(), ssm_input, samples, lengths)


def lif_case(share: float, *, others: bool) -> Case:
    lengths = {OURS: (256, 4352), LAVA: (20, 320)}
    if others:
        lengths |= {ONE_CORE: lengths[OURS], ONNX: (5, 25), FLOAT: (20, 220)}
    name = f"LIF 3 x 1000 at {share:.0%}"
    return Case(name, lif_network(share), lambda n, steps: lif_input(n, steps, share), 1, lengths)


def time_kernel(rounds: int) -> dict[str, float]:
    """One layer of 128 x 32 on one core: the C loop and ours, which must spike alike."""
    program, inputs = one_layer(ssm_network()), ssm_input(1, KERNEL_STEPS)["input"]
    theirs, ours = CLoop(program, inputs), OurLoop(program, inputs)
    if not np.array_equal(theirs.run(), ours.run()):
        raise SystemExit("the C loop and the fast simulator do not spike alike; nothing is timed")
    c_times, our_times = alternate(theirs.run, ours.run, rounds=rounds)
    steps = KERNEL_STEPS * theirs.size * theirs.modes
    return {"c_ns": median(c_times) / steps * 1e9, "ours_ns": median(our_times) / steps * 1e9}


def time_smnist(share: int) -> dict[str, float]:
    """A share of the sMNIST test set's length through 2 x 256 x 32, and what the whole would take."""
    program, inputs = ssm_network(256, 32, 2), ssm_input(share, SMNIST_STEPS)
    taken = seconds(lambda: fast.simulate(program, inputs, record_messages=False))
    return {"us": taken / share / SMNIST_STEPS * 1e6, "whole_s": taken / share * SMNIST_IMAGES}


def machine() -> dict[str, Any]:
    """What the figures hang on; a load well above the benchmark's own says that others worked meanwhile."""
    facts: dict[str, Any] = {"cores": thread_count(), "system": platform.platform()}
    return facts | {"python": platform.python_version(), "load_average": os.getloadavg()[0]}


def measure(*, quick: bool) -> dict[str, Any]:
    """Everything that latest.json holds."""
    rounds = 2 if quick else 3
    kernel = time_kernel(rounds=41)
    cases = [ssm_case(1, others=not quick), ssm_case(16, others=not quick), lif_case(0.02, others=not quick)]
    cases += [] if quick else [lif_case(0.1, others=True), lif_case(0.5, others=True)]
    times = {case.name: {k: median(v) for k, v in time_case(case, rounds).items()} for case in cases}
    cold, warm = start_seconds(1 if quick else 3)
    smnist = time_smnist(32 if quick else 128)
    ratios = [times[case.name][LAVA] / times[case.name][OURS] for case in cases]
    found: dict[str, Any] = {
        "ssm_batch1_vs_lava": ratios[0],
        "ssm_batch16_vs_lava": ratios[1],
        "ssm_batch16_vs_lava_batch1": times[cases[0].name][LAVA] / times[cases[1].name][OURS],
        "ssm_vs_c": kernel["c_ns"] / kernel["ours_ns"],
        "lif_2pct_vs_lava": ratios[2],
        "ns_per_mode_step": kernel["ours_ns"],
        "c_ns_per_mode_step": kernel["c_ns"],
        "cold_start_s": median(cold),
        "warm_start_s": median(warm),
        "smnist_us_per_sample_step": smnist["us"],
        "smnist_test_set_s": smnist["whole_s"],
        "seconds_per_sample_step": times,
        "machine": machine(),
        "compiler": subprocess.run(["gcc", "--version"], capture_output=True, text=True).stdout.splitlines()[0],
        "quick": quick,
    }
    return found if quick else found | scaling()


def scaling() -> dict[str, Any]:
    """Time and memory over lengths and batches."""
    program = ssm_network()

    def each(samples: int, steps: int) -> float:
        inputs = ssm_input(samples, steps)
        runs = [seconds(lambda: fast.simulate(program, inputs, record_messages=False)) for _ in range(3)]
        return median(runs)

    return {
        "seconds_by_length": {steps: each(1, steps) for steps in (64, 256, 1024, 4096, 16384)},
        "seconds_by_batch": {samples: each(samples, 256) for samples in (1, 4, 16, 64, 256)},
        "peak_growth_kib_by_length": {steps: peak_growth_kib(steps) for steps in (1024, 16384)},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="Time the fast simulator beside others.")
    parser.add_argument("--quick", action="store_true", help="ours against Lava and C only")
    options = parser.parse_args()
    found = measure(quick=options.quick)
    (FOLDER / "latest.json").write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    print(report.table(found))
    if not options.quick:
        report.write(found, FOLDER.parent / "docs")


if __name__ == "__main__":
    main()
