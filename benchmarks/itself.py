"""This tree beside another commit: what users wait for, in turns in one run.

    make bench-self BASE=<commit>
    python -m benchmarks.itself BASE [--only REGEX] [--repeats N]

Each work is one command of one tree in a process of its own; the trees take turns, so that what else the machine does
falls on both. CPU seconds are those of the process and all that it started and waited for; memory is that of the
largest of them, and never less than this script's own. Printed are medians and their ratio, with the machine's load.
Written is benchmarks/itself.json.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.trees import REPOSITORY, other_tree

MEBI = 1 << 20
CALL = "import sys; from {module} import {function}; sys.argv[0] = 'seamount'; sys.exit({function}())"
WORKS = {
    "python -c pass": None,
    "seamount --help": ["--help"],
    "deploy zoo:digits": ["deploy", "zoo:digits", "--out", "{out}"],
    "quantize zoo:digits": ["quantize", "zoo:digits"],
    "deploy zoo:hapt": ["deploy", "zoo:hapt", "--out", "{out}"],
    "deploy zoo:smnist": ["deploy", "zoo:smnist", "--out", "{out}"],
}
"""What is timed, by name: words of the command line; None for an interpreter that does nothing."""
PAGE = REPOSITORY / "benchmarks" / "itself.json"


@dataclass(frozen=True)
class Cost:
    """One run of one work: CPU and wall seconds, the largest process and the folder written in MiB."""

    cpu_s: float
    wall_s: float
    memory_mib: float
    folder_mib: float


def main(given: Sequence[str] | None = None) -> None:
    """Time both trees, print the table, write the figures."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.itself", description=__doc__)
    parser.add_argument("base", help="a commit, or the folder of another tree")
    parser.add_argument("--only", default="", help="only works whose name holds this regular expression")
    parser.add_argument("--repeats", type=int, default=3, help="runs of each work on each tree")
    options = parser.parse_args(given)
    with tempfile.TemporaryDirectory(prefix="seamount-itself-") as folder:
        work = Path(folder)
        trees = {"base": other_tree(options.base, work / "base"), "this": REPOSITORY}
        rows = {}
        for name, words in WORKS.items():
            if re.search(options.only, name):
                rows[name] = timed(trees, words, work, options.repeats)
                print(line(name, rows[name]), flush=True)
    load = os.getloadavg()[0]
    print(f"{options.repeats} runs each, medians; {os.cpu_count()} processors, load {load:.1f} at the end")
    measured = {name: {side: asdict(cost) for side, cost in sides.items()} for name, sides in rows.items()}
    facts = {"base": options.base, "repeats": options.repeats, "load": round(load, 1), "works": measured}
    PAGE.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")


def timed(trees: dict[str, Path], words: list[str] | None, work: Path, repeats: int) -> dict[str, Cost]:
    """Medians of each tree's runs of one work."""
    runs: dict[str, list[Cost]] = {side: [] for side in trees}
    for _ in range(repeats):
        for side, tree in trees.items():
            runs[side].append(run(tree, words, work / f"out-{side}"))
    return {side: median(found) for side, found in runs.items()}


def run(tree: Path, words: list[str] | None, out: Path) -> Cost:
    """One run; `out` is rewritten."""
    subprocess.run(["rm", "-rf", str(out)], check=True)
    command = [sys.executable, "-c", "pass"]
    if words is not None:
        command = [sys.executable, "-c", entry(tree), *(word.format(out=out) for word in words)]
    data = os.environ.get("SEAMOUNT_DATA") or str(REPOSITORY / "data")
    environment = os.environ | {"PYTHONPATH": str(tree), "SEAMOUNT_DATA": data}
    started = time.perf_counter()
    process = subprocess.Popen(
        command, cwd=tree, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    said = process.stderr.read()
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{tree}: {' '.join(words or ())} ended with {process.returncode}\n{said[-2000:]}")
    written = sum(file.stat().st_size for file in out.rglob("*") if file.is_file()) if out.is_dir() else 0
    wall = time.perf_counter() - started
    return Cost(used.ru_utime + used.ru_stime, wall, used.ru_maxrss * 1024 / MEBI, written / MEBI)


def entry(tree: Path) -> str:
    """A call of the console script that a tree's own pyproject.toml names."""
    project = tomllib.loads((tree / "pyproject.toml").read_text(encoding="utf-8"))
    module, _, function = project["project"]["scripts"]["seamount"].partition(":")
    return CALL.format(module=module, function=function)


def median(costs: Sequence[Cost]) -> Cost:
    """The median of each figure by itself."""
    fields = [asdict(cost) for cost in costs]
    return Cost(**{name: statistics.median(each[name] for each in fields) for name in fields[0]})


def line(name: str, sides: dict[str, Cost]) -> str:
    """A row: each figure of the base and of this tree, and this by that."""
    base, this = asdict(sides["base"]), asdict(sides["this"])
    cells = [
        f"{base[field]:8.2f} -> {this[field]:8.2f} {field} ({this[field] / base[field]:.2f} x)"
        for field in base
        if base[field]
    ]
    return f"{name:20}" + "  ".join(cells)


if __name__ == "__main__":
    main()
