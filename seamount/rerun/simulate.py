"""Run a deployed program on given inputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from seamount.build.result import Build
from seamount.build.score import Score, score_steps
from seamount.events import Event, Tell, lines_of, silent
from seamount.rerun.inputs import build_samples, folder_of, payloads
from seamount.samples import Data
from seamount.shards import PLAIN, Recording, Shards, simulate_in_shards
from seamount.showing import as_html, as_lines
from seamount.simulators import default_simulator, find_simulator, missing, require
from toolchain.frontend.graph import FloatArray
from toolchain.host.decode import at_last_step, step_numbers
from toolchain.ir.integer import IntArray
from toolchain.ir.storage import load_program
from toolchain.ir.trace import Trace, save_plain_trace


@dataclass(frozen=True, eq=False)
class Simulated:
    """What a run gave.

    Attributes:
        trace: every message (0/1 spikes or graded payloads) and register of every step.
        outputs: the first output (or that which y speaks of) once each input step is complete, (sample, step, neuron).
        classes: its greatest value at each sample's own last step, (sample,).
        score: against the labels; None without labels.
        by_output: the same of every output, by name.
    """

    trace: Trace
    outputs: IntArray | FloatArray
    classes: IntArray
    score: Score | None
    by_output: Mapping[str, IntArray | FloatArray] = field(default_factory=dict)

    def _rows(self) -> list[tuple[str, str]]:
        classes = ", ".join(map(str, self.classes[:12].tolist())) + (", ..." if len(self.classes) > 12 else "")
        rows = [("run", f"{self.trace.samples} samples x {self.trace.steps} steps on {self.trace.simulator}")]
        if self.score is not None:
            right, of = self.score.correct, self.score.counted
            rows.append(("accuracy", f"{right} of {of} right ({100 * right / of:.2f} %)"))
        rows += [("classes", classes), ("outputs", f"{self.outputs.shape}, at each step")]
        return [*rows, *(("overflow", f"{key}: {n:,} values") for key, n in sorted(self.trace.overflows.items()))]

    def __repr__(self) -> str:
        """The run in a few lines."""
        return as_lines("Simulated", self._rows())

    def _repr_html_(self) -> str:
        """The same as a table, for notebooks."""
        return as_html("Simulated", self._rows())

    def as_dict(self) -> dict[str, Any]:
        """Extent, decisions and what overflowed, as plain data; the trace itself is in no JSON."""
        right = None if self.score is None else {"correct": self.score.correct, "of": self.score.counted}
        return {
            "simulator": self.trace.simulator,
            "samples": self.trace.samples,
            "steps": self.trace.steps,
            "classes": self.classes.tolist(),
            "accuracy": right,
            "overflows": dict(self.trace.overflows),
        }


def simulate(
    build: Build | Path | str,
    inputs: Data,
    *,
    trace: Path | str | None = None,
    simulator: str | None = None,
    strict: bool = True,
    tell: Tell = silent,
    shards: Shards = PLAIN,
) -> Simulated:
    """Run a deployed program on inputs.

    Args:
        build: that `deploy` made, or its folder.
        inputs: an array (sample, step, channel) or (sample, step, *shape of the network's input), uint8 symbols
            (sample, step), a mapping with x (or an array for each Input) and, if there, y and lengths, or the path of
            an npz file of them. They are rounded, and clipped or refused where they lie beyond the input's range, by
            the settings of the build.
        trace: npz to write, with every message and register as plain arrays (messages/NODE, (sample, step, neuron)).
        simulator: fast (by default), reference, accelerator, lava or onnx; all give the same to the last bit.
        strict: a register that overflows is an error; otherwise it is counted.
        tell: is called with each `Event` of the run.
        shards: where samples are simulated; changes nothing that is returned.

    Raises:
        InputError: the folder, the inputs or the simulator's name.
        MissingPartError: the simulator is not installed.
        OverflowTrapError: in strict mode.

    >>> build = deploy("net.nir", "build/net", calibrate=x, labels=y, compared=2)
    >>> simulate(build, x).outputs.shape
    (8, 20, 3)
    """
    folder = folder_of(build)
    name = simulator or default_simulator()
    find_simulator(name)
    require(name, missing(name))
    program = load_program(folder.program)
    samples = build_samples(folder, program, inputs)
    given = payloads(folder, program, samples, tell)
    recording = Recording(everything=True, strict=strict)
    found = simulate_in_shards(program, given, name, recording, shards, lines_of(tell, "simulate"))
    if trace is not None:
        save_plain_trace(found, Path(trace))
    by_output = {output.name: step_numbers(program, found, output) for output in program.outputs}
    outputs = by_output[program.output(samples.output).name]
    score = None
    for part in samples.by_output():
        if part.y is None:
            continue
        name = program.output(part.output).name
        own = score_steps(by_output[name], part)
        score = own if part.output == samples.output else score
        text = f"{own.correct} of {own.counted} right ({100 * own.correct / own.counted:.2f} %)"
        where = f"{name}: " if len(program.outputs) > 1 else ""
        tell(Event("accuracy", where + text, {"output": name, "correct": own.correct, "of": own.counted}))
    for key, count in sorted(found.overflows.items()):
        tell(Event("overflow", f"{key}: {count} values did not fit", {"where": key, "values": count}))
    classes: IntArray = at_last_step(outputs, samples.lengths).argmax(axis=1)
    return Simulated(found, outputs, classes, score, by_output)
