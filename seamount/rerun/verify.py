"""Is a build folder what its manifest says, and does everything still agree when run again?"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

import simulators.c
import simulators.js
import simulators.lava
import simulators.onnx
from seamount.build.folder import BuildFolder, changed_files, read_manifest
from seamount.build.result import Build
from seamount.rerun.bundle import unpacked
from seamount.rerun.checks import Check, Verified, judged
from seamount.rerun.claims import claim_checks, manifest_of
from seamount.rerun.copying import listed_copy
from seamount.rerun.signing import signature_check
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
from toolchain.reading import text_of
from toolchain.report.evidence import RECORDED_TRACE

Tell = Callable[[Check], None]


def verify(
    build: Build | Path | str,
    *,
    run: bool = True,
    key: Path | str | None = None,
    on_check: Tell | None = None,
    onnx_provider: str | None = None,
) -> Verified:
    """Is a build what its manifest says, does it follow from itself, and does everything still agree when run again?

    Args:
        build: that `deploy` made, its folder, or a bundle of it.
        run: whether to run what can be run of it (its Lava package, C, JavaScript and ONNX), as this user.
        key: PEM file of the public key that it must be signed with.
        on_check: is called with each check as it is made.
        onnx_provider: onnxruntime's name of what executes the ONNX model, ``"OpenVINOExecutionProvider"`` say; by
            default its plain kernels for processors.

    Returns:
        The checks: signature, hashes, program, what is claimed, then each simulator against the recorded trace; `.ok`
        where none failed. Where the hashes or the program fail, nothing else is read or run.

    Raises:
        InputError: it is no build of ours, or there is no such key.
        MissingPartError: a key is given, and the package cryptography is not installed.

    >>> verify(deploy("net.nir", "build/net", calibrate=x, compared=2)).ok
    True
    """
    checks: list[Check] = []

    def record(check: Check) -> None:
        checks.append(check)
        if on_check is not None:
            on_check(check)

    given = build.folder if isinstance(build, Build) else Path(build)
    with unpacked(given) as folder:
        _look(folder, run, None if key is None else Path(key), onnx_provider or simulators.onnx.CPU, record)
    return Verified(tuple(checks))


def _look(folder: BuildFolder, run: bool, key: Path | None, provider: str, record: Tell) -> None:
    changed = changed_files(folder)
    record(judged("hashes", changed, "every file is what the manifest says"))
    if changed:
        # Nothing of a folder that is not what it says is run: its Lava package and C are code.
        record(Check("program", "skipped", "nothing was run, since the files are not those that were deployed"))
        return
    record(signed := signature_check(folder, key))
    if signed.result == "failed":
        return
    with listed_copy(folder) as copy:
        manifest = manifest_of(read_manifest(copy), str(folder.manifest))
        try:
            program = _program(copy)
            inputs, stored = _inputs(copy, program), load_trace(copy.root / RECORDED_TRACE)
        except ToolchainError as error:
            record(Check("program", "failed", str(error)))
            return
        record(Check("program", "ok", f"text and arrays are one program, all rules hold, {program_hash(program)[:12]}"))
        sound = True
        for check in claim_checks(copy, manifest, program):
            record(check)
            sound = sound and (check.name != "exports" or check.result != "failed")
        again = partial(_again, copy, program, inputs, stored, provider)
        _run_all(again, run and sound, record)


def _run_all(again: Callable[[str], Check], run: bool, record: Tell) -> None:
    if not run:
        record(Check("run", "skipped", "nothing of the build was run"))
        return
    record(Check("run", "note", "lava/, model.onnx, model.js and c/ of the build are run now, with your rights"))
    for name in ("reference", "fast", "lava", "onnx", "js", "c"):
        record(again(name))


def _program(folder: BuildFolder) -> Program:
    program = load_program(folder.program)
    try:
        text = read_program(text_of(folder.text), str(folder.text))
    except (OSError, ValueError) as error:
        raise InputError(str(folder.text), f"cannot be read ({error})", "deploy again") from error
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


def _again(
    folder: BuildFolder, program: Program, inputs: dict[str, IntArray], stored: Trace, provider: str, name: str
) -> Check:
    """Run a simulator again and compare it with the stored trace of the reference."""
    if reason := missing(name):
        return Check(name, "skipped", reason)
    exported = {"js": folder.js, "c": folder.c}.get(name)
    if exported is not None and not exported.exists():
        return Check(name, "skipped", f"the build holds no {exported.name}")
    try:
        comparison = compare(program, stored, _run(folder, program, inputs, provider, name))
    except ToolchainError as error:
        return Check(name, "failed", str(error))
    counted = f"{comparison.total_compared:,} values of {comparison.samples} samples"
    if comparison.equal:
        return Check(name, "ok", f"{counted}, 0 differences")
    return Check(name, "failed", f"{comparison.mismatches:,} of {counted} differ, first at {comparison.first}")


def _run(folder: BuildFolder, program: Program, inputs: dict[str, IntArray], provider: str, name: str) -> Trace:
    if name == "lava":
        return simulators.lava.simulate_exported(
            folder.lava, inputs, probes=program.all_probes(), strict=False, keep_bytecode=True
        )
    if name == "onnx":
        simulators.onnx.check_golden(folder.onnx, provider)
        return simulators.onnx.simulate_file(folder.onnx, inputs, strict=False, provider=provider)
    if name == "js":
        return simulators.js.simulate_file(folder.js, program, inputs, strict=False)
    if name == "c":
        return simulators.c.simulate_folder(folder.c, program, inputs, strict=False)
    return find_simulator(name)(program, inputs, probes=program.all_probes(), strict=False)
