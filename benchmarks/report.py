"""The page of a whole run, for the documentation: tables from what was measured, nothing by hand."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks import plots
from benchmarks.growth import growth_tables
from toolchain.files import write_text

GOALS = {
    "ssm_batch1_vs_lava": (250, "SSM 128 x 32 x 4, one sample: times the exported Lava package's speed"),
    "ssm_batch16_vs_lava": (500, "the same, 16 samples: a sample-step against Lava with all 16 in one run"),
    "ssm_batch16_vs_lava_batch1": (500, "the same, 16 samples: a sample-step against Lava one sample at a time"),
    "ssm_vs_c": (1, "SSM layer on one core: times the C loop's speed"),
    "lif_2pct_vs_lava": (1000, "LIF 3 x 1000 at 2 %: times the exported Lava package's speed"),
    "lif_2pct_vs_stock_lava": (None, "the same: times stock Lava's, nothing recorded, on Python 3.10"),
    "lif_2pct_vs_brian2_loihi": (20, "the same: times brian2-loihi's"),
    "lif_2pct_vs_nengo_loihi": (20, "the same: times the nengo-loihi emulator's"),
    "lif_2pct_vs_sana_fe": (5, "the same: times SANA-FE's"),
}
LIMITS = {
    "cold_start_s": (30, "opening a session to its first step in a fresh process, nothing compiled, s"),
    "warm_start_s": (5, "the same, code on disk, s"),
    "smnist_test_set_s": (900, "10 000 x 784 steps through 2 x 256 x 32 (from a share), s"),
}
BATCH_MODES = 128 * 32 * 4
FRESH = {"ssm": "SSM 128 x 32 x 4", "lif": "LIF 3 x 1000 at 2%"}


def table(found: Mapping[str, Any]) -> str:
    """What was asked, what was measured, and every contender's time a step, as Markdown."""
    lines = ["| measured | found | wanted | |", "|---|---:|---:|---|"]
    lines += [_goal(found[key], text, goal) for key, (goal, text) in GOALS.items()]
    lines += [
        f"| {text} | {found[key]:.3g} | < {limit} | {_reached(found[key] < limit)} |"
        for key, (limit, text) in LIMITS.items()
    ]
    lines.append(f"| one mode of one neuron for one step, one core, ns | {found['ns_per_mode_step']:.3g} | | |")
    lines.append(f"| the same in the C loop, ns | {found['c_ns_per_mode_step']:.3g} | | |")
    return "\n".join([*lines, *_why_missed(found), "", _load(found), "", *_times(found)])


def _goal(value: float | None, text: str, goal: float | None) -> str:
    wanted = "" if goal is None else f">= {goal}"
    if value is None:
        return f"| {text} | not measured | {wanted} | |"
    return f"| {text} | {value:.3g} | {wanted} | {'' if goal is None else _reached(value >= goal)} |"


def _why_missed(found: Mapping[str, Any]) -> list[str]:
    """Where the harder reading at 16 samples is missed: how far all cores together could get with that arithmetic."""
    wanted, reached = GOALS["ssm_batch16_vs_lava"][0] or 0, found["ssm_batch16_vs_lava"]
    if reached is None or reached >= wanted:
        return []
    cores, pace = found["machine"]["cores"], found["ns_per_mode_step"]
    alone = pace * BATCH_MODES / 1e3
    ours = 1e6 * list(found["times"].values())[1]["seamount"]["median"]
    return [
        "",
        f"At {pace:.2g} ns a mode, the {BATCH_MODES:,} modes of a sample-step take {alone:.2g} us of one core and no"
        " less than",
        f"{alone / cores:.2g} us of {cores}; {wanted} times the speed of Lava with 16 samples in one run would be"
        f" {ours * reached / wanted:.2g} us.",
    ]


def _reached(yes: bool) -> str:
    return "reached" if yes else "**missed**"


def _load(found: Mapping[str, Any]) -> str:
    facts = found["machine"]
    load = facts["load_average"]
    return (
        f"Load average {load['before']:.1f} before, {load['least']:.1f} to {load['most']:.1f} during the "
        f"{facts['took_s'] / 60:.0f} minutes (by itself the benchmark makes about two), on {facts['cores']} cores."
    )


def _times(found: Mapping[str, Any]) -> list[str]:
    lines = ["| one step of one sample, us | contender | median | lowest - highest | runs | times ours |"]
    lines.append("|---|---|---:|---:|---:|---:|")
    for case, times in found["times"].items():
        ours = times["seamount"]["median"]
        for name, row in times.items():
            low, high = (f"{row[key] * 1e6:.3g}" for key in ("low", "high"))
            figures = f"{row['median'] * 1e6:.3g} | {low} - {high} | {row['runs']} | {row['median'] / ours:.3g}"
            lines.append(f"| {case} | {name} | {figures} |")
        for name, facts in found["foreign"].get(case, {}).items():
            if "missing" in facts:
                lines.append(f"| {case} | {name} | **not measured: {facts['missing']}** | | | |")
    return lines


def write(found: Mapping[str, Any], folder: Path) -> None:
    """Write benchmarks.md and its plots."""
    facts = {key: found["machine"][key] for key in ("cores", "system", "processor", "python")}
    tables = {"table": table(found), "foreign": _foreign(found), "fresh": _fresh(found)}
    growth = growth_tables(found["growth"], found["peak_growth_kib_by_length"])
    page = (Path(__file__).parent / "page.md.txt").read_text(encoding="utf-8")
    write_text(folder / "benchmarks.md", page.format(compiler=found["compiler"], growth=growth, **facts, **tables))
    plots.draw(found, folder / "images")


def _foreign(found: Mapping[str, Any]) -> str:
    """Versions of the tools, whether they spiked alike, start and memory."""
    lines = ["| network | tool | spikes that differ from ours | start to first step, s | peak memory, MiB |"]
    lines.append("|---|---|---|---:|---:|")
    for case, tools in found["foreign"].items():
        for name, facts in tools.items():
            if "missing" in facts:
                lines.append(f"| {case} | {name} | not measured: {facts['missing']} | | |")
                continue
            same = f"{facts['different']} of {facts['compared']:,}" if "compared" in facts else "not compared here"
            title = f"{name} {facts['version']}, Python {facts['python']}"
            lines.append(f"| {case} | {title} | {same} | {facts['start_s']:.3g} | {facts['peak_kib'] / 1024:.0f} |")
    return "\n".join(lines)


def _fresh(found: Mapping[str, Any]) -> str:
    lines = ["| network | contender | fresh process to first step, s | peak memory, MiB |", "|---|---|---:|---:|"]
    for kind, rows in found["fresh"].items():
        for name, row in rows.items():
            starts = _starts(row["start_s"])
            if "warm_start_s" in row:
                starts = f"{starts} cold, {_starts(row['warm_start_s'])} with code on disk"
            lines.append(f"| {FRESH[kind]} | {name} | {starts} | {row['peak_kib'] / 1024:.0f} |")
    return "\n".join(lines)


def _starts(values: list[float]) -> str:
    return f"{sorted(values)[len(values) // 2]:.2g} ({min(values):.2g} - {max(values):.2g})"
