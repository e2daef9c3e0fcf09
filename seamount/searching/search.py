"""`seamount search`: the cheapest widths, layer by layer, that lose no more accuracy than allowed."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

from seamount.network import Source
from seamount.searching.work import Job, choice_samples, evaluate, unit_name
from toolchain.engine import Unit, run_units
from toolchain.files import write_text
from toolchain.frontend.conventions import conventions_for
from toolchain.quantize.settings import Settings
from toolchain.search import Found, Measured, search, space_of
from toolchain.search.figure import found_figure
from toolchain.search.measured import Minimize
from toolchain.search.table import found_dict, found_text
from toolchain.units.collapse import find_network
from toolchain.units.network import Network

Tell = Callable[[str], None]
UNITS = "units"


class Bench:
    """Measures settings as units of work, and keeps what was measured.

    Args:
        job: what all of them share.
        engine, workers: where units run.
        folder: keeps each result.
        tell: is called with a line a batch.
    """

    def __init__(self, job: Job, engine: str, workers: int | None, folder: Path, tell: Tell) -> None:
        self.job, self.engine, self.workers, self.folder, self.tell = job, engine, workers, folder, tell
        self.done = 0

    def measure(self, settings: Sequence[Settings], part: str = "choice") -> list[Measured]:
        """Measure programs of these settings on a part of the data."""
        given = [self.job.arguments(one, part) for one in settings]
        units = [Unit(unit_name(arguments), arguments) for arguments in given]
        found = run_units(evaluate, units, engine=self.engine, workers=self.workers, folder=self.folder, tell=self.tell)
        self.done += len(found)
        self.tell(f"measured    {len(found)} choices of widths on the {part} part, {self.done} in all")
        return [Measured.from_dict(one) for one in found]


def search_widths(
    job: Job, start: Settings, minimize: Minimize, loss_points: float, bench: Bench
) -> tuple[Found, dict[str, Measured]]:
    """Search, then measure the start and what was chosen once on the test part, where there is one.

    Raises:
        ToolchainError: of any stage.
    """
    source = job.source()
    choice_samples(source, job)
    found = search(space_of(_network(source, job), start), bench.measure, minimize, loss_points)
    tested: dict[str, Measured] = {}
    if source.test.y is not None and (source.task or job.test):
        both = bench.measure([start, found.space.settings(found.chosen)], "test")
        tested = dict(zip(("start", "chosen"), both, strict=True))
    return found, tested


def _network(source: Source, job: Job) -> Network:
    graph = source.graph
    conventions = conventions_for(graph, job.convention or None, dt=job.dt or None)
    return find_network(graph, conventions)


def write_found(found: Found, tested: dict[str, Measured], folder: Path) -> None:
    """Write settings.json (for `seamount deploy --settings`), search.json, search.txt and pareto.svg."""
    settings = found.space.settings(found.chosen).as_dict()
    write_text(folder / "settings.json", json.dumps(settings, indent=1) + "\n")
    write_text(folder / "search.json", json.dumps(found_dict(found, tested), indent=1) + "\n")
    write_text(folder / "search.txt", found_text(found, tested))
    write_text(folder / "pareto.svg", found_figure(found) + "\n")
