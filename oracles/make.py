"""Regenerate the golden traces: ``python -m oracles.make [network ...]``, from the repository's folder.

Each simulator gets an environment of its own in ``.oracles/``; a script of this folder runs a network there. What comes
back is written to ``tests/golden/oracles/<network>/``: what made it as ``<tool>.json`` and the trace as
``trace-<digest>.npz``, one for all tools that recorded the same. A simulator whose interpreter is missing is named at
the end and its traces stay as they are.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from oracles.networks import BRIAN2, LAVA, NENGO, NETWORKS, NEUROBENCH, SANAFE, Inputs
from toolchain.errors import MissingPartError
from toolchain.files import write_npz, write_text
from toolchain.ir.integer import IntArray
from toolchain.ir.program import Program
from toolchain.ir.storage import save_program
from toolchain.ir.text import program_hash, write_program

ROOT = Path(__file__).resolve().parent.parent
GOLDEN = ROOT / "tests" / "golden" / "oracles"
SCRATCH = ROOT / ".oracles"
COUNTS_SPIKES_OF = LAVA
"""Whose spikes NeuroBench counts: it has no CUBA LIF of its own."""


@dataclass(frozen=True)
class Tool:
    """A simulator: the Python it runs on and what its environment holds.

    Attributes:
        python: name of the interpreter, for which the variable PYTHONxy may name another; "" is this environment's,
            and then the packages go to a folder beside it, without their dependencies.
        packages: exact versions; the first is the tool itself.
    """

    python: str
    packages: tuple[str, ...]


TOOLS = {
    LAVA: Tool("python3.10", ("lava-nc==0.10.0", "numpy==1.26.4", "networkx==2.8.7", "asteval==0.9.33")),
    BRIAN2: Tool("python3.9", ("brian2-loihi==0.5.2", "brian2==2.6.0", "numpy==1.26.4", "cython==3.0.12")),
    NENGO: Tool("python3.9", ("nengo-loihi==1.1.0", "nengo==3.2.0", "numpy==1.23.5")),
    SANAFE: Tool("python3.11", ("sanafe==2.2.9", "numpy==2.2.6")),
    NEUROBENCH: Tool("", ("neurobench==2.3.0", "tqdm==4.67.1")),  # torch and snntorch are here already
}


def interpreter(tool: Tool) -> str:
    """Find the tool's Python; MissingPartError where there is none of that version."""
    if not tool.python:
        return sys.executable
    variable = tool.python.upper().replace(".", "")
    found = os.environ.get(variable) or shutil.which(tool.python) or ""
    ask = [found, "-c", "import sys; print('python%d.%d' % sys.version_info[:2])"]
    if not found or subprocess.run(ask, capture_output=True, text=True, check=False).stdout.strip() != tool.python:
        raise MissingPartError(tool.packages[0], f"needs {tool.python}", f"install it, or let {variable} name it")
    return found


