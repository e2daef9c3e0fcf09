"""`seamount deploy`: a trained network becomes a program, runs everywhere, is compared, and is reported on."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from exporters.c import export_c
from exporters.js import export_js
from exporters.lava import export_lava
from exporters.nir import export_nir
from simulators.compare import Comparison, compare
from seamount.build.folder import BuildFolder, fresh_folder, refuse_foreign, write_manifest
from seamount.build.evidence import gather_evidence, manifest_facts
from seamount.build.job import Network, Runs
from seamount.options import Options
from seamount.build.rungs import accuracies
from seamount.samples import Samples
from seamount.shards import PLAIN, Shards
from seamount.simulators import default_simulator, find_simulator, missing
from seamount.network import Source
from seamount.build.whole import run_whole
from toolchain.errors import UnsupportedError
from toolchain.files import write_npz, write_text
from toolchain.frontend.conventions import conventions_for
from toolchain.frontend.expected import checked, read_expected
from toolchain.frontend.write import write_nir
from toolchain.ir.integer import IntArray
from toolchain.ir.program import Program
from toolchain.ir.storage import save_program
from toolchain.ir.text import program_hash, write_program
from toolchain.ir.trace import save_trace
from toolchain.lower.encode import encode_counted
from toolchain.lower.pipeline import compile_graph
from toolchain.mapping import load_target, place
from toolchain.passes.pipeline import run_passes
from toolchain.report.build import build_report
from toolchain.report.evidence import (
    Accuracy,
    save_evidence,
)

REFERENCE = "reference"
OTHERS = ("fast", "lava", "onnx", "js", "c")
COMPARED = 16
"""Test samples that every simulator runs, unless told otherwise."""
RECORDED_WORDS = 1 << 23
"""Words of registers that a trace of them may hold, unless told otherwise: 64 MiB."""

Tell = Callable[[str], None]


@dataclass(frozen=True, eq=False)
class Deployed:
    """What was found out; the folder holds the rest."""

    program: Program
    accuracies: tuple[Accuracy, ...]
    comparisons: Mapping[str, Comparison]
    missing: Mapping[str, str]

    @property
    def equal(self) -> bool:
        """Whether no simulator that ran differs from the reference."""
        return all(comparison.equal for comparison in self.comparisons.values())


def deploy(source: Source, out: Path, options: Options, tell: Tell, shards: Shards = PLAIN) -> Deployed:
    """Deploy a network into a folder.

    Args:
        source: the network and its data.
        out: appears whole or not at all; a build folder of ours that is there is replaced.
        options: widths, target, how much is compared.
        tell: is called with one line at every stage.
        shards: where the test set is simulated; changes nothing that is written.

    Raises:
        ToolchainError: of any stage; nothing is left behind but finished shards.
    """
    refuse_foreign(out)
    network = _compile(source.restricted(options.samples), options, tell)
    with fresh_folder(out) as folder:
        _export(network, folder, tell)
        runs = _simulate(network, folder, options, shards, tell)
        comparisons = {name: compare(network.program, runs.recorded, trace) for name, trace in runs.foreign.items()}
        measured = accuracies(network, runs, options, tell)
        evidence = gather_evidence(network, runs, comparisons, measured)
        tell("report      report.html, report.json")
        save_evidence(evidence, folder.root)
        build_report(evidence, folder.root)
        write_manifest(folder, manifest_facts(network, options))
    return Deployed(network.program, measured, comparisons, runs.missing)


def _compile(source: Source, options: Options, tell: Tell) -> Network:
    graph = source.graph
    conventions = conventions_for(graph, options.convention, dt=options.dt)
    if options.expect is not None:
        given = source.calibration.values()
        conventions = checked(graph, conventions, given, read_expected(options.expect, graph))
    tell(f"read        {len(graph.nodes)} NIR nodes under the convention {conventions.name!r}, dt {conventions.dt:g} s")
    for finding in (*graph.findings, *conventions.findings):
        tell(f"            {finding}")
    compiled = compile_graph(
        graph,
        conventions,
        source.calibration.values(),
        settings=options.settings,
        name=source.name,
        notes={"task": source.task or "your own"},
    )
    program = compiled.lowered.program
    neurons = sum(population.size for population in program.populations)
    tell(f"quantize    on {compiled.calibration.samples} of {len(source.calibration)} calibration samples")
    tell(
        f"lower       {len(program.populations)} populations, {neurons} neurons, {len(program.projections)} projections"
    )
    for loss in compiled.lowered.findings:
        tell(f"            {loss}")
    target, told = load_target(options.target), lambda remark: tell(f"pass        {remark}")
    program = run_passes(program, options.passes, told, max_sources=target.sources_per_neuron).program
    placement = place(program, target, options.mapping)
    fullest = f"core {placement.fullest_core} fullest in {placement.limiting_resource}"
    tell(f"place       {len(placement.cores)} cores of {target.name}, {fullest}")
    return Network(source, graph, conventions, compiled, program, target, placement)


def _export(network: Network, folder: BuildFolder, tell: Tell) -> None:
    program = network.program
    if network.source.nir is None:
        write_nir(network.graph, folder.model)
    else:
        shutil.copyfile(network.source.nir, folder.model)
    write_text(folder.text, write_program(program))
    save_program(program, folder.program)
    export_lava(program, folder.lava)
    written = ["program.txt", "lava/"]
    for path, export in ((folder.quantized, export_nir), (folder.js, export_js), (folder.c, export_c)):
        try:
            export(program, path)
            written.append(path.name if path.is_file() else f"{path.name}/")
        except UnsupportedError as error:
            tell(f"            no {path.name}: {error}")
    if missing("onnx") is None:
        from exporters.onnx import export_onnx

        export_onnx(program, folder.onnx)
        written.append(folder.onnx.name)
    tell(f"export      {', '.join(written)}")


def _simulate(network: Network, folder: BuildFolder, options: Options, shards: Shards, tell: Tell) -> Runs:
    """Run the whole test set on one simulator, and some samples with every register on each of them."""
    program, test = network.program, network.source.test
    name = program.inputs[0].name
    simulator = options.simulator or default_simulator()
    tell(f"simulate    {len(test)} samples x {test.steps} steps on {simulator}")
    whole = run_whole(network, test, simulator, shards, tell)
    for line in (whole.entered.rounded(program.inputs[0]), whole.entered.saturated(program.inputs[0])):
        if line:
            tell(f"            {line}")
    chosen = _chosen(program, test, options)
    overflow = options.settings.input_overflow
    inputs = {name: encode_counted(program.inputs[0], test.chosen(chosen).values(), overflow).payload}
    probes = program.all_probes()
    recorded = find_simulator(REFERENCE)(program, inputs, probes=probes, strict=False)
    write_npz(folder.trace("input"), {"program": program_hash(program)}, inputs)
    foreign, absent = {}, {}
    for other in OTHERS:
        if reason := missing(other):
            absent[other] = reason
            tell(f"compare     {other} left out: {reason}")
            continue
        try:
            foreign[other] = find_simulator(other)(program, inputs, probes=probes, strict=False)
        except UnsupportedError as error:
            absent[other] = str(error)
            tell(f"compare     {other} left out: {error}")
            continue
        save_trace(foreign[other], folder.trace(other))
        tell(f"compare     {_verdict(compare(program, recorded, foreign[other]))}")
    return Runs(whole.trace, whole.score, whole.entered, inputs, recorded, foreign, absent, chosen)


def _chosen(program: Program, test: Samples, options: Options) -> IntArray:
    """The compared samples: drawn by the seed, in their own order."""
    words = sum(
        int(np.prod(population.extent(register.per)))
        for population in program.populations
        for register in population.type.registers
    )
    affordable = max(1, RECORDED_WORDS // (words * (test.steps + program.latency_steps)))
    compared = min(COMPARED, affordable) if options.compared is None else options.compared
    drawn = np.random.default_rng(options.seed).permutation(len(test))[:compared]
    return np.sort(drawn).astype(np.int64)


def _verdict(comparison: Comparison) -> str:
    names = " = ".join(comparison.simulators) if comparison.equal else " against ".join(comparison.simulators)
    counted = f"{comparison.total_compared:,} values of {comparison.samples} samples"
    if comparison.equal:
        return f"{names}: {counted}, 0 differences"
    return f"{names}: {comparison.mismatches:,} of {counted} differ, first at {comparison.first}"
