"""Time the fast simulator beside others: `python -m benchmarks.run [--quick]` writes benchmarks/latest.json.

Everything in a table is of one run on one machine. Ratios are of medians; above 1 means that we are faster.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import report
from benchmarks.cases import LAVA, OURS, SHARES, SMNIST_IMAGES, SMNIST_STEPS, lif_case, smnist_case, ssm_case
from benchmarks.fresh import measure_fresh
from benchmarks.growth import measure_growth
from benchmarks.interpreters import TOOLS, Limits, time_foreign
from benchmarks.kernel import CLoop, OurLoop
from benchmarks.measure import alternate, median, peak_growth_kib, seconds, start_seconds, time_case
from benchmarks.networks import one_layer, ssm_input, ssm_network
from simulators import fast
from toolchain.engine.run import processors
from toolchain.files import write_text

FOLDER = Path(__file__).parent
KERNEL_STEPS = 256
TOOL_RATIOS = {
    "lif_2pct_vs_brian2_loihi": "brian2-loihi",
    "lif_2pct_vs_nengo_loihi": "nengo-loihi emulator",
    "lif_2pct_vs_sana_fe": "SANA-FE",
    "lif_2pct_vs_stock_lava": "stock Lava",
}
Found = dict[str, Any]


def time_kernel(rounds: int) -> Found:
    """One layer of 128 x 32 on one core: the C loop and ours, which must spike alike."""
    program, inputs = one_layer(ssm_network()), ssm_input(1, KERNEL_STEPS)["input"]
    theirs, ours = CLoop(program, inputs), OurLoop(program, inputs)
    if not np.array_equal(theirs.run(), ours.run()):
        raise SystemExit("the C loop and the fast simulator do not spike alike; nothing is timed")
    c_times, our_times = alternate(theirs.run, ours.run, rounds=rounds)
    steps = KERNEL_STEPS * theirs.size * theirs.modes
    return {
        "ssm_vs_c": median(c_times) / median(our_times),
        "ns_per_mode_step": median(our_times) / steps * 1e9,
        "c_ns_per_mode_step": median(c_times) / steps * 1e9,
    }


def time_smnist(share: int) -> Found:
    """A share of the sMNIST test set's length through 2 x 256 x 32, and what the whole would take."""
    program, inputs = ssm_network(256, 32, 2), ssm_input(share, SMNIST_STEPS)
    taken = seconds(lambda: fast.simulate(program, inputs, record_messages=False))
    return {
        "smnist_us_per_sample_step": taken / share / SMNIST_STEPS * 1e6,
        "smnist_test_set_s": taken / share * SMNIST_IMAGES,
    }


def machine() -> dict[str, Any]:
    """What the figures hang on."""
    facts: dict[str, Any] = {"cores": processors(), "system": platform.platform(), "processor": _processor()}
    return facts | {"python": platform.python_version()}


def _processor() -> str:
    path = Path("/proc/cpuinfo")
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.machine()


class Progress:
    """Says what is measured now, when it began and how busy the machine is."""

    def __init__(self) -> None:
        self.begun, self.loads = time.perf_counter(), [os.getloadavg()[0]]

    def say(self, what: str) -> None:
        """One line, and a reading of the machine's load."""
        self.loads.append(os.getloadavg()[0])
        print(f"{time.perf_counter() - self.begun:5.0f} s, load {self.loads[-1]:.1f}: {what}", flush=True)

    def facts(self) -> Found:
        """The load before, and the least and the greatest of the run; the benchmark itself makes about two."""
        load = {"before": self.loads[0], "least": min(self.loads), "most": max(self.loads)}
        return {"load_average": load, "took_s": time.perf_counter() - self.begun}


