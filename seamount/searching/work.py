"""One unit of a search: compile a network with given settings, run it on given samples, count and place it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from seamount.network import Source, find_source, input_channels
from seamount.samples import Samples, read_samples
from seamount.simulators import default_simulator, find_simulator
from toolchain.engine import JSON
from toolchain.engine.keep import file_hash
from toolchain.errors import InputError, PlacementError, QuantizationError, UnsupportedError, VerificationError
from toolchain.frontend.conventions import Conventions, conventions_for
from toolchain.frontend.execute import run
from toolchain.frontend.graph import FloatArray
from toolchain.ir.integer import IntArray
from toolchain.ir.program import Program
from toolchain.ir.trace import Trace
from toolchain.lower.calibrate import Calibration, calibrate
from toolchain.lower.encode import decide, encode, output_values
from toolchain.lower.pipeline import compile_network
from toolchain.mapping import Placement, load_target, place
from toolchain.passes.pipeline import run_passes
from toolchain.quantize.scales import Scheme
from toolchain.quantize.settings import Settings
from toolchain.report import count_run, estimate, load_costs
from toolchain.search import Measured
from toolchain.units.collapse import find_network
from toolchain.units.network import Network

REFUSALS = (QuantizationError, PlacementError, UnsupportedError, VerificationError)
"""What settings may meet that give no program."""


@dataclass(frozen=True)
class Job:
    """What all units of a search share; all of it plain, so that it can travel.

    Attributes:
        model, calibrate, validate, test: as typed; paths or "".
        convention, dt: in place of the file's.
        target, passes: of the compiler.
        samples: most that choices are made on.
        files: sha256 by path of what was read, so that other content is other work.
    """

    model: str
    calibrate: str = ""
    validate: str = ""
    test: str = ""
    convention: str = ""
    dt: float = 0.0
    target: str = "loihi2"
    passes: str = ""
    samples: int = 2048
    files: tuple[tuple[str, str], ...] = ()

    def with_hashes(self) -> Job:
        """The job with the hashes of its files, and of the network's."""
        named = [text for text in (self.calibrate, self.validate, self.test) if text]
        paths = [self.source().file, *map(Path, named)]
        if Path(self.target).is_file():
            paths.append(Path(self.target))
        return replace(self, files=tuple(sorted({path.name: file_hash(path) for path in paths}.items())))

    def source(self) -> Source:
        """The network and its data."""
        paths = (Path(text) if text else None for text in (self.calibrate, self.test))
        return find_source(self.model, *paths)

    def arguments(self, settings: Settings, part: str) -> dict[str, JSON]:
        """Arguments of `evaluate`; `part` is "choice" or "test"."""
        shared = {name: value for name, value in vars(self).items() if name != "files"}
        return {"job": shared | {"files": dict(self.files)}, "settings": settings.as_dict(), "part": part}


def evaluate(arguments: dict[str, JSON]) -> dict[str, JSON]:
    """Measure one choice of widths: `Measured` as plain data."""
    given: Any = arguments
    job = Job(**given["job"] | {"files": tuple(sorted(given["job"]["files"].items()))})
    context = context_of(job)
    try:
        found = _measured(context, context.part(given["part"]), Settings.from_dict(given["settings"]))
    except REFUSALS as error:
        found = Measured(refused=str(error))
    return found.as_dict()


@dataclass(frozen=True, eq=False)
class Floats:
    """What the float network makes of some samples: what the host reads, (sample, neuron), and how many are right."""

    samples: Samples
    labels: IntArray
    outputs: FloatArray
    right: int


