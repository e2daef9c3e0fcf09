"""The table and the plot of a whole run, for the documentation."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

GOALS = {
    "ssm_batch1_vs_lava": (250, "SSM 128 x 32 x 4, batch 1: times Lava's speed"),
    "ssm_batch16_vs_lava": (500, "SSM 128 x 32 x 4, batch 16: times Lava's speed"),
    "ssm_batch16_vs_lava_batch1": (500, "the same, against Lava's time for a step of one sample"),
    "ssm_vs_c": (1, "SSM layer on one core: times the C loop's speed"),
    "lif_2pct_vs_lava": (1000, "LIF 3 x 1000 at 2 % activity: times Lava's speed"),
}
LIMITS = {
    "cold_start_s": (30, "first step of a fresh process, nothing compiled, s"),
    "warm_start_s": (5, "first step of a fresh process, code on disk, s"),
    "smnist_test_set_s": (900, "10 000 x 784 steps through 2 x 256 x 32 (from a share), s"),
}


def table(found: Mapping[str, Any]) -> str:
    """What was asked, what was measured, and every contender's time a step, as Markdown."""
    lines = ["| measured | found | wanted |", "|---|---:|---:|"]
    lines += [f"| {text} | {found[key]:.3g} | >= {goal} |" for key, (goal, text) in GOALS.items()]
    lines += [f"| {text} | {found[key]:.3g} | < {limit} |" for key, (limit, text) in LIMITS.items()]
    lines.append(f"| one mode of one neuron for one step, one core, ns | {found['ns_per_mode_step']:.3g} | |")
    lines.append(f"| the same in the C loop, ns | {found['c_ns_per_mode_step']:.3g} | |")
    lines += ["", "| one step of one sample, us | contender | median |", "|---|---|---:|"]
    for case, times in found["seconds_per_sample_step"].items():
        lines += [f"| {case} | {name} | {seconds * 1e6:.3g} |" for name, seconds in times.items()]
    return "\n".join(lines)


def write(found: Mapping[str, Any], folder: Path) -> None:
    """Write benchmarks.md and its plot."""
    machine = found["machine"]
    text = PAGE.format(
        cores=machine["cores"],
        system=machine["system"],
        python=machine["python"],
        load=machine["load_average"],
        compiler=found["compiler"],
        table=table(found),
        scaling=_scaling(found),
    )
    (folder / "benchmarks.md").write_text(text, encoding="utf-8")
    _plot(found, folder / "images" / "benchmarks.svg")


def _scaling(found: Mapping[str, Any]) -> str:
    lines = ["| steps, batch 1 | s | us a step |", "|---:|---:|---:|"]
    lines += [f"| {n} | {s:.3g} | {s / int(n) * 1e6:.3g} |" for n, s in found["seconds_by_length"].items()]
    lines += ["", "| batch, 256 steps | s | us a sample-step |", "|---:|---:|---:|"]
    lines += [f"| {n} | {s:.3g} | {s / int(n) / 256 * 1e6:.3g} |" for n, s in found["seconds_by_batch"].items()]
    lines += ["", "| steps, nothing recorded | growth of peak memory, KiB |", "|---:|---:|"]
    lines += [f"| {n} | {kib:.0f} |" for n, kib in found["peak_growth_kib_by_length"].items()]
    return "\n".join(lines)


def _plot(found: Mapping[str, Any], path: Path) -> None:
    import matplotlib as mpl

    mpl.use("svg")
    import matplotlib.pyplot as plt

    # Equal results, equal bytes.
    mpl.rcParams["svg.hashsalt"] = "seamount"
    times = found["seconds_per_sample_step"]
    figure, axes = plt.subplots(figsize=(8, 4))
    names = list(next(iter(times.values())))
    width = 0.8 / len(names)
    for i, name in enumerate(names):
        heights = [case.get(name, 0) * 1e6 for case in times.values()]
        axes.bar([x + i * width for x in range(len(times))], heights, width, label=name)
    axes.set_yscale("log")
    axes.set_ylabel("one step of one sample, us")
    axes.set_xticks([x + 0.4 - width / 2 for x in range(len(times))], list(times), rotation=15, fontsize=7)
    axes.legend(fontsize=7)
    figure.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


PAGE = """# How fast it runs

`make bench` makes this page and `benchmarks/latest.json`; everything on it is of one run on one machine: {cores} cores,
{system}, Python {python}, {compiler}, load average {load:.1f} at the end (by itself the benchmark makes about two).
Contenders take turns; the median counts. A time a step is the difference between a long and a short run, so that
start-up is outside it, for every contender alike. Nothing is recorded but counts.

{table}

![Time a step](images/benchmarks.svg)

Lava itself knows no batch: the exported package gives its processes a sample axis, so that sixteen samples cost Lava
less than sixteen runs. Both comparisons are in the table.

The C loop is `benchmarks/ssm_kernel.c`: the same integers, held to the same spikes before it is timed. snnTorch and
torch compute in floating point, with other rounding and other spikes; they say what a framework costs, not what is
equal. onnxruntime runs the exported integer step, once a step.

## Lengths and batches

{scaling}

Short runs cost more a step: a run hashes the program, bounds every value and looks its code up before its first step.
A batch costs less a sample-step than one sample because threads that share samples need not meet, those that share one
sample's neurons meet after each population of every block.
"""
