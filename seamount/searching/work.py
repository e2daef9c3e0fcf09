"""One unit of a search: compile a network with given settings, run it on given samples, count and place it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from seamount.build.float_rung import NirNetwork, interpretable
from seamount.build.job import Placed
from seamount.build.score import Score, score_steps
from seamount.build.whole import Whole, run_whole
from seamount.given import samples_of
from seamount.network import Source, find_source
from seamount.ports import Ports
from seamount.samples import Samples, spread
from seamount.shards import PLAIN
from seamount.simulators import default_simulator
from toolchain.engine import JSON
from toolchain.engine.keep import file_hash
from toolchain.errors import InputError, PlacementError, QuantizationError, UnsupportedError, VerificationError
from toolchain.frontend.conventions import Conventions, conventions_for
from toolchain.frontend.graph import FloatArray
from toolchain.host.decode import at_last_step
from toolchain.ir.program import Program
from toolchain.lower.calibrate import Calibration
from toolchain.lower.pipeline import calibrated, compile_network
from toolchain.mapping import load_target, place
from toolchain.passes.pipeline import run_passes
from toolchain.quantize.settings import Settings
from toolchain.report import count_run, estimate, load_costs
from toolchain.search import Measured
from toolchain.units.collapse import find_network
from toolchain.units.network import Network

REFUSALS = (QuantizationError, PlacementError, UnsupportedError, VerificationError)
"""What settings may meet that give no program."""


@dataclass(frozen=True)
class SearchJob:
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

    def with_hashes(self) -> SearchJob:
        """The job with the hashes of its files, and of the network's."""
        named = [text for text in (self.calibrate, self.validate, self.test) if text]
        read = self.source().file
        paths = [*([] if read is None else [read]), *map(Path, named)]
        if Path(self.target).is_file():
            paths.append(Path(self.target))
        return replace(self, files=tuple(sorted({path.name: file_hash(path) for path in paths}.items())))

    def source(self) -> Source:
        """The network and its data."""
        return find_source(self.model, self.calibrate or None, self.test or None)

    def conventions(self, source: Source) -> Conventions:
        """What NIR leaves open, as it is filled."""
        return conventions_for(source.graph, self.convention or None, dt=self.dt or None)

    def arguments(self, settings: Settings, part: str) -> dict[str, JSON]:
        """Arguments of `evaluate`; `part` is "choice" or "test"."""
        shared = {name: value for name, value in vars(self).items() if name != "files"}
        return {"job": shared | {"files": dict(self.files)}, "settings": settings.as_dict(), "part": part}


def evaluate(arguments: dict[str, JSON]) -> dict[str, JSON]:
    """Measure one choice of widths: `Measured` as plain data."""
    given: Any = arguments
    context = context_of(SearchJob(**given["job"] | {"files": tuple(sorted(given["job"]["files"].items()))}))
    try:
        found = _measured(context, given["part"], Settings.from_dict(given["settings"]))
    except REFUSALS as error:
        found = Measured(refused=str(error))
    return found.as_dict()


@dataclass(frozen=True, eq=False)
class Floats:
    """What the float network makes of some samples: its score, and its outputs at their last steps (sample, neuron)."""

    samples: Samples
    score: Score
    outputs: FloatArray


class Context:
    """A network read and calibrated once, and its float outputs."""

    def __init__(self, job: SearchJob) -> None:
        self.job = job
        self.source = job.source()
        self.conventions: Conventions = job.conventions(self.source)
        graph = self.source.graph
        self.network: Network = find_network(graph, self.conventions)
        data = self.source.calibration.values()
        self.calibration: Calibration = calibrated(self.network, data, Settings())
        self.target = load_target(job.target)
        self.parts: dict[str, Floats] = {}

    def part(self, name: str, program: Program) -> Floats:
        """The samples that choices are made on ("choice"), or of the test part ("test"), with the float outputs.

        Args:
            name: which.
            program: any of the network's programs; says how an output is read, which no width changes.
        """
        if name not in self.parts:
            samples = self.source.test if name == "test" else choice_samples(self.source, self.job)
            self.parts[name] = self._floats(measurable(self.source, samples), program)
        return self.parts[name]

    def _floats(self, samples: Samples, program: Program) -> Floats:
        scores, last = [], []
        for part, outputs in NirNetwork(self.source.graph, self.conventions, program).outputs(samples):
            scores.append(score_steps(outputs, part))
            last.append(at_last_step(outputs, part.lengths))
        return Floats(samples, sum(scores[1:], scores[0]), np.concatenate(last))

    def placed(self, settings: Settings) -> Placed:
        """The network with these settings, compiled and placed."""
        compiled = compile_network(self.network, self.calibration, settings, self.source.name)
        most = self.target.sources_per_neuron
        passed = run_passes(compiled.lowered.program, self.job.passes, lambda remark: None, max_sources=most)
        program, shifts = passed.program, passed.shifts
        placement = place(program, self.target)
        return Placed(self.source, self.conventions, settings, compiled, program, shifts, self.target, placement)


@lru_cache(maxsize=1)
def context_of(job: SearchJob) -> Context:
    """The context of a job; a worker makes it once."""
    return Context(job)


def choice_samples(source: Source, job: SearchJob) -> Samples:
    """Labelled samples to make choices on: never the test part.

    Of a task the validation part, then as much of the training part as `job.samples` leaves room for, spread evenly;
    of a file what `validate` names, by default the calibration data.

    Raises:
        InputError: the data have no labels.
    """
    chosen = source.validation(job.samples)
    if job.validate:
        chosen = samples_of(job.validate, Ports.of_graph(source.graph)).chosen(slice(job.samples))
    if chosen.y is None:
        raise InputError(job.validate or job.calibrate, "has no labels y", "add them, or give --validate data.npz")
    return chosen


def measurable(source: Source, samples: Samples) -> Samples:
    """As many of them, spread evenly, as the float interpreter runs in about a minute."""
    most = interpretable(source.graph, samples)
    return samples if most >= len(samples) else samples.chosen(spread(len(samples), most))


def _measured(context: Context, part: str, settings: Settings) -> Measured:
    placed = context.placed(settings)
    floats = context.part(part, placed.program)
    whole = run_whole(placed, floats.samples, default_simulator(), PLAIN, lambda line: None)
    assert whole.score is not None
    measured = Measured(
        samples=whole.score.counted,
        right=whole.score.correct,
        float_right=floats.score.correct,
        output_error=_error(whole.outputs, floats.outputs),
    )
    return _with_costs(measured, placed, whole)


def _with_costs(measured: Measured, placed: Placed, whole: Whole) -> Measured:
    counts = count_run(placed.program, whole.trace, placed.placement, placed.target)
    found = estimate(counts, load_costs(placed.target.cost_tables[0]), placed.placement.chips)
    words = sum(core.usage.core_words for core in placed.placement.cores)
    return replace(
        measured,
        energy_j=found.per_inference(found.total).nominal,
        memory_bytes=words * placed.target.word_bits.whole // 8,
        synops=counts.per_inference("synops_nonzero"),
        cores=len(placed.placement.cores),
    )


def _error(outputs: FloatArray, wanted: FloatArray) -> float:
    power = float(np.sqrt(np.mean(np.square(wanted)))) or 1.0
    return float(np.sqrt(np.mean(np.square(outputs - wanted)))) / power


def unit_name(arguments: dict[str, JSON]) -> str:
    """A file name that no other arguments have."""
    return "w" + hashlib.sha256(json.dumps(arguments, sort_keys=True).encode()).hexdigest()[:20]
