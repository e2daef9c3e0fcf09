"""Is a build folder what its manifest says, and does everything still agree when run again?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import simulators.c
import simulators.js
import simulators.lava
import simulators.onnx
from seamount.build.folder import BuildFolder, changed_files
from seamount.build.result import Build
from seamount.rerun.inputs import folder_of
from seamount.simulators import find_simulator, missing
from simulators.compare import compare
from toolchain.bounds.verify import verify as verify_program
from toolchain.errors import InputError, ToolchainError
from toolchain.files import UNREADABLE, read_npz
from toolchain.ir.integer import IntArray
from toolchain.ir.program import Program
from toolchain.ir.storage import load_program
from toolchain.ir.text import program_hash, read_program
from toolchain.ir.trace import Trace, load_trace
from toolchain.report.evidence import RECORDED_TRACE


@dataclass(frozen=True)
class Check:
    """One thing that was checked.

    Attributes:
        name: what.
        result: ``"ok"``, ``"failed"`` or ``"skipped"``.
        detail: numbers, or the reason.
    """

    name: str
    result: str
    detail: str


@dataclass(frozen=True)
class Verified:
    """What checking a build found.

    Attributes:
        checks: in the order in which they were made.
    """

    checks: tuple[Check, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing failed; a simulator that is not installed is skipped, and its check says so."""
        return all(check.result != "failed" for check in self.checks)


def verify(build: Build | Path | str, *, on_check: Callable[[Check], None] | None = None) -> Verified:
    """Is a build what its manifest says, and does everything still agree when run again?

    Args:
        build: that `deploy` made, or its folder.
        on_check: is called with each check as it is made.

    Returns:
        The checks: hashes, program, then each simulator against the recorded trace; `.ok` where none failed. Where the
        hashes fail, nothing else is read or run.

    Raises:
        InputError: the folder is not one of ours.

    >>> verify(deploy("net.nir", "build/net", calibrate=x, compared=2)).ok
    True
    """
    folder = folder_of(build)
    checks: list[Check] = []

    def record(check: Check) -> None:
        checks.append(check)
        if on_check is not None:
            on_check(check)

    changed = changed_files(folder)
    record(_result("hashes", "; ".join(changed), "every file is what the manifest says"))
    if changed:
        # Nothing of a folder that is not what it says is run: its Lava package and C are code.
        record(Check("program", "skipped", "nothing was run, since the files are not those that were deployed"))
        return Verified(tuple(checks))
    try:
        program = _program(folder)
        record(Check("program", "ok", f"text and arrays are one program, all rules hold, {program_hash(program)[:12]}"))
        inputs, stored = _inputs(folder, program), load_trace(folder.root / RECORDED_TRACE)
    except ToolchainError as error:
        record(Check("program", "failed", str(error)))
        return Verified(tuple(checks))
    for name in ("reference", "fast", "lava", "onnx", "js", "c"):
        record(_again(folder, program, inputs, stored, name))
    return Verified(tuple(checks))


def _result(name: str, problem: str, fine: str) -> Check:
    return Check(name, "failed" if problem else "ok", problem or fine)


def _program(folder: BuildFolder) -> Program:
    program = load_program(folder.program)
    text = read_program(folder.text.read_text(encoding="utf-8"), str(folder.text))
    verify_program(text)
    verify_program(program)
    if program_hash(text) != program_hash(program):
        raise InputError(str(folder.text), f"is not the program in {folder.program.name}", "deploy again")
    return program


def _inputs(folder: BuildFolder, program: Program) -> dict[str, IntArray]:
    path = folder.trace("input")
    try:
        header, arrays = read_npz(path)
    except UNREADABLE as error:
        raise InputError(str(path), f"cannot be read ({error})", "deploy again") from error
    if header.get("program") != program_hash(program):
        raise InputError(str(path), "belongs to another program", "deploy again")
    return {name: values.astype(np.int64) for name, values in arrays.items()}


def _again(folder: BuildFolder, program: Program, inputs: dict[str, IntArray], stored: Trace, name: str) -> Check:
    """Run a simulator again and compare it with the stored trace of the reference."""
    if reason := missing(name):
        return Check(name, "skipped", reason)
    exported = {"js": folder.js, "c": folder.c}.get(name)
    if exported is not None and not exported.exists():
        return Check(name, "skipped", f"the build holds no {exported.name}")
    try:
        comparison = compare(program, stored, _run(folder, program, inputs, name))
    except ToolchainError as error:
        return Check(name, "failed", str(error))
    counted = f"{comparison.total_compared:,} values of {comparison.samples} samples"
    if comparison.equal:
        return Check(name, "ok", f"{counted}, 0 differences")
    return Check(name, "failed", f"{comparison.mismatches:,} of {counted} differ, first at {comparison.first}")


def _run(folder: BuildFolder, program: Program, inputs: dict[str, IntArray], name: str) -> Trace:
    if name == "lava":
        return simulators.lava.simulate_exported(folder.lava, inputs, probes=program.all_probes(), strict=False)
    if name == "onnx":
        return simulators.onnx.simulate_file(folder.onnx, inputs, strict=False)
    if name == "js":
        return simulators.js.simulate_file(folder.js, program, inputs, strict=False)
    if name == "c":
        return simulators.c.simulate_folder(folder.c, program, inputs, strict=False)
    return find_simulator(name)(program, inputs, probes=program.all_probes(), strict=False)
