"""The simulator "js": the exported JavaScript module, run by node."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from exporters.js import build_module
from exporters.js.data import DTYPES
from exporters.js.values import array_type
from exporters.scalar.plan import plan_program
from simulators.recorded import ExportedRun, Part, explain, prepare, read_trace, stored_probes
from toolchain import children
from toolchain.bounds.ranges import Range
from toolchain.errors import InputError, MissingPartError, ToolchainError
from toolchain.folders import scratch as scratch_folder
from toolchain.ir.integer import IntArray
from toolchain.ir.program import Probe, Program
from toolchain.ir.text import program_hash
from toolchain.ir.trace import Trace

NAME = "js"
TIMEOUT_S = 600.0
MINIMUM_NODE = 18
RUNNER = Path(__file__).parent / "runner.mjs.txt"


def available() -> str | None:
    """Say why node can't run here; None where it can."""
    remedy = f"install Node.js {MINIMUM_NODE} or newer (https://nodejs.org)"
    if (node := shutil.which("node")) is None:
        return f"node is not installed; {remedy}"
    said = subprocess.run([node, "--version"], capture_output=True, text=True, timeout=60).stdout.strip()
    major = said.removeprefix("v").partition(".")[0]
    usable = major.isdigit() and int(major) >= MINIMUM_NODE
    return None if usable else f"node is {said or 'silent about its version'}; {remedy}"


def simulate(
    program: Program,
    inputs: Mapping[str, IntArray],
    *,
    steps: int | None = None,
    probes: Sequence[Probe] = (),
    record_messages: bool = True,
    strict: bool = True,
    timeout_s: float = TIMEOUT_S,
) -> Trace:
    """Export a program as a module and run it; the first arguments are those of the reference simulator.

    Args:
        timeout_s: a longer run is ended and is an error.

    Raises:
        InputError: an input is missing, has the wrong shape, or a payload does not fit; a probe names no register.
        OverflowTrapError: a register left its range in strict mode, or a trap register ever.
        MissingPartError: node is not installed.
        UnsupportedError: the program has no JavaScript form.
        ToolchainError: node failed or did not end in time.
    """
    plan = plan_program(program, probes)
    job = prepare(plan, numpy_type, inputs, steps=steps, probes=probes, record_messages=record_messages, strict=strict)
    with scratch_folder("js") as scratch:
        module = scratch / "model.mjs"
        module.write_text(build_module(program, probes=probes), encoding="utf-8")
        return _run(module, scratch, job, program, inputs, timeout_s)


def simulate_file(
    path: Path,
    program: Program,
    inputs: Mapping[str, IntArray],
    *,
    steps: int | None = None,
    record_messages: bool = True,
    strict: bool = True,
    timeout_s: float = TIMEOUT_S,
) -> Trace:
    """Run a module that `export_js` wrote of this program without probes; every stored register is recorded.

    Arguments, result and errors are those of `simulate`; besides,

    Raises:
        InputError: the file is absent, or is another program's.
    """
    if not path.is_file():
        raise InputError(str(path), "no such file", "give the path of a model.js that seamount wrote")
    plan = plan_program(program)
    probes = stored_probes(plan)
    job = prepare(plan, numpy_type, inputs, steps=steps, probes=probes, record_messages=record_messages, strict=strict)
    with scratch_folder("js") as scratch:
        # node takes a file for a module by its name, whatever package.json stands around it.
        module = scratch / "model.mjs"
        shutil.copyfile(path, module)
        return _run(module, scratch, job, program, inputs, timeout_s)


def numpy_type(found: Range) -> str:
    """numpy's name of the typed array that holds a range."""
    return DTYPES[array_type(found)]


def _run(
    module: Path, scratch: Path, job: ExportedRun, program: Program, inputs: Mapping[str, IntArray], timeout_s: float
) -> Trace:
    said, records, finals = _execute(module, scratch, job, timeout_s)
    if said["stopped"] >= 0:
        explain(program, inputs, said["stopped"], NAME, strict=job.strict)
    steps = np.fromfile(records, dtype=job.records()).reshape(job.samples, job.steps)
    return read_trace(job, NAME, steps, np.fromfile(finals, dtype=job.ends()))


def seconds_of(module: Path, scratch: Path, job: ExportedRun) -> float:
    """Processor's seconds of a job's steps alone, node's start left out."""
    return float(_execute(module, scratch, job, TIMEOUT_S)[0]["seconds"])


def _execute(module: Path, scratch: Path, job: ExportedRun, timeout_s: float) -> tuple[dict[str, Any], Path, Path]:
    """Run a job; what the runner says of it, and its two files."""
    if missing := available():
        what, _, remedy = missing.partition("; ")
        raise MissingPartError(NAME, what, remedy)
    runner = scratch / "runner.mjs"
    shutil.copyfile(RUNNER, runner)
    paths = [scratch / name for name in ("job.json", "inputs.bin", "records.bin", "finals.bin")]
    paths[0].write_text(json.dumps(_description(job)), encoding="utf-8")
    np.asarray(job.inputs, dtype="<i4").tofile(paths[1])
    said = _node([str(runner), str(module), *map(str, paths)], scratch, timeout_s)
    found: dict[str, Any] = json.loads(said.splitlines()[-1])
    return found, paths[2], paths[3]


def _description(job: ExportedRun) -> dict[str, object]:
    """What runner.mjs reads."""
    names = {dtype: kind for kind, dtype in DTYPES.items()}

    def registers(parts: Sequence[Part]) -> list[list[str]]:
        return [[part.owner, part.register, names[part.type]] for part in parts]

    return {
        "program": program_hash(job.plan.program),
        "samples": job.samples,
        "steps": job.steps,
        "strict": job.strict,
        "messages": [[part.owner, names[part.type]] for part in job.messages],
        "registers": registers(job.registers),
        "finals": registers(job.finals),
    }


def _node(arguments: list[str], scratch: Path, timeout_s: float) -> str:
    """Run node to its end; what it printed."""
    node = shutil.which("node") or "node"
    try:
        code, said, complained = children.run([node, *arguments], timeout_s=timeout_s, cwd=scratch)
    except subprocess.TimeoutExpired as expired:
        what = f"the run did not end within {timeout_s:g} s"
        raise ToolchainError(NAME, what, "give fewer samples or steps, or more time") from expired
    if code:
        last = complained.strip().splitlines()[-12:] or ["nothing"]
        raise ToolchainError(NAME, f"node ended with exit code {code} and said:\n" + "\n".join(last))
    return said
