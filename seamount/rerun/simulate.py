"""`seamount simulate`: run a deployed program on given inputs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from seamount.build.folder import BuildFolder, read_manifest
from seamount.build.score import score_steps
from seamount.samples import read_samples
from seamount.shards import PLAIN, Recording, Shards, simulate_in_shards
from seamount.simulators import find_simulator, missing
from toolchain.errors import MissingPartError
from toolchain.ir.storage import load_program
from toolchain.ir.trace import save_trace
from toolchain.lower.decode import step_outputs
from toolchain.lower.encode import encode


def simulate_build(
    folder: BuildFolder,
    inputs: Path,
    trace: Path,
    simulator: str,
    strict: bool,
    tell: Callable[[str], None],
    shards: Shards = PLAIN,
) -> None:
    """Run a program and write its trace, with every message and register.

    Args:
        folder: that deploy wrote.
        inputs: npz with ``x`` (sample, step, channel) or symbols (sample, step) and, optionally, ``y`` and ``lengths``.
        trace: npz to write.
        simulator: its name.
        strict: an overflow is an error; otherwise it is counted.
        tell: is called with each line about the run.
        shards: where samples are simulated; changes nothing that is written.

    Raises:
        InputError: the folder, the inputs or the simulator's name.
        MissingPartError: the simulator is not installed.
        OverflowTrapError: in strict mode.
    """
    read_manifest(folder)
    program = load_program(folder.program)
    find_simulator(simulator)
    if reason := missing(simulator):
        what, _, remedy = reason.partition("; ")
        raise MissingPartError(simulator, what, remedy)
    samples = read_samples(inputs, program.inputs[0].size)
    payload, error = encode(program.inputs[0], samples.values())
    if error > 0:
        tell(f"inputs are rounded to 2^-{program.inputs[0].exponent}, at most {error:.3g} off")
    given = {program.inputs[0].name: payload}
    found = simulate_in_shards(program, given, simulator, Recording(everything=True, strict=strict), shards, tell)
    save_trace(found, trace)
    if samples.y is not None:
        score = score_steps(step_outputs(program, found), samples)
        tell(f"{score.correct} of {score.counted} right ({100 * score.correct / score.counted:.2f} %)")
    for key, count in sorted(found.overflows.items()):
        tell(f"{key}: {count} values did not fit")
