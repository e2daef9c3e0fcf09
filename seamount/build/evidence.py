"""What a deployment found out, as evidence for the report and facts for the manifest."""

from __future__ import annotations

import platform

from exporters.c import build_source
from exporters.scalar.effort import effort_of
from seamount.build.assumed import assumed_rows
from seamount.build.fidelity import Fidelity
from seamount.build.job import Placed, Runs, entered_lines
from seamount.build.rungs import Measured
from seamount.options import Options
from seamount.ports import Ports
from simulators.compare import Comparison
from toolchain.doctor import examine
from toolchain.errors import UnsupportedError
from toolchain.host.infer import MEANINGS
from toolchain.ir.program import Program
from toolchain.ir.text import program_hash
from toolchain.ir.trace import Trace
from toolchain.lower.rest import pole_rows
from toolchain.report.evidence import Agreement, Evidence, FindingRow, LayerSpikes, PolePoint, QuantizationRow
from toolchain.report.evidence import Fidelity as FidelityRow
from toolchain.version import __version__

POLES_DRAWN = 512
"""Of a population, about."""
VERSIONED = ("numpy", "scipy", "h5py", "nir", "lava-nc", "onnx", "onnxruntime", "torch")


def gather_evidence(network: Placed, runs: Runs, measured: Measured, fidelity: Fidelity, command: str) -> Evidence:
    """Everything that the report is made of."""
    return Evidence(
        model=network.source.name,
        task=network.source.task,
        program=network.program,
        placement=network.placement,
        target=network.target,
        test=runs.test,
        recorded=runs.recorded,
        accuracies=measured.accuracies,
        decisions=measured.decisions,
        assumed=assumed_rows(network),
        agreements=tuple(agreement_of(comparison) for comparison in runs.comparisons.values()),
        fidelity=_fidelity(fidelity),
        findings=tuple(_findings(network, runs, fidelity)),
        quantization=tuple(_quantization(network)),
        poles=_poles(network),
        versions=versions(),
        command=command,
    )


def agreement_of(comparison: Comparison) -> Agreement:
    """A comparison as the evidence holds it."""
    return Agreement(
        simulators=comparison.simulators,
        samples=comparison.samples,
        steps=comparison.steps,
        values_compared=dict(comparison.values_compared),
        mismatches=comparison.mismatches,
        first=str(comparison.first or ""),
    )


def _fidelity(found: Fidelity) -> FidelityRow:
    names = LayerSpikes.model_fields
    layers = tuple(LayerSpikes(**{name: getattr(row, name) for name in names}) for row in found.rows)
    return FidelityRow(samples=found.samples, changed=found.changed, layers=layers)


def _findings(network: Placed, runs: Runs, fidelity: Fidelity) -> list[FindingRow]:
    rows = []
    for stage, found in (("read", network.graph.findings), ("convention", network.conventions.findings)):
        for finding in found:
            fields = {"where": finding.where, "what": finding.what, "action": finding.action}
            rows.append(FindingRow.model_validate({"stage": stage, "severity": finding.severity, **fields}))
    for text in network.compiled.lowered.findings:
        where, _, what = text.partition(": ")
        rows.append(FindingRow(stage="lower", where=where, what=what, action="kept", severity="loss"))
    for source, text, kind in entered_lines(network.program, runs.entered):
        how = {"action": "kept"} if kind == "rounded" else {"action": "counted", "severity": "loss"}
        rows.append(FindingRow.model_validate({"stage": "encode", "where": source.name, "what": text, **how}))
    rows += [
        FindingRow(stage="fidelity", where=loss.where, what=loss.what, action=loss.action, severity="loss")
        for loss in fidelity.findings
    ]
    for output in network.program.outputs:
        text = f"read by {output.reading}: {MEANINGS[output.reading]}"
        rows.append(FindingRow(stage="decide", where=output.name, what=text, action="--decision says otherwise"))
    rows += overflow_rows(runs.test)
    rows += _size_rows(network.program)
    for name, reason in runs.missing.items():
        rows.append(FindingRow(stage="simulate", where=name, what=reason, action="left out"))
    return rows


def _size_rows(program: Program) -> list[FindingRow]:
    """What the program takes as C, on any machine; `docs/c.md` has what compilers make of it."""
    try:
        source = build_source(program)
        source.source()
    except UnsupportedError:
        return []
    effort = effort_of(source.plan)
    what = f"{source.constant_bytes:,} bytes of constants, {source.state_bytes:,} bytes of state; a step is "
    what += f"{effort.operations:,} operations and at most {effort.additions:,} additions of weights"
    return [FindingRow(stage="export", where="c/", what=what, action="see its header")]


def overflow_rows(trace: Trace) -> list[FindingRow]:
    """What did not fit the registers; a run continues past the end of a shorter sequence, and counts there too."""
    padding = "" if trace.ends is None else ", padding after shorter sequences included"
    return [
        FindingRow(
            stage="simulate",
            where=key,
            what=f"{count} values did not fit the register{padding}",
            action="by its overflow rule",
            severity="loss",
        )
        for key, count in sorted(trace.overflows.items())
    ]


def _quantization(network: Placed) -> list[QuantizationRow]:
    rows = []
    for tensor in network.compiled.lowered.tensors:
        where, _, quantity = tensor.name.rpartition(".")
        ratio = "exact" if tensor.sqnr_db is None else f"SQNR {tensor.sqnr_db:.1f} dB"
        error = f"{ratio}, at most {tensor.max_error:.2g} off"
        rows.append(QuantizationRow(where=where, quantity=quantity, bits=tensor.bits, scale=tensor.scale, error=error))
    return rows


def _poles(network: Placed) -> tuple[PolePoint, ...]:
    rows = pole_rows(network.compiled.lowered.program, network.compiled.network, POLES_DRAWN)
    names = PolePoint.__dataclass_fields__
    return tuple(PolePoint(**{name: getattr(row, name) for name in names}) for row in rows)


def versions() -> dict[str, str]:
    """Versions of what made a build."""
    found = {part.name: part.version for part in examine() if part.version is not None}
    listed = {name: found[name] for name in VERSIONED if name in found}
    return {"seamount": __version__, "python": platform.python_version(), **listed}


def manifest_facts(network: Placed, options: Options, command: str) -> dict[str, object]:
    """What the manifest says beside the hashes."""
    return {
        "command": command,
        "model": network.source.name,
        "read_from": None if network.source.command is None else network.source.command[0],
        **Ports.of_graph(network.graph).as_dict(),
        "program": program_hash(network.program),
        "convention": {"name": network.conventions.name, "dt": network.conventions.dt},
        "options": options.as_dict(network.settings),
        "seed": options.seed,
        "versions": versions(),
    }
