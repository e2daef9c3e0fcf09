"""`seamount quantize`: what rounding a network costs, where, and what its registers can hold."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from seamount.build.rungs import interpretable, nir_score
from seamount.samples import Samples
from seamount.build.score import score_classes
from seamount.simulators import default_simulator, find_simulator
from seamount.network import Source, find_source
from seamount.build.whole import is_read_stepwise, output_scale, score_trace
from toolchain.bounds.prove import ProvenRange, prove
from toolchain.errors import InputError
from toolchain.files import write_text
from toolchain.frontend.conventions import Conventions, conventions_for
from toolchain.frontend.graph import FloatArray
from toolchain.ir.integer import IntArray
from toolchain.ir.trace import Trace
from toolchain.lower.activity import ActivityRow, activity_rows, aligned_messages
from toolchain.lower.decode import output_probe, step_outputs
from toolchain.lower.encode import encode_counted
from toolchain.lower.floating import float_network
from toolchain.lower.ladder import Ladder, Rung, climb
from toolchain.lower.pipeline import Compiled, compile_graph
from toolchain.lower.rest import PoleRow, pole_rows
from toolchain.bounds.prove import ProvenRange, prove
from toolchain.quantize.settings import Settings
from toolchain.report.pole_figure import pole_figure

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Quantized:
    """What quantizing a network found.

    Attributes:
        compiled: the program and how it came about.
        ladder: on the calibration data: the float network, one rounded tensor at a time, all, the integer program.
        accuracy: on the test data: correct decisions by rung, and their number.
        activity, ranges, poles: rows.
    """

    source: Source
    settings: Settings
    compiled: Compiled
    ladder: tuple[Rung, ...]
    accuracy: dict[str, int]
    activity: tuple[ActivityRow, ...]
    ranges: tuple[ProvenRange, ...]
    poles: tuple[PoleRow, ...]

    def as_dict(self) -> dict[str, Any]:
        """Everything as plain data."""
        tensors = [
            {"name": t.name, "bits": t.bits, "scale": t.scale, "max_error": t.max_error, "sqnr_db": t.sqnr_db}
            for t in self.compiled.lowered.tensors
        ]
        return {
            "model": self.source.name,
            "settings": self.settings.as_dict(),
            "calibration_samples": self.compiled.calibration.samples,
            "test_samples": len(self.source.test),
            "accuracy": self.accuracy,
            "ladder": [asdict(rung) for rung in self.ladder],
            "tensors": tensors,
            "activity": [asdict(row) for row in self.activity],
            "ranges": [asdict(row) | {"headroom_bits": row.headroom_bits} for row in self.ranges],
            "poles": [row.as_dict() for row in self.poles],
            "findings": list(self.compiled.lowered.findings),
        }


def quantize(source: Source, settings: Settings, convention: str | None, dt: float | None, explain: bool) -> Quantized:
    """Quantize a network and measure what it cost.

    The ladder runs on the calibration data, so that nothing is chosen on the test data; of the test data only the
    accuracies are taken.

    Raises:
        ToolchainError: of any stage.
    """
    source = source.restricted(interpretable(source.graph, source.test))
    data = source.calibration.values()
    conventions = conventions_for(source.graph, convention, dt=dt)
    compiled = compile_graph(source.graph, conventions, data, settings=settings, name=source.name)
    accuracy = {} if source.test.y is None else _accuracy(source, compiled, conventions)
    ladder = Ladder(float_network(compiled.network), data, _classes(source.calibration))
    rungs = climb(ladder, compiled.lowered) if explain else [ladder.top()]
    trace = _simulated(compiled, source.calibration, True)
    messages = aligned_messages(compiled.lowered.program, compiled.network, trace, source.calibration.steps)
    rungs.append(ladder.measured("integer program", _outputs(compiled, trace), messages))
    return Quantized(
        source=source,
        settings=settings,
        compiled=compiled,
        ladder=tuple(rungs),
        accuracy=accuracy,
        activity=activity_rows(compiled.network, ladder.messages, messages, trace.overflows),
        ranges=prove(compiled.lowered.program, source.test.steps + compiled.lowered.program.latency_steps),
        poles=pole_rows(compiled.lowered.program, compiled.network),
    )


def _accuracy(source: Source, compiled: Compiled, conventions: Conventions) -> dict[str, int]:
    """Correct decisions on the test data, by rung."""
    test, program = source.test, compiled.lowered.program
    found = {}
    if source.float_classes is not None:
        found["float"] = score_classes(source.float_classes(test.values()), test).correct
    found["nir"] = nir_score(source.graph, conventions, program, test).correct
    trace = _simulated(compiled, test, is_read_stepwise(program, test))
    return found | {"integer": score_trace(program, compiled, trace, test).correct}


def _classes(samples: Samples) -> IntArray | None:
    """One label a sample for the ladder, which reads its outputs at the last step."""
    return None if samples.per_step or samples.lengths is not None else samples.y


def _simulated(compiled: Compiled, samples: Samples, record: bool) -> Trace:
    program = compiled.lowered.program
    encoded = encode_counted(program.inputs[0], samples.values(), compiled.scheme.settings.input_overflow)
    given, probe = {program.inputs[0].name: encoded.payload}, output_probe(program)
    probes = (probe,) if record and probe is not None else ()
    return find_simulator(default_simulator())(program, given, probes=probes, record_messages=record, strict=False)


def _outputs(compiled: Compiled, trace: Trace) -> FloatArray:
    """What the host reads at the last step, in the float network's units, (sample, neuron)."""
    program = compiled.lowered.program
    return step_outputs(program, trace)[:, -1] / output_scale(program, compiled)


def tell_quantized(found: Quantized, tell: Tell) -> None:
    """Say the findings in a few lines."""
    test = found.source.test
    total = int(test.counted_steps.sum()) if test.per_step else len(test)
    every = found.source.test_samples
    part = f" of {len(test)} of {every} test samples, spread evenly" if len(test) < every else ""
    for rung, correct in found.accuracy.items():
        tell(f"accuracy    {rung}: {correct} of {total} ({100 * correct / total:.2f} %){part}")
    for step in sorted(found.ladder, key=lambda rung: rung.output_error):
        right = "" if step.correct is None else f", {step.correct} of {step.samples} right"
        tell(f"ladder      {step.name}: outputs {100 * step.output_error:.2f} % off{right}")
    for row in found.activity:
        tell(f"activity    {row}")
    for bound in found.ranges:
        if bound.verdict != "proven":
            after = "" if bound.safe_steps is None else f", safe for {bound.safe_steps} steps"
            tell(f"ranges      {bound.population}.{bound.register}: {bound.verdict}{after}")
    proven = sum(bound.verdict == "proven" for bound in found.ranges)
    tell(f"ranges      {proven} of {len(found.ranges)} ports and registers proven to fit")
    for text in found.compiled.lowered.findings:
        tell(f"            {text}")