def environment(name: str, tool: Tool) -> tuple[str, dict[str, str]]:
    """Make the tool's environment unless it is there; return its interpreter and its variables.

    Raises:
        MissingPartError: there is no such Python, or a package can't be had.
    """
    folder = SCRATCH / name
    own = str(folder / "bin" / "python") if tool.python else sys.executable
    stamp, wanted = folder / "packages.txt", "\n".join(tool.packages)
    if not stamp.is_file() or stamp.read_text(encoding="utf-8") != wanted:
        _make_environment(folder, own, tool)
        write_text(stamp, wanted)
    variables = {} if tool.python else {"PYTHONPATH": str(folder)}
    return own, {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1", **variables}


def _make_environment(folder: Path, own: str, tool: Tool) -> None:
    python = interpreter(tool)
    print(f"making {folder.relative_to(ROOT)}: {' '.join(tool.packages)}", flush=True)
    shutil.rmtree(folder, ignore_errors=True)
    where = [] if tool.python else ["--no-deps", "--target", str(folder)]
    try:
        if tool.python:
            subprocess.run([python, "-m", "venv", folder], check=True)
        subprocess.run([own, "-m", "pip", "install", "-qq", *where, *tool.packages], check=True)
    except subprocess.CalledProcessError as error:
        raise MissingPartError(tool.packages[0], f"could not be installed ({error})", "see pip's message") from error


def run(name: str, network: str, program: Program, inputs: Inputs) -> tuple[dict[str, Any], dict[str, IntArray]]:
    """Run a network on a tool; return the facts and the arrays that its script gave back."""
    python, variables = environment(name, TOOLS[name])
    work = SCRATCH / "work" / network
    given, result = work / f"{name}-inputs.npz", work / f"{name}-result.npz"
    save_program(program, work / "program.npz")
    write_npz(given, {}, inputs)
    script = Path(__file__).parent / f"run_{name}.py"
    done = subprocess.run(
        [python, script, work / "program.npz", given, result],
        env=variables,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"{name} failed on {network}:\n{done.stdout[-2000:]}{done.stderr[-4000:]}")
    with np.load(result, allow_pickle=False) as stored:
        facts = json.loads(stored["header"].tobytes().decode())
        return facts, {key: stored[key] for key in stored.files if key != "header"}


def keep(name: str, network: str, program: Program, facts: Mapping[str, Any], arrays: Mapping[str, IntArray]) -> None:
    """Write a trace and what made it."""
    folder, digest = GOLDEN / network, {}
    if arrays:
        trace = folder / "trace.npz"
        write_npz(trace, {}, {key: narrow(values) for key, values in arrays.items()})
        digest = {"trace_sha256": sha256(trace)}
        trace.rename(trace_path(folder, digest["trace_sha256"]))
    python = TOOLS[name].python or f"python{facts['python'].rpartition('.')[0]}"
    written = {
        "tool": name,
        "network": network,
        "command": f"{python} oracles/run_{name}.py program.npz inputs.npz result.npz",
        "packages": list(TOOLS[name].packages),
        "program_sha256": program_hash(program),
        "inputs_sha256": sha256(folder / "inputs.npz"),
        "spikes": {key.partition("/")[2]: int(v.sum()) for key, v in arrays.items() if key.startswith("spikes/")},
        **facts,
        **digest,
    }
    write_text(folder / f"{name}.json", json.dumps(written, indent=2, sort_keys=True) + "\n")
    used = {trace_path(folder, found["trace_sha256"]) for found in recorded(folder) if "trace_sha256" in found}
    for left in set(folder.glob("trace-*.npz")) - used:
        left.unlink()


def trace_path(folder: Path, digest: str) -> Path:
    """Where a trace lies: by its content, since tools that agree record the same bytes."""
    return folder / f"trace-{digest[:12]}.npz"


def recorded(folder: Path) -> list[dict[str, Any]]:
    """What is known of every recording of a network."""
    return [json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json"))]


def narrow(values: IntArray) -> IntArray:
    """Integers in a byte where they fit one, else in 32 bits."""
    small = values.size == 0 or (values.min() >= -128 and values.max() <= 127)
    return values.astype(np.int8 if small else np.int32)


def sha256(path: Path) -> str:
    """Digest of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def recorded_spikes(network: str, program: Program) -> Inputs:
    """The spikes of every population as Lava recorded them, (1, step, neuron); MissingPartError if it did not."""
    folder = GOLDEN / network
    found = [facts["trace_sha256"] for facts in recorded(folder) if facts["tool"] == COUNTS_SPIKES_OF]
    if not found:
        raise MissingPartError(NEUROBENCH, f"counts spikes that {COUNTS_SPIKES_OF} recorded", "run that one first")
    with np.load(trace_path(folder, found[0]), allow_pickle=False) as stored:
        return {p.name: stored[f"spikes/{p.name}"][None].astype(np.int64) for p in program.populations}


def main(names: list[str]) -> int:
    """Regenerate the named networks' traces, or all; 1 where a simulator is missing."""
    missing: dict[str, str] = {}
    for network in names or NETWORKS:
        case = NETWORKS[network]
        program, inputs = case.make()
        write_text(GOLDEN / network / "program.txt", write_program(program))
        write_npz(GOLDEN / network / "inputs.npz", {}, {key: narrow(values) for key, values in inputs.items()})
        for name in case.tools:
            try:
                given = inputs | recorded_spikes(network, program) if name == NEUROBENCH else inputs
                facts, arrays = run(name, network, program, given)
            except MissingPartError as error:
                missing[name] = str(error)
                continue
            keep(name, network, program, facts, arrays)
            print(f"{network}: {name} {facts['version']}", flush=True)
    for name, reason in missing.items():
        print(f"left as it was: {name} ({reason})", file=sys.stderr)
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
