"""`seamount check`: what a file holds and what stands in the way of deploying it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from seamount.cli.arguments import (
    Calibrate,
    Convention,
    Expect,
    Target,
    TimeStep,
    with_switches,
)
from seamount.cli.lines import give


@with_switches
def check_command(
    file: Annotated[Path, typer.Argument(help="a .nir file")],
    convention: Convention = None,
    dt: TimeStep = None,
    target: Target = "loihi2",
    calibrate: Calibrate = None,
    expect: Expect = None,
    as_json: Annotated[bool, typer.Option("--json", help="print one JSON object")] = False,
) -> None:
    """Show what a file holds, what is guessed, what is refused and why; exit code 0 or 1."""
    from seamount.checking import Question, check

    found = check(file, Question(convention, dt, target, calibrate, expect))
    if as_json:
        give(json.dumps(found.as_dict(), indent=1))
    else:
        for line in found.lines():
            give(line)
    if not found.ok:
        raise typer.Exit(1)
