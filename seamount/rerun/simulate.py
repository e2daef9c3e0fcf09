"""Run a deployed program on given inputs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from seamount.build.result import Build
from seamount.build.score import Score, score_steps
from seamount.events import Event, Tell, lines_of, silent
from seamount.rerun.inputs import build_samples, folder_of, payloads
from seamount.samples import Data
from seamount.shards import PLAIN, Recording, Shards, simulate_in_shards
from seamount.simulators import default_simulator, find_simulator, missing, require
from toolchain.frontend.graph import FloatArray
from toolchain.host.decode import at_last_step, step_numbers
from toolchain.ir.integer import IntArray
from toolchain.ir.storage import load_program
from toolchain.ir.trace import Trace, save_trace


@dataclass(frozen=True, eq=False)
class Simulated:
    """What a run gave.

    Attributes:
        trace: every message (0/1 spikes or graded payloads) and register of every step.
        outputs: the first output once each input step is complete, (sample, step, neuron) integers.
        classes: its greatest value at each sample's own last step, (sample,).
        score: against the labels; None without labels.
    """

    trace: Trace
    outputs: IntArray | FloatArray
    classes: IntArray
    score: Score | None


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
            (sample, step), a mapping with x and, if there, y and lengths, or the path of an npz file of them. They are
            rounded, and clipped or refused where they lie beyond the input's range, by the settings of the build.
        trace: npz to write, with every message and register.
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
        save_trace(found, Path(trace))
    outputs = step_numbers(program, found)
    score = None if samples.y is None else score_steps(outputs, samples)
    if score is not None:
        text = f"{score.correct} of {score.counted} right ({100 * score.correct / score.counted:.2f} %)"
        tell(Event("accuracy", text, {"correct": score.correct, "of": score.counted}))
    for key, count in sorted(found.overflows.items()):
        tell(Event("overflow", f"{key}: {count} values did not fit", {"where": key, "values": count}))
    classes: IntArray = at_last_step(outputs, samples.lengths).argmax(axis=1)
    return Simulated(found, outputs, classes, score)
