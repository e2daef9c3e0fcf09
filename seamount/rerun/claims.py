"""What a manifest and a report claim, worked out again from what lies in the build, and compared."""

from __future__ import annotations

import math
import shlex
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from exporters.c import export_c
from exporters.js import export_js
from exporters.lava import export_lava
from exporters.nir import export_nir
from seamount.build.evidence import agreement_of
from seamount.build.folder import BuildFolder
from seamount.build.labels import LABELS, read_labels
from seamount.options import Options
from seamount.rerun.checks import Check, judged
from simulators.compare import compare
from toolchain.errors import InputError, ToolchainError, UnsupportedError
from toolchain.folders import scratch
from toolchain.host.decode import decide
from toolchain.ir.program import Program
from toolchain.ir.text import program_hash
from toolchain.ir.trace import Trace, load_trace
from toolchain.reading import bytes_of, parse_json, text_of
from toolchain.report.build import REPORT_HTML, REPORT_JSON, report_texts
from toolchain.report.costs import shipped_tables
from toolchain.report.evidence import Evidence, load_evidence
from toolchain.version import __version__

Manifest = Mapping[str, Any]


def claim_checks(folder: BuildFolder, manifest: Manifest, program: Program) -> Iterator[Check]:
    """One check for the manifest's own words, the comparisons, the decisions, the pages and the exports."""
    try:
        evidence = load_evidence(folder.root)
        yield judged("manifest", list(_manifest(manifest, program, evidence)), "says what program and evidence say")
        yield judged("agreement", list(_agreement(folder, evidence)), f"{len(evidence.agreements)} comparisons again")
        yield _accuracy(folder, evidence)
        yield _figures(folder, evidence)
    except ToolchainError as error:
        yield Check("evidence", "failed", str(error))
    yield _exports(folder, manifest, program)


def _manifest(manifest: Manifest, program: Program, evidence: Evidence) -> Iterator[str]:
    """Where the manifest says something else than the files that it lists."""
    shape = manifest.get("input_shape") or []
    options = manifest.get("options") or {}
    stated = {
        "program": (manifest.get("program"), program_hash(program)),
        "model": (manifest.get("model"), evidence.model),
        "command": (manifest.get("command"), evidence.command),
        "versions": (manifest.get("versions"), dict(evidence.versions)),
        "seed": (manifest.get("seed"), options.get("seed")),
        "inputs": (math.prod(shape) if shape else program.inputs[0].size, program.inputs[0].size),
    }
    for name, (said, found) in stated.items():
        if said != found:
            yield f"{name}: the manifest says {str(said)[:60]!r}, the build {str(found)[:60]!r}"
    if evidence.program is not program and program_hash(evidence.program) != program_hash(program):
        yield "program: the evidence is of another"
    yield from _command(str(manifest.get("command")), options)


def _command(command: str, options: Manifest) -> Iterator[str]:
    """Where a command to type has other options than the manifest; one of things in memory has none to compare."""
    if not command.startswith("seamount deploy "):
        return
    words = shlex.split(command)
    for name, default in vars(Options()).items():
        flag = "--" + name.replace("_", "-")
        if name == "settings" or name not in options:
            continue
        typed: object = default
        if flag in words:
            typed = True if default is False else words[words.index(flag) + 1 : words.index(flag) + 2]
        said = options[name] if typed is default or typed is True else [str(options[name])]
        if typed != said:
            yield f"{flag}: the command says {typed}, the manifest's options {options[name]!r}"


def _agreement(folder: BuildFolder, evidence: Evidence) -> Iterator[str]:
    """Where a stored trace compared with the reference's gives something else than the evidence says."""
    for row in evidence.agreements:
        name = row.simulators[1].split()[0]
        found = compare(evidence.program, evidence.recorded, load_trace(folder.trace(name)))
        if agreement_of(found) != row:
            what = f"{row.mismatches} of {row.total_compared} values differ"
            yield f"{name}: the evidence says {what}, the traces {found.mismatches} of {found.total_compared}"


