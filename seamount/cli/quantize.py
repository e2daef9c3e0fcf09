"""`seamount quantize`: what rounding a network costs, where, and what its registers can hold."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from seamount.cli.arguments import (
    AsJson,
    Calibrate,
    Convention,
    Decision,
    Model,
    SettingsFile,
    Test,
    TimeStep,
    options_of,
    with_switches,
)
from seamount.cli.lines import give, give_json, say_event


@with_switches
def quantize_command(
    model: Model,
    calibrate: Calibrate = None,
    test: Test = None,
    settings: SettingsFile = None,
    decision: Decision = None,
    convention: Convention = None,
    dt: TimeStep = None,
    explain: Annotated[bool, typer.Option("--explain", help="round one tensor at a time and name what costs")] = False,
    plot: Annotated[Path | None, typer.Option(help="SVG file for the poles")] = None,
    as_json: AsJson = False,
    to: Annotated[Path | None, typer.Argument(help="with --json: a file for it, in place of the console")] = None,
) -> None:
    """Quantize a network and say what it cost, tensor by tensor, and what every register can hold."""
    from seamount.build.quantize import quantize
    from seamount.cli.lines import json_text
    from toolchain.errors import InputError
    from toolchain.files import write_text
    from toolchain.report.pole_figure import pole_figure

    if to is not None and not as_json:
        raise InputError(str(to), "is one argument too many", "give --json to write the figures to a file")
    found = quantize(model, calibrate=calibrate, test=test, explain=explain, options=options_of(locals()))
    for event in found.events():
        say_event(event)
    if plot is not None:
        write_text(plot, pole_figure(found.poles) + "\n")
    if to is not None:
        write_text(to, json_text("quantize", found.as_dict()) + "\n")
        give(to)
    elif as_json:
        give_json("quantize", found.as_dict())
    elif plot is not None:
        give(plot)
