"""`seamount diff`: where two builds, two traces or two simulators part, why, and the smallest case that still does."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from seamount.cli.arguments import AsJson
from seamount.cli.lines import give_json, say_event


def diff_command(
    left: Annotated[Path, typer.Argument(help="a build folder, a trace, or a folder that seamount diff wrote")],
    right: Annotated[Path | None, typer.Argument(help="a second build folder or trace")] = None,
    simulators: Annotated[str | None, typer.Option(help="two names, for one build; reference,lava by default")] = None,
    inputs: Annotated[Path | None, typer.Option("--input", help="npz with x; by default what the build ran")] = None,
    program: Annotated[Path | None, typer.Option(help="program.npz, for traces that lie in no build folder")] = None,
    budget: Annotated[float, typer.Option(help="seconds to seek causes, and a smaller case", min=0)] = 30.0,
    out: Annotated[Path, typer.Option(help="folder for the smallest case that still differs")] = Path("repro"),
    as_json: AsJson = False,
) -> None:
    """Show where two builds, traces or simulators first differ, why, and the smallest case; exit code 0 or 1."""
    from rich.console import Console

    from seamount.cli.diff_view import outcome_dict, print_outcome
    from seamount.rerun.diff import diff

    outcome = diff(
        left, right, simulators=simulators, inputs=inputs, program=program, budget_s=budget, out=out, tell=say_event
    )
    if as_json:
        give_json("diff", outcome_dict(outcome))
    else:
        print_outcome(outcome, Console(highlight=False))
    if not outcome.found.comparison.equal:
        raise typer.Exit(1)
