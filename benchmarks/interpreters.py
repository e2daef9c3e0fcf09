"""Simulators that need a Python of their own: each runs in its environment of `.oracles` and is timed in that process.

They get the program and the inputs that all others get. Where they record spikes, the first steps are compared with
the fast simulator's. `make oracles` makes the environments; nothing is installed here.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.measure import ROOT, Case
from oracles.make import SCRATCH
from oracles.networks import BRIAN2, LAVA, NENGO, SANAFE
from simulators import fast
from toolchain.files import write_npz
from toolchain.ir.storage import save_program

TOOLS = {"brian2-loihi": BRIAN2, "nengo-loihi emulator": NENGO, "SANA-FE": SANAFE, "stock Lava": LAVA}
FOLDER = Path(__file__).parent / "foreign"
CHECK_STEPS = 40
INPUT_STEPS = 1200


@dataclass(frozen=True)
class Limits:
    """What a tool may take for one case.

    Attributes:
        seconds: for its timed runs together.
        rounds: pairs of a short and a long run.
        patience_s: for the whole process, building the network included; then it is ended.
    """

    seconds: float = 10.0
    rounds: int = 3
    patience_s: float = 150.0


def time_foreign(name: str, case: Case, limits: Limits) -> dict[str, Any]:
    """Facts of one tool on one case, or ``{"missing": why}``.

    Facts are the tool's version and Python, ``step_s`` a round, steps of a long run, ``start_s`` from nothing to the
    first step, ``peak_kib``, and how many of ``compared`` spikes were ``different``.
    """
    tool = TOOLS[name]
    python = SCRATCH / tool / "bin" / "python"
    if not python.exists():
        return {"missing": f"no environment .oracles/{tool} here; `make oracles` makes it"}
    with tempfile.TemporaryDirectory(prefix="seamount-bench-") as scratch:
        folder = Path(scratch)
        try:
            facts, spikes = _run(tool, python, case, limits, folder)
        except subprocess.TimeoutExpired:
            return {"missing": f"did not end within {limits.patience_s:.0f} s"}
        except subprocess.CalledProcessError as error:
            said = (error.stderr or "").strip().splitlines()[-1:] or ["nothing"]
            return {"missing": f"ended with exit code {error.returncode}: {said[0][:200]}"}
    return facts | _compare(case, spikes)


def _run(tool: str, python: Path, case: Case, limits: Limits, folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    save_program(case.program, folder / "program.npz")
    write_npz(folder / "inputs.npz", {}, case.inputs(1, INPUT_STEPS))
    plan = {"check": CHECK_STEPS, "warm": 10, "short": 10, "rounds": limits.rounds, "seconds": limits.seconds}
    (folder / "plan.json").write_text(json.dumps(plan | {"begun": time.time()}), encoding="utf-8")
    given = [str(folder / name) for name in ("program.npz", "inputs.npz", "plan.json", "result.npz")]
    own = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "VIRTUAL_ENV"))}
    own |= {"PYTHONPATH": str(ROOT / "oracles"), "PYTHONDONTWRITEBYTECODE": "1", "TMPDIR": str(folder)}
    command = [str(python), str(FOLDER / f"time_{tool}.py"), *given]
    subprocess.run(command, env=own, cwd=folder, capture_output=True, text=True, check=True, timeout=limits.patience_s)
    with np.load(folder / "result.npz", allow_pickle=False) as stored:
        facts = json.loads(stored["header"].tobytes().decode())
        return facts, {key: stored[key] for key in stored.files if key != "header"}


def _compare(case: Case, spikes: dict[str, Any]) -> dict[str, int]:
    """How many of the first steps' spikes differ from ours; nothing where the tool recorded none."""
    if not spikes:
        return {}
    ours = fast.simulate(case.program, case.inputs(1, CHECK_STEPS), strict=False).messages
    different = sum(int((ours[name][0] != values).sum()) for name, values in spikes.items())
    return {"different": different, "compared": sum(values.size for values in spikes.values())}