class Context:
    """A network read and calibrated once, and its float outputs."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.source = job.source()
        self.graph = self.source.graph
        self.conventions: Conventions = conventions_for(self.graph, job.convention or None, dt=job.dt or None)
        self.network: Network = find_network(self.graph, self.conventions)
        data = self.source.calibration.values()
        self.calibration: Calibration = calibrate(self.network, data)
        self.target = load_target(job.target)
        self.parts: dict[str, Floats] = {}

    def part(self, name: str) -> Floats:
        """The samples that choices are made on ("choice"), or the test part ("test"), with the float outputs."""
        if name not in self.parts:
            samples = self.source.test if name == "test" else choice_samples(self.source, self.job)
            self.parts[name] = self._floats(samples)
        return self.parts[name]

    def _floats(self, samples: Samples) -> Floats:
        assert samples.y is not None
        outputs, _ = run(self.graph, samples.values(), self.conventions)
        flat = outputs.reshape(*outputs.shape[:2], -1)
        last = bool(self.network.unit(self.network.outputs[0]).output_register)
        read: FloatArray = flat[:, -1] if last else np.count_nonzero(flat, axis=1).astype(np.float64)
        return Floats(samples, samples.y, read, _right(read.argmax(axis=1), samples.y))


@lru_cache(maxsize=1)
def context_of(job: Job) -> Context:
    """The context of a job; a worker makes it once."""
    return Context(job)


def choice_samples(source: Source, job: Job) -> Samples:
    """Labelled samples to make choices on: never the test part.

    Of the zoo the validation part, then as much of the training part as `job.samples` leaves room for, spread evenly;
    of a file what `validate` names, by default the calibration data.

    Raises:
        InputError: the data have no labels.
    """
    if source.task:
        return _of_task(source.task, job.samples)
    chosen = source.calibration
    if job.validate:
        chosen = read_samples(Path(job.validate), input_channels(source.graph))
    if chosen.y is None:
        raise InputError(job.validate or job.calibrate, "has no labels y", "add them, or give --validate data.npz")
    return chosen.chosen(slice(job.samples))


def _of_task(name: str, most: int) -> Samples:
    from models.tasks import load_task

    task = load_task(name)
    own, room = task.validation, max(0, most - len(task.validation))
    spread = np.unique(np.linspace(0, len(task.train) - 1, min(len(task.train), room)).astype(np.int64))
    x = np.concatenate([own.inputs[:most], task.train.inputs[spread]])
    return Samples(x.astype(np.float64), np.concatenate([own.labels[:most], task.train.labels[spread]]))


def _measured(context: Context, floats: Floats, settings: Settings) -> Measured:
    compiled = compile_network(context.network, context.calibration, settings, context.source.name)
    most = context.target.sources_per_neuron
    program = run_passes(compiled.lowered.program, context.job.passes, lambda remark: None, max_sources=most).program
    placement = place(program, context.target)
    payload, _ = encode(program.inputs[0], floats.samples.values())
    inputs = {program.inputs[0].name: payload}
    trace = find_simulator(default_simulator())(program, inputs, record_messages=False, strict=False)
    measured = Measured(
        samples=len(floats.labels),
        right=_right(decide(program, trace), floats.labels),
        float_right=floats.right,
        output_error=_error(_outputs(program, compiled.scheme, trace), floats.outputs),
    )
    return _with_costs(measured, context, program, placement, trace)


def _with_costs(measured: Measured, context: Context, program: Program, placement: Placement, trace: Trace) -> Measured:
    counts = count_run(program, trace, placement, context.target)
    found = estimate(counts, load_costs(context.target.cost_tables[0]), placement.chips)
    words = sum(core.usage.core_words for core in placement.cores)
    return replace(
        measured,
        energy_j=found.per_inference(found.total).nominal,
        memory_bytes=words * context.target.word_bits.whole // 8,
        synops=counts.per_inference("synops_nonzero"),
        cores=len(placement.cores),
    )


def _right(classes: IntArray, labels: IntArray) -> int:
    return int(np.count_nonzero(classes == labels))


def _outputs(program: Program, scheme: Scheme, trace: Trace) -> FloatArray:
    """What the host reads, in the float network's units, (sample, neuron)."""
    output = program.outputs[0]
    exponent = scheme.units[output.population].drive_exponent if output.register else 0
    return output_values(program, trace)[output.name] / 2.0**exponent


def _error(outputs: FloatArray, wanted: FloatArray) -> float:
    power = float(np.sqrt(np.mean(np.square(wanted)))) or 1.0
    return float(np.sqrt(np.mean(np.square(outputs - wanted)))) / power


def unit_name(arguments: dict[str, JSON]) -> str:
    """A file name that no other arguments have."""
    return "w" + hashlib.sha256(json.dumps(arguments, sort_keys=True).encode()).hexdigest()[:20]
