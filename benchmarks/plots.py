"""The plots of a whole run: contenders side by side, and growth."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.growth import AXES


def draw(found: Mapping[str, Any], folder: Path) -> None:
    """Write benchmarks.svg and benchmarks-growth.svg; equal results give equal bytes."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "seamount"
    # Text as text: smaller files, and words that can be searched for.
    mpl.rcParams["svg.fonttype"] = "none"
    folder.mkdir(parents=True, exist_ok=True)
    _save(_contenders(found), folder / "benchmarks.svg")
    _save(_growth(found), folder / "benchmarks-growth.svg")


def _save(figure: Any, path: Path) -> None:
    import matplotlib.pyplot as plt

    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def _contenders(found: Mapping[str, Any]) -> Any:
    import matplotlib.pyplot as plt

    times = found["times"]
    names = list(dict.fromkeys(name for case in times.values() for name in case))
    figure, axes = plt.subplots(figsize=(10, 4.5))
    width = 0.8 / len(names)
    for i, name in enumerate(names):
        held = [(x + i * width, case[name]) for x, case in enumerate(times.values()) if name in case]
        heights = [row["median"] * 1e6 for _, row in held]
        whiskers = [[(row["median"] - row["low"]) * 1e6 for _, row in held]]
        whiskers.append([(row["high"] - row["median"]) * 1e6 for _, row in held])
        axes.bar([x for x, _ in held], heights, width, yerr=whiskers, label=name, error_kw={"linewidth": 0.7})
    axes.set_yscale("log")
    axes.set_ylabel("one step of one sample, us")
    axes.set_xticks([x + 0.4 - width / 2 for x in range(len(times))], list(times), rotation=12, fontsize=7)
    axes.legend(fontsize=7, ncols=2)
    return figure


def _growth(found: Mapping[str, Any]) -> Any:
    import matplotlib.pyplot as plt

    figure, grid = plt.subplots(2, 3, figsize=(11, 6.5))
    for panel, (name, points) in zip(grid.flat, found["growth"].items(), strict=False):
        xs = [float(x) for x in points]
        medians = [point["median"] * 1e3 for point in points.values()]
        panel.fill_between(
            xs, [p["low"] * 1e3 for p in points.values()], [p["high"] * 1e3 for p in points.values()], alpha=0.3
        )
        panel.plot(xs, medians, marker="o", markersize=3, label="measured")
        panel.plot(xs, [medians[-1] * x / xs[-1] for x in xs], linestyle=":", color="gray", label="linear")
        panel.set(xscale="log", yscale="log", ylabel="ms")
        panel.set_title(AXES[name].title, fontsize=7)
        panel.legend(fontsize=6)
    _activity(found, grid.flat[5])
    return figure


def _activity(found: Mapping[str, Any], panel: Any) -> None:
    """Every contender's time a step over the share of neurons that spike."""
    cases = {case: times for case, times in found["times"].items() if case.startswith("LIF")}
    shares = [float(case.rpartition(" ")[2].rstrip("%")) for case in cases]
    for name in dict.fromkeys(name for times in cases.values() for name in times):
        held = [
            (x, times[name]["median"] * 1e6) for x, times in zip(shares, cases.values(), strict=True) if name in times
        ]
        panel.plot([x for x, _ in held], [y for _, y in held], marker="o", markersize=3, label=name)
    panel.set(xscale="log", yscale="log", ylabel="us a step")
    panel.set_title("all contenders: percent of 3 x 1000 LIF neurons that spike", fontsize=7)
    panel.legend(fontsize=5)