def _accuracy(folder: BuildFolder, evidence: Evidence) -> Check:
    """Decisions again, of the recorded runs, against the labels."""
    if not evidence.accuracies:
        return Check("accuracy", "skipped", "none is claimed")
    if not folder.trace(LABELS).is_file():
        return Check("accuracy", "skipped", "decisions are read at every step, which no trace of the test set holds")
    labels = read_labels(folder.trace(LABELS), evidence.program)
    problems, counted = [], []
    for row in evidence.accuracies:
        trace, rows = _run_of(folder, row.rung, evidence, labels.rows)
        wanted = labels.of(row.output)
        if trace is None or wanted is None:
            continue
        classes = decide(evidence.program, trace, evidence.program.output(row.output))
        right = int(np.count_nonzero(classes == wanted[rows])) if len(classes) == len(wanted[rows]) else -1
        counted.append(row.rung)
        if (right, len(classes)) != (row.correct, row.samples):
            problems.append(f"{row.rung}: {row.correct} of {row.samples} claimed, {right} of {len(classes)} found")
    others = sorted({row.rung for row in evidence.accuracies} - set(counted))
    left = f"; {', '.join(others)} not, for lack of all inputs" if others else ""
    return judged("accuracy", problems, f"{', '.join(dict.fromkeys(counted))} counted again{left}")


def _run_of(
    folder: BuildFolder, rung: str, evidence: Evidence, compared: np.ndarray[Any, Any]
) -> tuple[Trace | None, Any]:
    """The stored run of a rung, and which labels are of its samples."""
    if rung == "integer":
        return evidence.test, slice(None)
    path = folder.trace(rung)
    return (load_trace(path), compared) if rung in ("lava", "onnx") and path.is_file() else (None, slice(None))


def _figures(folder: BuildFolder, evidence: Evidence) -> Check:
    """The pages written again, with the tables that they name."""
    stored = parse_json(text_of(folder.root / REPORT_JSON))
    tables = tuple(str(part["table"]) for part in (stored["energy"], *stored["other_tables"]))
    unknown = [name for name in tables if name not in shipped_tables()]
    if unknown:
        return Check("figures", "skipped", f"the cost table {unknown[0]} is not one of Seamount's")
    texts = report_texts(evidence, folder.root, tables)
    wrong = [name for name, text in texts.items() if text_of(folder.root / name) != text]
    problems = [f"{name} is not what the evidence gives" for name in wrong]
    return judged("figures", problems, f"{REPORT_JSON} and {REPORT_HTML} are what the evidence gives")


def _exports(folder: BuildFolder, manifest: Manifest, program: Program) -> Check:
    """The files that would be run, byte for byte what this Seamount writes of the program."""
    made_by = (manifest.get("versions") or {}).get("seamount")
    if made_by != __version__:
        return Check("exports", "skipped", f"written by seamount {made_by}, this is {__version__}")
    written: list[tuple[Path, Callable[[Program, Path], object]]] = [
        (folder.lava, export_lava), (folder.js, export_js), (folder.c, export_c), (folder.quantized, export_nir)
    ]  # fmt: skip
    problems, same = [], 0
    with scratch("exports") as place:
        for path, write in written:
            try:
                write(program, place / path.name)
            except UnsupportedError:
                if path.exists():
                    problems.append(f"{path.name}: the program has no such form")
                continue
            differing = list(_differing(place / path.name, path))
            same += not differing
            problems += differing[:3]
    return judged("exports", problems, f"{same} of them are what the program gives, byte for byte")


def _differing(fresh: Path, stored: Path) -> Iterator[str]:
    """Files of an export, or the one that it is, that are not the same."""
    if not stored.exists():
        yield f"{stored.name}: is missing"
        return
    files = [fresh] if fresh.is_file() else [path for path in fresh.rglob("*") if path.is_file()]
    names = {path.relative_to(fresh.parent).as_posix() for path in files}
    there = [stored] if stored.is_file() else [path for path in stored.rglob("*") if path.is_file()]
    for name in sorted(names ^ {path.relative_to(stored.parent).as_posix() for path in there}):
        yield f"{name}: {'is missing' if name in names else 'is not written by the exporter'}"
    for name in sorted(names):
        if (stored.parent / name).is_file() and bytes_of(stored.parent / name) != bytes_of(fresh.parent / name):
            yield f"{name}: is not what the program gives"


def manifest_of(found: object, where: str) -> Manifest:
    """A manifest with parts of the kinds that the checks take.

    Raises:
        InputError: others.
    """
    if not isinstance(found, Mapping):
        raise InputError(where, "holds no object", "deploy again")
    for name in ("options", "versions"):
        if not isinstance(found.get(name, {}), Mapping):
            raise InputError(where, f"{name} is not a JSON object", "deploy again")
    shape = found.get("input_shape", [])
    if not isinstance(shape, list) or not all(type(size) is int and size > 0 for size in shape):
        raise InputError(where, f"input_shape {shape!r} is not a shape", "deploy again")
    return found
