"""`seamount search`: the cheapest widths, layer by layer, that lose no more accuracy than allowed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from seamount.cli.arguments import Calibrate, Convention, Model, Passes, SettingsFile, Target, TimeStep
from seamount.cli.lines import give, say


def search_command(
    model: Model,
    minimize: Annotated[
        str, typer.Option(help="energy (an inference, with static) or memory (of all cores)")
    ] = "energy",
    loss: Annotated[float, typer.Option(help="points of accuracy that may be lost against floats", min=0)] = 0.3,
    out: Annotated[Path | None, typer.Option(help="output folder; build/search-<name> by default")] = None,
    calibrate: Calibrate = None,
    validate: Annotated[Path | None, typer.Option(help="npz with x and y to choose on; else as --calibrate")] = None,
    test: Annotated[Path | None, typer.Option(help="npz with x and y, measured once at the end")] = None,
    settings: SettingsFile = None,
    convention: Convention = None,
    dt: TimeStep = None,
    target: Target = "loihi2",
    samples: Annotated[int, typer.Option(help="most samples to choose on", min=1)] = 2048,
    passes: Passes = None,
    engine: Annotated[str, typer.Option(help="serial, processes, or ray (a cluster)")] = "processes",
    workers: Annotated[int | None, typer.Option(help="programs measured at once; one a core by default")] = None,
) -> None:
    """Find the widths, layer by layer, of least energy or memory within a loss of accuracy; go on where it stopped."""
    from seamount.options import read_settings
    from seamount.searching.search import UNITS, Bench, search_widths, write_found
    from seamount.searching.work import Job
    from toolchain.errors import InputError
    from toolchain.passes.pipeline import DEFAULT
    from toolchain.search import MINIMIZED
    from toolchain.search.table import found_text

    if minimize not in MINIMIZED:
        raise InputError("--minimize", f"{minimize!r} is unknown", f"use {' or '.join(MINIMIZED)}")
    pipeline = DEFAULT if passes is None else passes
    data = ["" if path is None else str(path) for path in (calibrate, validate, test)]
    job = Job(model, data[0], data[1], data[2], convention or "", dt or 0.0, target, pipeline, samples).with_hashes()
    folder = out or Path("build") / f"search-{job.source().name}"
    bench = Bench(job, engine, workers, folder / UNITS, say)
    found, tested = search_widths(job, read_settings(settings), minimize, loss, bench)
    write_found(found, tested, folder)
    say(found_text(found, tested).rstrip("\n"))
    give(folder / "settings.json")
