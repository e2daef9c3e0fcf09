"""`seamount search`: the cheapest widths, layer by layer, that lose no more accuracy than allowed."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated

import typer

from toolchain.cli.quantize import read_settings
from toolchain.cli.search_work import Job, choice_samples, evaluate, unit_name
from toolchain.cli.source import Source
from toolchain.engine import Unit, run_units
from toolchain.errors import InputError
from toolchain.files import write_text
from toolchain.frontend.conventions import conventions_for
from toolchain.frontend.ssm import find_ssm_blocks
from toolchain.frontend.units import Network, find_network
from toolchain.passes.pipeline import DEFAULT
from toolchain.quantize.settings import Settings
from toolchain.search import MINIMIZED, Found, Measured, search, space_of
from toolchain.search.figure import found_figure
from toolchain.search.measured import Minimize
from toolchain.search.table import found_dict, found_text

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
    return find_network(graph, find_ssm_blocks(graph, conventions), conventions)


def write_found(found: Found, tested: dict[str, Measured], folder: Path) -> None:
    """Write settings.json (for `seamount deploy --settings`), search.json, search.txt and pareto.svg."""
    settings = found.space.settings(found.chosen).as_dict()
    write_text(folder / "settings.json", json.dumps(settings, indent=1) + "\n")
    write_text(folder / "search.json", json.dumps(found_dict(found, tested), indent=1) + "\n")
    write_text(folder / "search.txt", found_text(found, tested))
    write_text(folder / "pareto.svg", found_figure(found) + "\n")


def search_command(
    model: Annotated[str, typer.Argument(help="zoo:<name>, the folder of a training run, or a .nir file")],
    minimize: Annotated[
        str, typer.Option(help="energy (an inference, with static) or memory (of all cores)")
    ] = "energy",
    loss: Annotated[float, typer.Option(help="points of accuracy that may be lost against floats", min=0)] = 0.3,
    out: Annotated[Path | None, typer.Option(help="output folder; build/search-<name> by default")] = None,
    calibrate: Annotated[Path | None, typer.Option(help="npz with x and y, for a .nir file")] = None,
    validate: Annotated[Path | None, typer.Option(help="npz with x and y to choose on; else as --calibrate")] = None,
    test: Annotated[Path | None, typer.Option(help="npz with x and y, measured once at the end")] = None,
    settings: Annotated[Path | None, typer.Option(help="JSON file of settings to begin with")] = None,
    convention: Annotated[str | None, typer.Option(help="preset for what NIR leaves open, e.g. snntorch")] = None,
    dt: Annotated[float | None, typer.Option(help="time step in seconds, in place of the convention's")] = None,
    target: Annotated[str, typer.Option(help="chip: loihi2, loihi1, or the path of a target file")] = "loihi2",
    samples: Annotated[int, typer.Option(help="most samples to choose on", min=1)] = 2048,
    passes: Annotated[str, typer.Option(help="compiler passes, joined by commas; '' for none")] = DEFAULT,
    engine: Annotated[str, typer.Option(help="serial, processes, or ray (a cluster)")] = "processes",
    workers: Annotated[int | None, typer.Option(help="programs measured at once; one a core by default")] = None,
) -> None:
    """Find the widths, layer by layer, of least energy or memory within a loss of accuracy; go on where it stopped."""
    if minimize not in MINIMIZED:
        raise InputError("--minimize", f"{minimize!r} is unknown", f"use {' or '.join(MINIMIZED)}")
    job = Job(
        model, _text(calibrate), _text(validate), _text(test), convention or "", dt or 0.0, target, passes, samples
    )
    job = job.with_hashes()
    folder = out or Path("build") / f"search-{job.source().name}"
    bench = Bench(job, engine, workers, folder / UNITS, lambda line: typer.echo(line, err=True))
    found, tested = search_widths(job, read_settings(settings), minimize, loss, bench)
    write_found(found, tested, folder)
    typer.echo(found_text(found, tested), err=True, nl=False)
    typer.echo(str(folder / "settings.json"))


def _text(path: Path | None) -> str:
    return "" if path is None else str(path)
