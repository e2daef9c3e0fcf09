"""Where two builds, two traces or two simulators part, why, and the smallest case that still does."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from seamount.build.folder import BuildFolder, read_manifest
from seamount.build.result import Build
from seamount.events import Event, Tell, silent
from seamount.rerun.inputs import build_samples, payloads, refuse
from seamount.samples import Data
from seamount.simulators import Simulate, find_simulator, missing, require
from simulators.microscope.repro import OTHER, PROGRAM, Repro, is_repro, read_repro, refuse_foreign, write_repro
from simulators.microscope.sides import Found, Inputs, two_programs, two_simulators, two_traces
from toolchain.errors import InputError
from toolchain.files import UNREADABLE, read_npz
from toolchain.ir.program import Program
from toolchain.ir.storage import load_program
from toolchain.ir.text import program_hash
from toolchain.ir.trace import Trace, load_trace
from toolchain.report.evidence import RECORDED_TRACE

SIMULATORS = "reference,lava"


@dataclass(frozen=True)
class DiffOptions:
    """How to compare.

    Attributes:
        simulators: two names with a comma between, for one build.
        inputs: as for `simulate`; by default what the build recorded.
        program: program.npz of two traces that lie in no build folder.
        budget_s: for the search of causes and again for the smallest case; 0: none is sought.
        out: folder for the smallest case.
    """

    simulators: str | None = None
    inputs: Data | None = None
    program: Path | None = None
    budget_s: float = 30.0
    out: Path = Path("repro")


@dataclass(frozen=True, eq=False)
class Outcome:
    """What was found.

    Attributes:
        found: comparison, differences, explanation, smallest case.
        sides: names of the two.
        repro: folder of the smallest case, or None.
        no_smaller: why there is none, or "".
    """

    found: Found
    sides: tuple[str, str]
    repro: Path | None = None
    no_smaller: str = ""


def diff(
    left: Build | Path | str,
    right: Build | Path | str | None = None,
    *,
    simulators: str | None = None,
    inputs: Data | None = None,
    program: Path | str | None = None,
    budget_s: float = 30.0,
    out: Path | str = "repro",
    tell: Tell = silent,
) -> Outcome:
    """Where two builds, two traces or two simulators part, why, and the smallest case that still does.

    Args:
        left: a build, its folder, a trace (npz), or a folder that `diff` wrote.
        right: a build or a trace; None for one build on two simulators, or a folder of `diff`.
        simulators: two names with a comma between, for one build; "reference,lava" by default.
        inputs: as for `simulate`; by default what the build recorded.
        program: program.npz of two traces that lie in no build folder.
        budget_s: seconds for the search of causes, and again for the smallest case; 0: none is sought.
        out: folder for the smallest case.
        tell: is called with each `Event`.

    Returns:
        `.found.comparison` (numbers), `.found.explanation` (cause), `.repro` (folder of the smallest case).

    Raises:
        InputError: a path or option that does not fit.
        MissingPartError: a simulator that is not installed.
        ConformanceError: what is named was never one run.

    >>> build = deploy("net.nir", "build/net", calibrate=x, compared=2)
    >>> diff(build, simulators="reference,fast").found.comparison.mismatches
    0
    """
    options = DiffOptions(simulators, inputs, None if program is None else Path(program), budget_s, Path(out))
    first, second = _path(left), None if right is None else _path(right)
    if second is None:
        return _repeat(first, options) if is_repro(first) else _build(first, options, tell)
    refuse(options.simulators, "--simulators", "two things are named", "name one build")
    builds = [path for path in (first, second) if path.is_dir()]
    if len(builds) == 2:
        return _builds(BuildFolder(first), BuildFolder(second), options, tell)
    refuse(options.inputs, "--input", "a trace was recorded on its own input", "leave it out")
    return _traces(first, second, options)


def _path(given: Build | Path | str) -> Path:
    return given.folder if isinstance(given, Build) else Path(given)


def _repeat(folder: Path, options: DiffOptions) -> Outcome:
    """Run a smallest case again."""
    case = read_repro(folder)
    why = "it is the smallest case already"
    if case.other is not None:
        names = (PROGRAM, OTHER)
        found = two_programs(case.program, case.other, case.inputs, names=names, steps=case.steps, budget_s=0)
        return Outcome(found, names, no_smaller=why)
    names = case.simulators if options.simulators is None else _pair(options.simulators)
    pair = (_simulator(name) for name in names)
    return Outcome(
        two_simulators(case.program, case.inputs, *pair, steps=case.steps, budget_s=0), names, no_smaller=why
    )


def _build(path: Path, options: DiffOptions, tell: Tell) -> Outcome:
    folder = _checked(path)
    names = _pair(options.simulators or SIMULATORS)
    pair = [_simulator(name) for name in names]
    program = load_program(folder.program)
    inputs = _inputs(folder, program, options, tell)
    refuse_foreign(options.out)
    found = two_simulators(program, inputs, *pair, budget_s=options.budget_s)
    return _kept(found, names, names, None, options)


def _pair(text: str) -> tuple[str, str]:
    names = [name.strip() for name in text.split(",")]
    if len(names) != 2:
        raise InputError("--simulators", f"{text!r} names {len(names)}", "give two, e.g. reference,lava")
    return names[0], names[1]


def _simulator(name: str) -> Simulate:
    run = find_simulator(name)
    require(name, missing(name))
    return run


def _checked(path: Path) -> BuildFolder:
    folder = BuildFolder(path)
    if not path.is_dir():
        raise InputError(str(path), "is not a folder", "give a folder that seamount deploy or seamount diff wrote")
    read_manifest(folder)
    return folder


def _inputs(folder: BuildFolder, program: Program, options: DiffOptions, tell: Tell) -> Inputs:
    """The user's input as payloads, or what the build's traces were recorded on."""
    if options.inputs is not None:
        return payloads(folder, program, build_samples(folder, program, options.inputs), tell)
    path = folder.trace("input")
    try:
        _, arrays = read_npz(path)
    except UNREADABLE as error:
        raise InputError(str(path), f"cannot be read ({error})", "give --input x.npz, or deploy again") from error
    return {name: np.asarray(values, dtype=np.int64) for name, values in arrays.items()}


def _builds(left: BuildFolder, right: BuildFolder, options: DiffOptions, tell: Tell) -> Outcome:
    programs = [load_program(_checked(folder.root).program) for folder in (left, right)]
    sides = (str(left.root), str(right.root))
    if program_hash(programs[0]) == program_hash(programs[1]) and options.inputs is None:
        tell(Event("compare", "both builds hold one program; their recorded traces are compared"))
        traces = (load_trace(folder.root / RECORDED_TRACE) for folder in (left, right))
        return _no_runs(two_traces(programs[0], *traces, budget_s=options.budget_s), sides)
    inputs = _inputs(left, programs[0], options, tell)
    refuse_foreign(options.out)
    found = two_programs(programs[0], programs[1], inputs, names=sides, budget_s=options.budget_s)
    return _kept(found, sides, ("reference", "reference"), programs[1], options)


def _traces(left: Path, right: Path, options: DiffOptions) -> Outcome:
    traces = [load_trace(path / RECORDED_TRACE if path.is_dir() else path) for path in (left, right)]
    program = _program_of(traces, left, right, options)
    return _no_runs(two_traces(program, *traces, budget_s=options.budget_s), (str(left), str(right)))


def _program_of(traces: list[Trace], left: Path, right: Path, options: DiffOptions) -> Program:
    """The program that was run: as given, or from the build folder that one of the traces lies in."""
    if options.program is not None:
        return load_program(options.program)
    for path in (left, right):
        beside = BuildFolder(path if path.is_dir() else path.resolve().parent.parent).program
        if beside.is_file() and program_hash(program := load_program(beside)) == traces[0].program:
            return program
    raise InputError(str(left), "lies in no build folder of its program", "give --program build/<name>/program.npz")


def _no_runs(found: Found, sides: tuple[str, str]) -> Outcome:
    why = "" if found.comparison.equal else "no smaller case can be made: two traces hold no simulator to run again"
    return Outcome(found, sides, no_smaller=why)


def _kept(
    found: Found, sides: tuple[str, str], simulators: tuple[str, str], other: Program | None, options: DiffOptions
) -> Outcome:
    """Write the smallest case, where there is one."""
    if found.shrunk is None:
        why = "" if found.comparison.equal else "no smaller case was sought: the budget is 0"
        return Outcome(found, sides, no_smaller=why)
    case = found.shrunk.case
    cause = None if found.explanation is None else found.explanation.cause
    words = f"{cause.hypothesis.mistake} ({cause.hypothesis.site})" if cause is not None else "unknown"
    repro = Repro(case.program, case.inputs, case.steps, simulators, str(case.divergence), words, other)
    write_repro(repro, options.out, case.divergence)
    return Outcome(found, sides, options.out)