def measure(*, quick: bool) -> Found:
    """Everything that latest.json holds."""
    progress = Progress()
    progress.say("the C loop")
    found = time_kernel(rounds=41)
    found["times"] = time_cases(progress, quick=quick)
    found |= {"foreign": {}} if quick else {"foreign": time_tools(progress, found["times"])}
    found |= ratios(found)
    progress.say("start-up")
    cold, warm = start_seconds(1 if quick else 3)
    found |= {"cold_start_s": median(cold), "warm_start_s": median(warm)}
    found |= time_smnist(32 if quick else 128)
    if not quick:
        found["fresh"] = {kind: measure_fresh(kind, rounds=3) for kind in ("ssm", "lif")}
        progress.say("growth")
        found["growth"] = measure_growth()
        found["peak_growth_kib_by_length"] = {steps: peak_growth_kib(steps) for steps in (1024, 16384)}
    progress.say("done")
    compiler = subprocess.run(["gcc", "--version"], capture_output=True, text=True).stdout.splitlines()[0]
    return found | {"machine": machine() | progress.facts(), "compiler": compiler, "quick": quick}


def time_cases(progress: Progress, *, quick: bool) -> dict[str, dict[str, Found]]:
    """By case and contender: median, lowest and highest seconds of one step of one sample."""
    cases = [ssm_case(samples, others=not quick) for samples in (1, 16)]
    cases += [lif_case(share, others=not quick) for share in (SHARES[:1] if quick else SHARES)]
    cases += [] if quick else [smnist_case()]
    found = {}
    for case in cases:
        progress.say(case.name)
        found[case.name] = {name: spread(v) for name, v in time_case(case, 2 if quick else 3).items()}
    return found


def time_tools(progress: Progress, times: dict[str, dict[str, Found]]) -> dict[str, dict[str, Found]]:
    """By LIF case, what each simulator in an interpreter of its own gave; its times join the others'."""
    found: dict[str, dict[str, Found]] = {}
    for case in (lif_case(share, others=True) for share in SHARES):
        found[case.name] = {}
        for name in TOOLS:
            progress.say(f"{case.name}, {name}")
            facts = found[case.name][name] = time_foreign(name, case, Limits())
            if "step_s" in facts:
                times[case.name][name] = spread(facts["step_s"])
    return found


def spread(values: list[float]) -> Found:
    """Median, lowest, highest and number of measurements."""
    return {"median": median(values), "low": min(values), "high": max(values), "runs": len(values)}


def ratios(found: Found) -> Found:
    """How many times faster we are, of medians; None where the other could not be timed."""
    batch1, batch16, lif = (list(found["times"].values())[i] for i in (0, 1, 2))
    kept = {key: ratio(lif, name) for key, name in TOOL_RATIOS.items()}
    return kept | {
        "ssm_batch1_vs_lava": ratio(batch1, LAVA),
        "ssm_batch16_vs_lava": ratio(batch16, LAVA),
        "ssm_batch16_vs_lava_batch1": batch1[LAVA]["median"] / batch16[OURS]["median"],
        "lif_2pct_vs_lava": ratio(lif, LAVA),
    }


def ratio(times: dict[str, Found], other: str) -> float | None:
    """How many times the other's time is ours."""
    return times[other]["median"] / times[OURS]["median"] if other in times else None


def main() -> None:
    parser = argparse.ArgumentParser(description="Time the fast simulator beside others.")
    parser.add_argument("--quick", action="store_true", help="ours against Lava and C only")
    parser.add_argument("--page", action="store_true", help="time nothing; write the page again from latest.json")
    options = parser.parse_args()
    latest = FOLDER / "latest.json"
    found = json.loads(latest.read_text(encoding="utf-8")) if options.page else measure(quick=options.quick)
    if found["quick"] and options.page:
        raise SystemExit("latest.json is of a quick run, which has no page; run `make bench`")
    write_text(latest, json.dumps(found, indent=2) + "\n")
    print(report.table(found))
    if not options.quick:
        report.write(found, FOLDER.parent / "docs")


if __name__ == "__main__":
    main()
