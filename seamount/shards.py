"""A test set in shards: simulated apart, on any engine, and joined to what one run would have returned."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import simulators.fast
from seamount.simulators import Simulate, find_simulator
from toolchain.engine import JSON, WorkUnit, check_engine, run_units, unit_threads
from toolchain.engine.keep import FILES, file_hash
from toolchain.errors import InputError, OverflowTrapError
from toolchain.files import read_npz, write_npz
from toolchain.folders import scratch
from toolchain.host.decode import output_probe
from toolchain.ir.integer import IntArray
from toolchain.ir.program import Program
from toolchain.ir.storage import load_program, save_program
from toolchain.ir.trace import Trace, join_traces, load_trace, save_trace
from toolchain.progress import advance, watched

SHARD_SAMPLES = 64
"""Enough for the fast simulator to run samples side by side; the same for every engine, so that any can go on."""

WATCHED_SAMPLES = 256
"""Samples between two reports of progress: a plain run is cut into such parts where somebody watches."""

Result = dict[str, JSON]


@dataclass(frozen=True)
class Shards:
    """How a test set is run.

    Attributes:
        engine: ``serial``, ``processes`` or ``ray``.
        workers: shards under way at once; by default one a core.
        resume: keeps the traces of finished shards, and where they are kept already they are not run again; every
            machine of a cluster must see it.
        samples: of a shard.

    Raises:
        InputError: unknown engine or bad workers.
        MissingPartError: the engine is not installed.
    """

    engine: str = "serial"
    workers: int | None = None
    resume: Path | None = None
    samples: int = SHARD_SAMPLES

    def __post_init__(self) -> None:
        """Say at once, and not after an hour of other work, that there is no such engine."""
        check_engine(self.engine, self.workers)

    @property
    def whole(self) -> bool:
        """Whether there is nothing to gain from shards."""
        return self.engine == "serial" and self.resume is None


PLAIN = Shards()


@dataclass(frozen=True)
class Recording:
    """What a run is asked for.

    ``everything`` is all messages and registers, ``messages`` the messages alone, ``outputs`` what the host reads at
    every step; else counts and the last values.
    """

    everything: bool = False
    messages: bool = False
    outputs: bool = False
    strict: bool = False


def simulate_in_shards(
    program: Program,
    inputs: Mapping[str, IntArray],
    simulator: str,
    recording: Recording,
    shards: Shards,
    tell: Callable[[str], None],
) -> Trace:
    """Run a program on many samples.

    Args:
        program: checked by the simulator.
        inputs: by input name, (sample, step, channel) integers.
        simulator: its name.
        recording: what the trace holds.
        shards: engine and folder; serial without a folder is one plain run.
        tell: is called with a line for each shard.

    Returns:
        The trace that a plain run returns, bit for bit.

    Raises:
        ToolchainError: as `run_units`, and what the simulator raises.
    """
    if shards.whole:
        return _in_view(find_simulator(simulator), program, inputs, recording)
    with _folder(shards.resume) as folder:
        units = _units(program, inputs, simulator, recording, folder, shards.samples)
        done: list[str] = []

        def count(unit: WorkUnit, result: Result) -> None:
            done.append(unit.name)
            tell(f"            {unit.name} is done, {len(done)} of {len(units)}")

        results = run_units(
            simulate_shard, units, engine=shards.engine, workers=shards.workers, folder=folder, on_done=count, tell=tell
        )
        return join_traces([load_trace(_trace_file(result)) for result in results])


def simulate_shard(arguments: Result) -> Result:
    """The work: simulate the shard in a file, write its trace."""
    program, inputs, trace = (Path(str(arguments[name])) for name in ("program", "inputs", "trace"))
    for name, path in (("program", program), ("inputs", inputs)):
        if file_hash(path) != arguments[f"{name}_sha256"]:
            raise InputError(str(path), "is not what it was when the run began", "give every run its own folder")
    _, arrays = read_npz(inputs)
    simulator = str(arguments["simulator"])
    run = find_simulator(simulator)
    if simulator == simulators.fast.NAME:
        run = partial(simulators.fast.simulate, threads=unit_threads())
    asked = {name: bool(arguments[name]) for name in ("everything", "messages", "outputs", "strict")}
    recording = Recording(**asked)
    save_trace(_run(run, load_program(program), arrays, recording), trace)
    return {FILES: {str(trace): file_hash(trace)}}


def _in_view(run: Simulate, program: Program, inputs: Mapping[str, IntArray], recording: Recording) -> Trace:
    """One plain run; in parts where somebody watches, so that there is something to report."""
    total = len(next(iter(inputs.values())))
    if not watched() or total <= WATCHED_SAMPLES:
        return _run(run, program, inputs, recording)
    traces = []
    for start in range(0, total, WATCHED_SAMPLES):
        advance("simulate", start, total)
        part = {name: values[start : start + WATCHED_SAMPLES] for name, values in inputs.items()}
        try:
            traces.append(_run(run, program, part, recording))
        except OverflowTrapError:
            return _run(run, program, inputs, recording)  # whose error names the first overflow of all samples
    advance("simulate", total, total)
    return join_traces(traces)


def _run(run: Simulate, program: Program, inputs: Mapping[str, IntArray], recording: Recording) -> Trace:
    probes = [output_probe(program, output) for output in program.outputs] if recording.outputs else []
    read = tuple(dict.fromkeys(probe for probe in probes if probe is not None))
    return run(
        program,
        inputs,
        probes=program.all_probes() if recording.everything else read,
        record_messages=recording.everything or recording.messages or None in probes,
        strict=recording.strict,
    )


@contextmanager
def _folder(resume: Path | None) -> Iterator[Path]:
    """The folder of the shards; a passing one where nothing is to be kept."""
    if resume is not None:
        yield resume.resolve()
        return
    with scratch("shards") as folder:
        yield folder


def _units(
    program: Program, inputs: Mapping[str, IntArray], simulator: str, recording: Recording, folder: Path, samples: int
) -> list[WorkUnit]:
    """One unit a shard; its files are written here, and are the same whenever they are written again."""
    save_program(program, folder / "program.npz")
    shared: Result = {
        "program": str(folder / "program.npz"),
        "program_sha256": file_hash(folder / "program.npz"),
        "simulator": simulator,
        "everything": recording.everything,
        "messages": recording.messages,
        "outputs": recording.outputs,
        "strict": recording.strict,
    }
    units = []
    total = len(next(iter(inputs.values())))
    for start in range(0, total, samples):
        end = min(start + samples, total)
        name = f"samples_{start:06d}_{end - 1:06d}"
        file, trace = folder / f"{name}.inputs.npz", folder / f"{name}.trace.npz"
        write_npz(file, {}, {key: values[start:end] for key, values in inputs.items()})
        own: Result = {"inputs": str(file), "inputs_sha256": file_hash(file), "trace": str(trace)}
        units.append(WorkUnit(name, shared | own))
    return units


def _trace_file(result: Result) -> Path:
    files = result[FILES]
    if not isinstance(files, dict):
        raise InputError("shard", "lists no trace", "run it again with another folder")
    return Path(next(iter(files)))
