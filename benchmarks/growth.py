"""How the fast simulator's time grows with length, batch, size and activity, and where that is worse than linear."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from benchmarks.contenders import Inputs, run_fast
from benchmarks.measure import median, seconds
from benchmarks.networks import lif_input, lif_network, ssm_input, ssm_network
from toolchain.ir.program import Program

ROUNDS = 5
LINEAR = 1.1
"""A greater power of what grows is called worse than linear; noise of measurement makes about a tenth."""


@dataclass(frozen=True)
class Axis:
    """One thing that grows.

    Attributes:
        unit: of work; `work` of it is done at a point, and should take a constant time.
        cause: why time may grow faster than the axis, where that is known.
    """

    title: str
    unit: str
    cause: str = ""

    def power(self, points: Mapping[str, Mapping[str, float]]) -> float:
        """The greatest power of growth between two points beside each other."""
        values = [(float(x), point["median"]) for x, point in points.items()]
        return max(math.log(t1 / t0) / math.log(x1 / x0) for (x0, t0), (x1, t1) in pairwise(values))


AXES = {
    "length": Axis("steps, SSM 128 x 32 x 4, batch 1", "step"),
    "batch": Axis("samples of 256 steps, SSM 128 x 32 x 4", "sample-step"),
    "ssm_size": Axis(
        "neurons a layer, SSM n x 32 x 4, 512 steps, batch 1",
        "mode-step",
        "state words grow with n, synapses between layers with n x n, and both outgrow the caches",
    ),
    "lif_size": Axis(
        "neurons a layer, LIF 3 x n at 10 %, 512 steps, batch 1",
        "synaptic event",
        "a layer has n x n synapses, and a tenth of them deliver in each step",
    ),
    "activity": Axis("percent of 3 x 1000 LIF neurons that spike, 512 steps, batch 1", "synaptic event"),
}


def measure_growth() -> dict[str, dict[str, dict[str, float]]]:
    """By axis and by point: median, lowest and highest seconds of whole runs, and the work in one."""
    found: dict[str, dict[str, dict[str, float]]] = {name: {} for name in AXES}
    ssm = ssm_network()
    for steps in (64, 256, 1024, 4096, 16384):
        found["length"][str(steps)] = _point(ssm, ssm_input(1, steps), steps)
    for samples in (1, 4, 16, 64, 256):
        found["batch"][str(samples)] = _point(ssm, ssm_input(samples, 256), samples * 256)
    for size in (32, 64, 128, 256, 512):
        found["ssm_size"][str(size)] = _point(ssm_network(size), ssm_input(1, 512), size * 32 * 4 * 512)
    for size in (250, 500, 1000, 2000):
        found["lif_size"][str(size)] = _lif_point(size, 0.1)
    for percent in (1, 2, 5, 10, 20, 50):
        found["activity"][str(percent)] = _lif_point(1000, percent / 100)
    return found


def _lif_point(size: int, share: float) -> dict[str, float]:
    return _point(lif_network(share, size), lif_input(1, 512, share, size), 3 * size * size * share * 512)


def _point(program: Program, inputs: Inputs, work: float) -> dict[str, float]:
    run_fast(program, inputs)
    runs = [seconds(lambda: run_fast(program, inputs)) for _ in range(ROUNDS)]
    return {"median": median(runs), "low": min(runs), "high": max(runs), "work": work}


def growth_tables(growth: Mapping[str, Mapping[str, Mapping[str, float]]], memory: Mapping[str, Any]) -> str:
    """A table an axis, with what is worse than linear and why, and the growth of memory; Markdown."""
    parts = [_table(AXES[name], points) for name, points in growth.items()]
    lines = ["| steps, nothing recorded | growth of peak memory, KiB |", "|---:|---:|"]
    lines += [f"| {steps} | {kib:.0f} |" for steps, kib in memory.items()]
    return "\n\n".join([*parts, "\n".join(lines)])


def _table(axis: Axis, points: Mapping[str, Mapping[str, float]]) -> str:
    lines = [f"| {axis.title} | ms, median | lowest - highest | ns a {axis.unit} |", "|---:|---:|---:|---:|"]
    for x, point in points.items():
        spread = f"{point['low'] * 1e3:.3g} - {point['high'] * 1e3:.3g}"
        lines.append(f"| {x} | {point['median'] * 1e3:.3g} | {spread} | {point['median'] / point['work'] * 1e9:.3g} |")
    return "\n".join([*lines, "", judgement(axis, axis.power(points))])


def judgement(axis: Axis, power: float) -> str:
    """One sentence: how time grows, and why where that is worse than linear."""
    if power <= LINEAR:
        return f"No worse than linear: between neighbours time grows at most with power {power:.2f}."
    cause = axis.cause or "no cause is known for that, so look whether other work disturbed the run"
    return f"Worse than linear between some neighbours (power {power:.2f}): {cause}."
