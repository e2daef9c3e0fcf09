"""The simulator "lava": the exported package, run by Lava in a process of its own.

Lava is never imported here. It forks one process a Lava process, so a run is a process group; when the run ends, well
or badly, nothing of the group stays.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from exporters.lava import export_lava
from simulators.reference import check_inputs, run_length
from toolchain import children
from toolchain.bounds.verify import verify
from toolchain.errors import ConformanceError, InputError, MissingPartError, OverflowTrapError, ToolchainError
from toolchain.folders import scratch as scratch_folder
from toolchain.ir.integer import IntArray
from toolchain.ir.program import Probe, Program
from toolchain.ir.trace import Trace, load_trace

NAME = "lava"
TIMEOUT_S = 600.0
GRACE_S = 5.0
"""How long a process group may take to end before it is killed."""

INSTALL = "pip install --no-deps --ignore-requires-python lava-nc==0.10.0"
_EXIT_INPUT, _EXIT_OVERFLOW, _EXIT_DISAGREEMENT = 2, 3, 4


def available(python: str | Path | None = None) -> str | None:
    """Say why Lava can't run; None where it can.

    Args:
        python: another interpreter than this one.
    """
    if python is None:
        try:
            version("lava-nc")
        except PackageNotFoundError:
            return f"lava-nc is not installed; {INSTALL}"
        return None
    asked = [str(python), "-I", "-c", "import importlib.metadata as m; m.version('lava-nc')"]
    try:
        found = subprocess.run(asked, capture_output=True, timeout=GRACE_S * 12).returncode == 0
    except OSError as error:
        return f"{python} does not start ({error.strerror}); name a Python interpreter"
    return None if found else f"lava-nc is not installed for {python}; pip install lava-nc==0.10.0"


def simulate(
    program: Program,
    inputs: Mapping[str, IntArray],
    *,
    steps: int | None = None,
    probes: Sequence[Probe] = (),
    record_messages: bool = True,
    strict: bool = True,
    stock_lif: bool = True,
    python: str | Path | None = None,
    timeout_s: float = TIMEOUT_S,
) -> Trace:
    """Export a program to a temporary folder and run it; the first arguments are those of the reference simulator.

    Args:
        stock_lif: use Lava's own LIF where it is exact; otherwise a generated process everywhere.
        python: the interpreter that has Lava; by default this one.
        timeout_s: a longer run is ended and is an error.

    Raises:
        MissingPartError: lava-nc is not installed.
        InputError: an input is missing, has the wrong shape, or a payload does not fit.
        OverflowTrapError: a register left its range in strict mode, or a trap register ever.
        ConformanceError: a stock LIF held a current that two's complement doesn't (+-2^23 exactly).
        ToolchainError: Lava failed or did not end in time.
    """
    verify(program)
    _, length = check_inputs(program, inputs)
    steps = run_length(length, program.latency_steps, steps)
    with scratch_folder("lava") as scratch:
        folder = export_lava(program, scratch / "network")
        return simulate_exported(
            folder,
            inputs,
            steps=steps,
            probes=probes,
            record_messages=record_messages,
            strict=strict,
            stock_lif=stock_lif,
            python=python,
            timeout_s=timeout_s,
            keep_bytecode=True,
        )


def simulate_exported(
    folder: Path,
    inputs: Mapping[str, IntArray],
    *,
    steps: int | None = None,
    probes: Sequence[Probe] | None = None,
    record_messages: bool = True,
    strict: bool = True,
    stock_lif: bool = True,
    python: str | Path | None = None,
    timeout_s: float = TIMEOUT_S,
    keep_bytecode: bool = False,
) -> Trace:
    """Run a folder that `export_lava` wrote.

    Args:
        folder: with run.py in it; nothing is written there unless `keep_bytecode`.
        inputs: by input name, (sample, step, channel) integers.
        steps: length of the run; by default the inputs' length plus the program's latency.
        probes: registers to record at every step; all unless given.
        record_messages, strict, stock_lif, python, timeout_s: as for `simulate`.
        keep_bytecode: let Python leave `__pycache__` in the folder. Lava executes the models again for every process,
            so that without it a large network takes several times as long to start.

    Raises:
        As `simulate`; InputError also where the folder holds no run.py.
    """
    runner = folder.resolve() / "run.py"
    if not runner.is_file():
        raise InputError(str(folder), "holds no run.py", "give a folder written by the Lava exporter")
    if missing := available(python):
        what, _, remedy = missing.partition("; ")
        raise MissingPartError(NAME, what, remedy)
    with scratch_folder("lava") as scratch:
        given, out = scratch / "input.npz", scratch / "trace.npz"
        arrays: dict[str, Any] = {name: np.asarray(values) for name, values in inputs.items()}
        np.savez(given, **arrays)
        command = [str(python or sys.executable), "-I", *([] if keep_bytecode else ["-B"]), str(runner)]
        command += ["--input", str(given), "--out", str(out)]
        command += [] if steps is None else [f"--steps={steps}"]
        command += [] if probes is None else [f"--probes={','.join(map(str, probes)) or 'none'}"]
        command += [] if record_messages else ["--no-messages"]
        command += [] if strict else ["--count-overflows"]
        command += [] if stock_lif else ["--generated-lif"]
        _run(command, scratch, timeout_s)
        return load_trace(out)


def _run(command: list[str], scratch: Path, timeout_s: float) -> None:
    """Run to the end; a bad end becomes the error that says it.

    Output goes to files, not pipes: a Lava process that outlives its parent would keep a pipe open.
    """
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    environment |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "TMPDIR": str(scratch)}
    said, complained = scratch / "stdout.txt", scratch / "stderr.txt"
    code: int | None = None
    with (
        said.open("wb") as out,
        complained.open("wb") as errors,
        children.start(command, stdout=out, stderr=errors, cwd=scratch, env=environment) as process,
    ):
        try:
            code = process.wait(timeout_s)
        except subprocess.TimeoutExpired as expired:
            what = f"the run did not end within {timeout_s:g} s"
            raise ToolchainError(NAME, what, "give fewer samples or steps, or more time") from expired
        finally:
            _end_group(process, ended_well=code == 0)
    if code:
        raise _failure(code, said.read_text(errors="replace"), complained.read_text(errors="replace"))


def _end_group(process: subprocess.Popen[bytes], *, ended_well: bool) -> None:
    """End what is left of a run: first by request, so that shared memory is given back, then by force."""
    if not children.end_group(process, signal.SIGTERM) or ended_well:
        return
    deadline = time.monotonic() + GRACE_S
    while time.monotonic() < deadline:
        process.poll()
        if not children.end_group(process, 0):
            return
        time.sleep(0.05)
    children.end_group(process, signal.SIGKILL)
    process.wait()


def _failure(code: int, said: str, complained: str) -> ToolchainError:
    """The error that an exit code of run.py stands for."""
    if code in (_EXIT_OVERFLOW, _EXIT_DISAGREEMENT):
        fault = json.loads(said.strip().splitlines()[-1])
        where = f"{fault['name']}.{fault['register']}"
        if code == _EXIT_OVERFLOW:
            what = f"{fault['value']} does not fit a signed {fault['bits']}-bit register at {_place(fault)}"
            return OverflowTrapError(where, what, "lower a weight exponent, widen the register, or count overflows")
        what = f"Lava's LIF holds {fault['value']} instead of {fault['expected']} at {_place(fault)}"
        remedy = "known for a current at 2^23: rescale, or run without stock_lif; anywhere else it is a defect"
        return ConformanceError(where, what, remedy)
    last = complained.strip().splitlines()[-12:] or ["nothing"]
    if code == _EXIT_INPUT:
        return InputError(NAME, last[-1].removeprefix("run.py: "), "check the input and the options")
    return ToolchainError(NAME, f"run.py ended with exit code {code} and said:\n" + "\n".join(last))


def _place(fault: Mapping[str, Any]) -> str:
    place = fault["place"]
    sample, neuron, *mode = place if len(place) > 1 else [0, *place]
    return f"step {fault['step']}, sample {sample}, neuron {neuron}" + (f", mode {mode[0]}" if mode else "")
