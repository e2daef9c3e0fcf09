"""The cheapest widths, layer by layer, that lose no more accuracy than allowed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from seamount.events import Event, Tell, lines_of, silent
from seamount.network import Source, graph_of
from seamount.options import Options
from seamount.ports import OWN_KEYS
from seamount.samples import Data, Samples
from seamount.searching.work import SearchJob, choice_samples, evaluate, measurable, unit_name
from toolchain.engine import WorkUnit, run_units
from toolchain.errors import InputError
from toolchain.files import write_npz, write_text
from toolchain.frontend.write import write_nir
from toolchain.quantize.settings import Settings
from toolchain.search import MINIMIZED, Found, Measured, space_of
from toolchain.search import search as search_space
from toolchain.search.figure import found_figure
from toolchain.search.table import found_dict, found_text
from toolchain.units.collapse import find_network

UNITS = "units"
GIVEN = "given"
"""In the folder of a search: what was measured, and what was given in memory."""


@dataclass(frozen=True, eq=False)
class Searched:
    """What a search of widths found.

    Attributes:
        folder: with settings.json (for `deploy`), search.json, search.txt and pareto.svg.
        settings: the widths that were chosen.
        found: every point that was measured, and the steps.
        tested: the start and what was chosen, measured once on the test part, where there is one.
    """

    folder: Path
    settings: Settings
    found: Found
    tested: dict[str, Measured]

    def as_dict(self) -> dict[str, Any]:
        """What search.json holds."""
        return found_dict(self.found, self.tested)

    def __str__(self) -> str:
        """As a table."""
        return found_text(self.found, self.tested)


def search(
    model: Any,
    out: Path | str | None = None,
    *,
    minimize: str = "energy",
    loss_points: float = 0.3,
    calibrate: Data | None = None,
    validate: Data | None = None,
    test: Data | None = None,
    samples: int = 2048,
    engine: str = "processes",
    workers: int | None = None,
    options: Options | None = None,
    tell: Tell = silent,
    **changes: Any,
) -> Searched:
    """Find the widths, layer by layer, of least energy or memory within a loss of accuracy; go on where it stopped.

    Args:
        model, calibrate, test: as for `deploy`; the calibration data need labels unless `validate` is given.
        out: folder of the search; ``build/search-<name>`` by default.
        minimize: "energy" (an inference, with static) or "memory" (of all cores).
        loss_points: points of accuracy (hundredths) that may be lost against the float network.
        validate: inputs and labels to choose on, in place of the calibration data.
        samples: most samples to choose on.
        engine, workers: "serial", "processes" or "ray", and how many programs are measured at once.
        options: of them settings (to begin with), convention, dt, target and passes; see `Options`.
        tell: is called with an `Event` for each batch.
        changes: options by name, in place of those in `options`.

    Raises:
        InputError: data without labels, an unknown option, a name that is none.
        ToolchainError: of any stage.

    >>> found = search("net.nir", "build/widths", calibrate={"x": x, "y": y}, loss_points=50, engine="serial")
    >>> found.settings.weight_bits
    8
    """
    if minimize not in MINIMIZED:
        raise InputError("--minimize", f"{minimize!r} is unknown", f"use {' or '.join(MINIMIZED)}")
    options = (options or Options()).with_changes(changes)
    kept = Path("build/search-network" if out is None else out) / GIVEN
    named = _model_file(model, kept)
    paths = [_data_file(data, kept / f"{name}.npz") for name, data in _parts(calibrate, validate, test)]
    job = SearchJob(
        named, paths[0], paths[1], paths[2], options.convention or "", options.dt or 0.0, options.target,
        options.passes, samples,
    ).with_hashes()  # fmt: skip
    source = job.source()
    folder = Path("build") / f"search-{source.name}" if out is None else Path(out)
    bench = Bench(job, engine, workers, folder / UNITS, tell)
    start = options.chosen_settings(source.settings)
    found = _searched(bench, source, start, minimize, loss_points)
    tested: dict[str, Measured] = {}
    chosen = found.space.settings(found.chosen)
    if source.test.y is not None and (source.task or job.test):
        tested = dict(zip(("start", "chosen"), bench.measure([start, chosen], "test"), strict=True))
    write_found(found, tested, folder)
    return Searched(folder, chosen, found, tested)


def _parts(calibrate: Data | None, validate: Data | None, test: Data | None) -> list[tuple[str, Data | None]]:
    return [("calibrate", calibrate), ("validate", validate), ("test", test)]


def _model_file(model: Any, folder: Path) -> str:
    """Units run in other processes and on other machines: a graph in memory goes into a file."""
    if isinstance(model, str | Path):
        return str(model)
    write_nir(graph_of(model), folder / "network.nir")
    return str(folder / "network.nir")


def _data_file(data: Data | None, path: Path) -> str:
    """And so do data in memory."""
    if data is None:
        return ""
    if isinstance(data, str | Path):
        return str(data)
    given = data.arrays() if isinstance(data, Samples) else data if isinstance(data, Mapping) else {"x": data}
    found = {name: np.asarray(values) for name, values in given.items() if values is not None}
    arrays = {name: array for name, array in found.items() if name in OWN_KEYS or array.dtype.kind in "fiub"}
    if any(array.dtype.kind == "O" for array in arrays.values()):
        raise InputError(path.stem, "holds Python objects where numbers are", "give arrays of numbers")
    write_npz(path, {}, arrays)
    return str(path)


class Bench:
    """Measures settings as units of work, and keeps what was measured.

    Args:
        job: what all of them share.
        engine, workers: where units run.
        folder: keeps each result.
        tell: is called with an event a batch.
    """

    def __init__(self, job: SearchJob, engine: str, workers: int | None, folder: Path, tell: Tell) -> None:
        self.job, self.engine, self.workers, self.folder, self.tell = job, engine, workers, folder, tell
        self.done = 0

    def measure(self, settings: Sequence[Settings], part: str = "choice") -> list[Measured]:
        """Measure programs of these settings on a part of the data."""
        given = [self.job.arguments(one, part) for one in settings]
        units = [WorkUnit(unit_name(arguments), arguments) for arguments in given]
        tell = lines_of(self.tell, "measured")
        found = run_units(evaluate, units, engine=self.engine, workers=self.workers, folder=self.folder, tell=tell)
        self.done += len(found)
        text = f"{len(found)} choices of widths on the {part} part, {self.done} in all"
        self.tell(Event("measured", text, {"part": part, "measured": len(found), "in_all": self.done}))
        return [Measured.from_dict(one) for one in found]


def _searched(bench: Bench, source: Source, start: Settings, minimize: Any, loss_points: float) -> Found:
    job, graph = bench.job, source.graph
    conventions = job.conventions(source)
    for part, given in (("choice", choice_samples(source, job)), ("test", source.test)):
        if (used := len(measurable(source, given))) < len(given):
            text = f"{used} of {len(given)} of the {part} part, as many as the float network runs in about a minute"
            bench.tell(Event("samples", text, {"part": part, "samples": used, "of": len(given)}))
    network = find_network(graph, conventions)
    return search_space(space_of(network, start), bench.measure, minimize, loss_points)


def write_found(found: Found, tested: dict[str, Measured], folder: Path) -> None:
    """Write settings.json (for `seamount deploy --settings`), search.json, search.txt and pareto.svg."""
    settings = found.space.settings(found.chosen).as_dict()
    write_text(folder / "settings.json", json.dumps(settings, indent=1) + "\n")
    write_text(folder / "search.json", json.dumps(found_dict(found, tested), indent=1) + "\n")
    write_text(folder / "search.txt", found_text(found, tested))
    write_text(folder / "pareto.svg", found_figure(found) + "\n")
