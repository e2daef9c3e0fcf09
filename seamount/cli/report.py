"""`seamount report`: the pages of a build folder again."""

from __future__ import annotations

from typing import Annotated

import typer

from seamount.cli.arguments import Build
from seamount.cli.lines import give


def report_command(
    build: Build,
    table: Annotated[
        list[str] | None,
        typer.Option(help="cost table, by name or file, the leading one first; the target's by default"),
    ] = None,
) -> None:
    """Rebuild report.html and report.json from what is in a build folder."""
    from seamount.rerun.report import report

    report(build, tuple(table or ()))
    give(build / "report.html")
