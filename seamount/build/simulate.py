"""The whole test set on one simulator, and some samples with every register on each of them, compared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from seamount.build.evidence import overflow_rows
from seamount.build.folder import BuildFolder
from seamount.build.job import Placed, Runs, entered_lines
from seamount.build.shipped import simulate_shipped, with_shipped_model
from seamount.build.whole import run_whole
from seamount.events import Event, Tell, lines_of
from seamount.options import Options
from seamount.samples import Samples
from seamount.shards import Shards
from seamount.simulators import (
    REFERENCE,
    compared_simulators,
    default_simulator,
    find_simulator,
    missing,
    not_asked_for,
    require,
)
from simulators.compare import Comparison, compare
from toolchain.errors import MissingPartError, UnsupportedError
from toolchain.files import write_npz
from toolchain.host.encode import encode_all, payloads_of
from toolchain.ir.integer import IntArray
from toolchain.ir.program import Program
from toolchain.ir.text import program_hash
from toolchain.ir.trace import Trace, repeats, save_repeated, save_trace, trace_digest
from toolchain.progress import advance
from toolchain.report.evidence import RECORDED_TRACE

COMPARED = 16
"""Test samples that every simulator runs, unless told otherwise."""
RECORDED_WORDS = 1 << 23
"""Words of registers that a trace of them may hold, unless told otherwise: 64 MiB."""

LAVA_WORK = 1 << 18
"""Steps times processes that Lava runs unless it is asked for by name: about two minutes, at 0.4 ms each."""


def simulate_and_compare(placed: Placed, folder: BuildFolder, options: Options, shards: Shards, tell: Tell) -> Runs:
    """Run the test set, then every simulator on some of it, and leave their traces in the folder."""
    program, test = placed.program, placed.source.test
    simulator = options.simulator or default_simulator()
    numbers = {"samples": len(test), "steps": test.steps, "simulator": simulator}
    tell(Event("simulate", f"{len(test)} samples x {test.steps} steps on {simulator}", numbers))
    whole = run_whole(placed, test, simulator, shards, lines_of(tell, "simulate"))
    for _, line, _ in entered_lines(program, whole.entered):
        tell(Event("simulate", line, detail=True))
    for row in overflow_rows(whole.trace):
        tell(Event("simulate", f"{row.where}: {row.what}; {row.action}", {"where": row.where}, detail=True))
    chosen = _chosen(program, test, options)
    inputs = payloads_of(encode_all(program, test.chosen(chosen).values()))
    recorded = find_simulator(REFERENCE)(program, inputs, probes=program.all_probes(), strict=False)
    write_npz(folder.trace("input"), {"program": program_hash(program)}, inputs)
    foreign, comparisons = {}, {}
    asked = compared_simulators(options.compare)
    absent = not_asked_for(asked)
    for number, other in enumerate(asked):
        advance("compare", number, len(asked))
        try:
            require(other, missing(other))
            if options.compare is None:
                refuse_long(program, inputs, other)
            foreign[other] = simulate_shipped(folder, program, inputs, other)
        except (MissingPartError, UnsupportedError) as error:
            absent[other] = reason = str(error).removeprefix(f"{other}: ")
            tell(Event("compare", f"{other} left out: {reason}", {"simulator": other, "left_out": reason}))
            continue
        found = compare(program, recorded, foreign[other])
        shipped = other == "onnx" and found.equal
        comparisons[other] = with_shipped_model(folder, program, inputs, recorded, found) if shipped else found
        foreign[other] = _keep(folder, other, foreign[other], recorded)
        tell(_compared(comparisons[other]))
    advance("compare", len(asked), len(asked))
    ran = (whole.trace, whole.score, whole.scores, whole.entered)
    return Runs(*ran, inputs, recorded, foreign, comparisons, absent, chosen, whole.outputs.argmax(axis=1))


def refuse_long(program: Program, inputs: Mapping[str, IntArray], simulator: str) -> None:
    """UnsupportedError where Lava would run for minutes and nobody asked for it by name."""
    samples, steps, _ = next(iter(inputs.values())).shape
    processes = sum(map(len, (program.inputs, program.populations, program.projections, program.outputs)))
    if simulator == "lava" and (work := samples * steps * processes) > LAVA_WORK:
        minutes = 0.4e-3 * work / 60
        what = f"{samples} samples x {steps:,} steps of {processes} processes would take about {minutes:.0f} minutes"
        raise UnsupportedError(simulator, what, "ask for it with --compare lava, or take shorter sequences")


def _keep(folder: BuildFolder, name: str, trace: Trace, recorded: Trace) -> Trace:
    """Leave a simulator's trace in the folder; values equal to the reference's are neither stored nor held twice."""
    if not repeats(trace, recorded):
        save_trace(trace, folder.trace(name))
        return trace
    save_repeated(trace, folder.trace(name), folder.root / RECORDED_TRACE, trace_digest(recorded))
    return replace(recorded, simulator=trace.simulator)


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


def _compared(comparison: Comparison) -> Event:
    names = " = ".join(comparison.simulators) if comparison.equal else " against ".join(comparison.simulators)
    counted = f"{comparison.total_compared:,} values of {comparison.samples} samples"
    numbers = {
        "simulators": list(comparison.simulators),
        "values": comparison.total_compared,
        "samples": comparison.samples,
        "differences": comparison.mismatches,
    }
    if comparison.equal:
        return Event("compare", f"{names}: {counted}, 0 differences", numbers)
    text = f"{names}: {comparison.mismatches:,} of {counted} differ, first at {comparison.first}"
    return Event("compare", text, numbers)
