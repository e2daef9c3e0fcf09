"""`seamount check`: what a file holds and what stands in the way of deploying it."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from seamount.cli.arguments import (
    AsJson,
    Calibrate,
    Convention,
    Expect,
    Target,
    TimeStep,
    with_switches,
)
from seamount.cli.lines import give, give_json, say_next


@with_switches
def check_command(
    file: Annotated[Path, typer.Argument(help="a .nir file")],
    convention: Convention = None,
    dt: TimeStep = None,
    target: Target = "loihi2",
    calibrate: Calibrate = None,
    expect: Expect = None,
    as_json: AsJson = False,
) -> None:
    """Show what a file holds, what is guessed, what is refused and why; exit code 0 or 1."""
    from seamount.checking import Question, check
    from seamount.options import Options

    found = check(file, Question(convention, dt, target, calibrate, expect))
    if as_json:
        give_json("check", found.as_dict())
    else:
        for line in found.lines():
            give(line)
        if found.ok:
            asked = Options(convention=convention, dt=dt, target=target, expect=expect).words()
            say_next(
                "seamount " + shlex.join(["deploy", str(file), "--calibrate", str(calibrate or "data.npz"), *asked])
            )
    if not found.ok:
        raise typer.Exit(1)
