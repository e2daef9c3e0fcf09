"""The simulator "c": the exported C99, compiled by this machine's compiler and called in this process."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from exporters.c import Source, build_source
from exporters.c.values import stored_bits
from simulators.c.driver import FUNCTION, driver
from simulators.recorded import ExportedRun, explain, prepare, read_trace, stored_probes
from toolchain import children
from toolchain.bounds.ranges import Range
from toolchain.errors import InputError, MissingPartError, ToolchainError
from toolchain.folders import scratch as scratch_folder
from toolchain.ir.integer import IntArray
from toolchain.ir.program import Probe, Program
from toolchain.ir.trace import Trace

NAME = "c"
PREFIX = "network"
COMPILERS = ("cc", "gcc", "clang")
FLAGS = ("-std=c99", "-O2", "-ftree-vectorize", "-march=native")
COMPILE_S = 600.0


def compiler() -> str | None:
    """The path of a C compiler: the one that the environment variable CC names, or the first of the usual ones."""
    chosen = os.environ.get("CC")
    return next(filter(None, map(shutil.which, (chosen,) if chosen else COMPILERS)), None)


def available() -> str | None:
    """Say why no C can be compiled here; None where it can."""
    if compiler() is not None:
        return None
    named = os.environ.get("CC")
    what = f"CC names {named!r}, which is not there" if named else f"there is none of {', '.join(COMPILERS)}"
    return f"no C compiler: {what}; install gcc or clang, or name one in CC"


def simulate(
    program: Program,
    inputs: Mapping[str, IntArray],
    *,
    steps: int | None = None,
    probes: Sequence[Probe] = (),
    record_messages: bool = True,
    strict: bool = True,
) -> Trace:
    """Export a program as C, compile it and run it; the arguments are those of the reference simulator.

    Raises:
        InputError: an input is missing, has the wrong shape, or a payload does not fit; a probe names no register.
        OverflowTrapError: a register left its range in strict mode, or a trap register ever.
        MissingPartError: there is no C compiler.
        UnsupportedError: the program has no C form.
        ToolchainError: the compiler failed.
    """
    source = build_source(program, prefix=PREFIX, probes=probes)
    job = prepare(
        source.plan, numpy_type, inputs, steps=steps, probes=probes, record_messages=record_messages, strict=strict
    )
    return Compiled(source, job).run(job, inputs)


def simulate_folder(
    folder: Path,
    program: Program,
    inputs: Mapping[str, IntArray],
    *,
    steps: int | None = None,
    record_messages: bool = True,
    strict: bool = True,
) -> Trace:
    """Compile and run files that `export_c` wrote of this program without probes; every stored register is recorded.

    Arguments, result and errors are those of `simulate`; besides,

    Raises:
        InputError: the files are absent, or are another program's.
    """
    source = build_source(program)
    header, body = (folder / f"{source.prefix}.{ending}" for ending in ("h", "c"))
    for path in (header, body):
        if not path.is_file():
            raise InputError(str(path), "no such file", "give the folder of C files that seamount wrote")
        if program_mark(source) not in path.read_text(encoding="utf-8", errors="replace"):
            raise InputError(str(path), f"is not of program {program_mark(source)}", "deploy again")
    probes = stored_probes(source.plan)
    job = prepare(
        source.plan, numpy_type, inputs, steps=steps, probes=probes, record_messages=record_messages, strict=strict
    )
    return Compiled(source, job, folder).run(job, inputs)


def program_mark(source: Source) -> str:
    """What the first lines of both files say about the program."""
    return source.header().splitlines()[1].split()[2].rstrip(".")


def numpy_type(found: Range) -> str:
    """numpy's name of the type that holds a range."""
    return np.dtype(f"int{stored_bits(found)}").newbyteorder("<").str


@dataclass
class Compiled:
    """A network as a function of this process, for jobs that record the same.

    Args:
        source: the network.
        job: says what is recorded.
        folder: holds the header and the source file; by default they are written again.
    """

    source: Source
    job: ExportedRun
    folder: Path | None = None

    def __post_init__(self) -> None:
        with scratch_folder("c") as scratch:
            files = {f"{self.source.prefix}.h": self.source.header, f"{self.source.prefix}.c": self.source.source}
            for file, text in files.items():
                given = text() if self.folder is None else (self.folder / file).read_text(encoding="utf-8")
                (scratch / file).write_text(given, encoding="utf-8")
            (scratch / "driver.c").write_text(driver(self.source, self.job), encoding="utf-8")
            library = scratch / "network.so"
            _compile(["-shared", "-fPIC", "-o", str(library), str(scratch / f"{self.source.prefix}.c"),
                      str(scratch / "driver.c")])  # fmt: skip
            self._run: Any = ctypes.CDLL(str(library))[FUNCTION]
        self._run.restype = ctypes.c_int64

    def execute(self, job: ExportedRun) -> tuple[int, np.ndarray[Any, Any], np.ndarray[Any, Any]]:
        """Run; the step that may not be, or -1, then the records of steps and of samples."""
        records = np.zeros((job.samples, job.steps), dtype=job.records())
        finals = np.zeros(job.samples, dtype=job.ends())
        given = np.ascontiguousarray(job.inputs, dtype=np.int32)
        addresses = [ctypes.c_void_p(array.ctypes.data) for array in (given, records, finals)]
        stopped = self._run(
            ctypes.c_int64(job.samples), ctypes.c_int64(job.steps), *addresses, ctypes.c_int(job.strict)
        )
        return int(stopped), records, finals

    def run(self, job: ExportedRun, inputs: Mapping[str, IntArray]) -> Trace:
        """The trace of a job, or the error of the reference where something did not fit."""
        stopped, records, finals = self.execute(job)
        if stopped >= 0:
            explain(self.source.plan.program, inputs, stopped, NAME, strict=job.strict)
        return read_trace(job, NAME, records, finals)


def _compile(arguments: list[str]) -> None:
    found = compiler()
    if found is None:
        what, _, remedy = str(available()).partition("; ")
        raise MissingPartError(NAME, what, remedy)
    command = [found, *FLAGS, *arguments]
    try:
        code, _, complained = children.run(command, timeout_s=COMPILE_S)
    except subprocess.TimeoutExpired as expired:
        raise ToolchainError(NAME, f"{found} did not end within {COMPILE_S:g} s", "report it") from expired
    if code:
        last = complained.strip().splitlines()[:12] or ["nothing"]
        raise ToolchainError(NAME, f"{' '.join(command[:3])} ended with {code}:\n" + "\n".join(last))
