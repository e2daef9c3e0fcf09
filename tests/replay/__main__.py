"""Compile the same networks with two trees and compare everything that they wrote: `make replay BASE=<commit>`.

Networks are those of the zoo whose data are at hand, every graph of ../shared/cases (what is refused is compared as its
error line) and random graphs of every kind of unit. Each tree is driven through its command line, in one process of its
own; the inputs are written once. Compared is every file that a build holds: program.txt, program.npz, traces, exports,
placement.json, report.json, evidence.json, the manifest. The exit code is 1 where anything differs, 2 where a tree
could not be run.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from benchmarks.trees import REPOSITORY, other_tree
from tests.replay.compare import LEFT_OUT, VOLATILE, compare_jobs
from tests.replay.jobs import ReplayJob, case_jobs, random_jobs, zoo_jobs

PARTS = ("zoo", "cases", "random")
COUNT, QUICK_COUNT, QUICK_CASES = 200, 38, 8
DRIVER = Path(__file__).with_name("drive.py")


def arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(prog="python -m tests.replay", description=__doc__)
    parser.add_argument("base", help="a commit, or the folder of another tree")
    parser.add_argument("--only", choices=PARTS, action="append", help="a part; several times for several")
    parser.add_argument("--count", type=int, help=f"random graphs; {COUNT} by default, {QUICK_COUNT} with --quick")
    parser.add_argument("--match", default="", help="only jobs whose name holds this regular expression")
    parser.add_argument("--files", default="", help="compare only files whose name holds this regular expression")
    parser.add_argument("--quick", action="store_true", help="zoo:digits, every so manyeth case, few random graphs")
    parser.add_argument("--no-lava", action="store_true", help="leave Lava out of the few jobs that it runs in")
    parser.add_argument("--keep", type=Path, help="leave inputs and builds in this folder, which must not exist")
    return parser.parse_args(given)


def main(given: Sequence[str] | None = None) -> int:
    """Run both trees, print what differs and a summary."""
    options = arguments(given)
    with tempfile.TemporaryDirectory(prefix="seamount-replay-") as folder:
        work = Path(folder)
        if options.keep is not None:
            options.keep.mkdir(parents=True)
            work = options.keep.resolve()
        base = other_tree(options.base, work / "base")
        (work / "inputs").mkdir()
        jobs = chosen_jobs(options, work / "inputs")
        return replay(base, REPOSITORY, jobs, work, options.files)


def chosen_jobs(options: argparse.Namespace, inputs: Path) -> list[ReplayJob]:
    """The jobs that the options ask for; their input files are written."""
    parts, jobs = options.only or PARTS, list[ReplayJob]()
    cases = REPOSITORY.parent / "shared" / "cases"
    data = Path(os.environ.get("SEAMOUNT_DATA") or REPOSITORY / "data")
    lava = not (options.no_lava or options.quick)
    if "zoo" in parts:
        jobs += zoo_jobs(REPOSITORY, data, lava)[: 1 if options.quick else None]
    if "cases" in parts and cases.is_dir():
        jobs += case_jobs(cases, inputs)[:: QUICK_CASES if options.quick else 1]
    if "random" in parts:
        count = options.count or (QUICK_COUNT if options.quick else COUNT)
        jobs += random_jobs(count, inputs, lava)
    return [job for job in jobs if re.search(options.match, job.name)]


def replay(base: Path, tree: Path, jobs: Sequence[ReplayJob], work: Path, files: str = "") -> int:
    """Run jobs in both trees, compare, report.

    Args:
        base, tree: roots of the two trees.
        jobs: what to run.
        work: with ``inputs``; gets the folders ``old`` and ``new``.
        files: a regular expression; only what differs in files of such names is told, and in outcomes.
    """
    begun = time.monotonic()
    for lava in (False, True):
        mine = [job for job in jobs if job.lava is lava]
        drivers = [_drive(root, mine, work / side, lava) for root, side in ((base, "old"), (tree, "new")) if mine]
        codes = [driver.wait() for driver in drivers]
        if any(codes):
            print("error: a tree could not be run, see above", file=sys.stderr)
            return 2
    different = {job.name: compare_jobs(work / "old", work / "new", job.name, files) for job in jobs}
    for job in jobs:
        if found := different[job.name]:
            print(f"{job.name}   (seamount {' '.join(job.words)})")
            print("\n".join(f"    {line}" for line in found))
    _summary(jobs, work, [line for found in different.values() for line in found], time.monotonic() - begun)
    return int(any(different.values()))


def _drive(tree: Path, jobs: Sequence[ReplayJob], folder: Path, lava: bool) -> subprocess.Popen[bytes]:
    folder.mkdir(exist_ok=True)
    listed = folder / f"jobs-{'with' if lava else 'without'}.json"
    listed.write_text(json.dumps([asdict(job) for job in jobs]), encoding="utf-8")
    data = os.environ.get("SEAMOUNT_DATA") or str(REPOSITORY / "data")
    env = os.environ | {"PYTHONPATH": str(tree), "OMP_NUM_THREADS": "1", "COLUMNS": "1000", "NO_COLOR": "1"}
    words = [sys.executable, str(DRIVER), str(tree), listed.name, "with" if lava else "without"]
    return subprocess.Popen(words, cwd=folder, env=env | {"SEAMOUNT_DATA": data})


def _summary(jobs: Sequence[ReplayJob], work: Path, different: Sequence[str], seconds: float) -> None:
    """Print what was compared, so that an empty run does not pass for a good one."""
    said = [json.loads((work / "new" / f"{job.name}.said.json").read_text(encoding="utf-8")) for job in jobs]
    kinds = Counter[str]()
    for text in (work / "new").glob("*/program.txt"):
        kinds.update(re.findall(r"^population \S+ (\w+) size=", text.read_text(encoding="utf-8"), re.MULTILINE))
    refused = sum(found["code"] != 0 for found in said)
    crashed = sum(found["code"] == 70 for found in said)
    left_out = ", ".join([*LEFT_OUT, *(f"{file}: {', '.join(fields)}" for file, fields in VOLATILE.items())])
    lava = sum(job.lava for job in jobs)
    print(
        f"{len(jobs)} jobs, {lava} of them on Lava too: {refused} refused ({crashed} with a traceback) in the new tree"
    )
    print(f"populations in their programs: {', '.join(f'{kind} {count}' for kind, count in sorted(kinds.items()))}")
    print(f"not compared: {left_out}")
    cpu = sum(found["seconds"] for found in said)
    where = Counter(line.partition(":")[0] for line in different)
    listed = ", ".join(f"{file} {count}" for file, count in where.most_common())
    print(f"{len(different)} differences{f' ({listed})' if listed else ''}; {seconds:.0f} s, {cpu:.0f} CPU s a tree")


if __name__ == "__main__":
    sys.exit(main())
