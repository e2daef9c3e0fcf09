"""`seamount search`: the cheapest widths, layer by layer, that lose no more accuracy than allowed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from seamount.cli.arguments import (
    AsJson,
    Calibrate,
    Convention,
    Model,
    Passes,
    SettingsFile,
    Target,
    TimeStep,
    options_of,
    with_switches,
)
from seamount.cli.lines import give, give_json, say, say_event, say_next

if TYPE_CHECKING:
    from seamount.searching.search import Searched


@with_switches
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
    as_json: AsJson = False,
) -> None:
    """Find the widths, layer by layer, of least energy or memory within a loss of accuracy; go on where it stopped."""
    from seamount.searching.search import search

    found = search(
        model,
        out,
        minimize=minimize,
        loss_points=loss,
        calibrate=calibrate,
        validate=validate,
        test=test,
        samples=samples,
        engine=engine,
        workers=workers,
        options=options_of(locals(), leave=("samples",)),
        tell=say_event,
    )
    _give(found, model, as_json)


def _give(found: Searched, model: str, as_json: bool) -> None:
    say(str(found).rstrip("\n"))
    settings_file = found.folder / "settings.json"
    if as_json:
        give_json("search", {"settings": str(settings_file), **found.as_dict()})
    else:
        give(settings_file)
        say_next(f"seamount deploy {model} --settings {settings_file}")
