"""What rounding a network costs, where, and what its registers can hold."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from seamount.build.float_rung import NirNetwork, interpretable
from seamount.build.score import score_classes
from seamount.build.whole import is_read_stepwise, score_trace
from seamount.events import Event
from seamount.network import Source, find_source
from seamount.options import Options
from seamount.samples import Data, Samples, with_labels
from seamount.simulators import default_simulator, find_simulator
from toolchain.bounds.prove import ProvenRange, prove
from toolchain.frontend.conventions import conventions_for
from toolchain.frontend.graph import FloatArray
from toolchain.host.decode import output_probe, step_numbers
from toolchain.host.encode import encode_all, payloads_of
from toolchain.ir.integer import IntArray
from toolchain.ir.trace import Trace
from toolchain.lower.activity import ActivityRow, activity_rows, aligned_messages
from toolchain.lower.floating import float_network
from toolchain.lower.ladder import Ladder, Rung, climb
from toolchain.lower.pipeline import Compiled, compile_graph
from toolchain.lower.rest import PoleRow, pole_rows
from toolchain.quantize.settings import Settings


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

    def events(self) -> list[Event]:
        """The findings in a few lines."""
        found = [*self._accuracy_events(), *self._ladder_events()]
        for row in self.activity:
            found.append(Event("activity", str(row), asdict(row)))
        for bound in self.ranges:
            if bound.verdict != "proven":
                after = "" if bound.safe_steps is None else f", safe for {bound.safe_steps} steps"
                found.append(Event("ranges", f"{bound.population}.{bound.register}: {bound.verdict}{after}"))
        proven = sum(bound.verdict == "proven" for bound in self.ranges)
        text = f"{proven} of {len(self.ranges)} ports and registers proven to fit"
        found.append(Event("ranges", text, {"proven": proven, "of": len(self.ranges)}))
        return found + [Event("lower", text, detail=True) for text in self.compiled.lowered.findings]

    def _accuracy_events(self) -> list[Event]:
        test, every = self.source.test, self.source.test_samples
        total = int(test.counted_steps.sum()) if test.per_step else len(test)
        part = f" of {len(test)} of {every} test samples, spread evenly" if len(test) < every else ""
        return [
            Event(
                "accuracy",
                f"{rung}: {correct} of {total} ({100 * correct / total:.2f} %){part}",
                {"rung": rung, "correct": correct, "of": total},
            )
            for rung, correct in self.accuracy.items()
        ]

    def _ladder_events(self) -> list[Event]:
        found = []
        for step in sorted(self.ladder, key=lambda rung: rung.output_error):
            right = "" if step.correct is None else f", {step.correct} of {step.samples} right"
            text = f"{step.name}: outputs {100 * step.output_error:.2f} % off{right}"
            found.append(Event("ladder", text, asdict(step)))
        return found


def quantize(
    model: Any,
    *,
    calibrate: Data | None = None,
    labels: Any = None,
    test: Data | None = None,
    explain: bool = False,
    options: Options | None = None,
    **changes: Any,
) -> Quantized:
    """Quantize a network and measure what it cost: accuracies, a ladder of roundings, what every register can hold.

    Args:
        model, calibrate, labels, test: as for `deploy`.
        explain: round one tensor at a time as well, and so name what costs.
        options: of them settings, convention and dt; see `Options`.
        changes: options by name, in place of those in `options`.

    Returns:
        Rows: `.accuracy` (right decisions by rung), `.ladder` (outputs' error as a share), `.activity` (spikes a neuron
        and step), `.ranges` (bits), `.poles`; `.events()` in words, `.as_dict()` as plain data.

    Raises:
        ToolchainError: of any stage, as `deploy`.

    >>> found = quantize("net.nir", calibrate=x, labels=y)
    >>> sorted(found.accuracy)
    ['integer', 'nir']
    """
    options = (options or Options()).with_changes(changes)
    return quantize_source(find_source(model, with_labels(calibrate, labels), test), options, explain)


def quantize_source(source: Source, options: Options, explain: bool) -> Quantized:
    """Quantize a network with its data; see `quantize`.

    The ladder runs on the calibration data, so that nothing is chosen on the test data; of the test data only the
    accuracies are taken.

    Raises:
        ToolchainError: of any stage.
    """
    source = source.restricted(interpretable(source.graph, source.test))
    data = source.calibration.values()
    settings, each = options.chosen_settings(source.settings), source.test.stepwise_outputs
    conventions = conventions_for(source.graph, options.convention, dt=options.dt)
    compiled = compile_graph(
        source.graph,
        conventions,
        data,
        settings=settings.for_labels(bool(each) or source.test.per_step, each),
        name=source.name,
    )
    nir = NirNetwork(source.graph, conventions, compiled.lowered.program)
    accuracy = {} if source.test.y is None else _accuracy(source, compiled, nir)
    ladder = Ladder(
        float_network(compiled.network),
        data,
        _classes(source.calibration),
        compiled.lowered.program.output(source.calibration.output),
    )
    rungs = climb(ladder, compiled.lowered) if explain else [ladder.top()]
    trace = _simulated(compiled, source.calibration, True)
    messages = aligned_messages(compiled.lowered.program, compiled.network, trace, source.calibration.steps)
    rungs.append(ladder.measured("integer program", _outputs(compiled, trace, source.calibration.output), messages))
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


def _accuracy(source: Source, compiled: Compiled, nir: NirNetwork) -> dict[str, int]:
    """Correct decisions on the test data, by rung."""
    test, program = source.test, compiled.lowered.program
    found = {}
    if source.float_classes is not None:
        found["float"] = score_classes(source.float_classes(test.values()), test).correct
    found["nir"] = nir.score(test).correct
    trace = _simulated(compiled, test, is_read_stepwise(program, test))
    return found | {"integer": score_trace(program, trace, test).correct}


def _classes(samples: Samples) -> IntArray | None:
    """One label a sample for the ladder, which reads its outputs at the last step."""
    return None if samples.per_step or samples.lengths is not None else samples.y


def _simulated(compiled: Compiled, samples: Samples, record: bool) -> Trace:
    program = compiled.lowered.program
    given = payloads_of(encode_all(program, samples.values()))
    read = [output_probe(program, output) for output in program.outputs] if record else []
    probes = tuple(dict.fromkeys(probe for probe in read if probe is not None))
    return find_simulator(default_simulator())(program, given, probes=probes, record_messages=record, strict=False)


def _outputs(compiled: Compiled, trace: Trace, output: str) -> FloatArray:
    """What the host reads of an output at the last step, in the float network's units, (sample, neuron)."""
    program = compiled.lowered.program
    return step_numbers(program, trace, program.output(output))[:, -1]
