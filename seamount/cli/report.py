"""`seamount report`: the pages of a build folder again, or several builds side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from seamount.cli.arguments import AsJson
from seamount.cli.lines import give, give_json
from seamount.cli.written import check_written
from toolchain.errors import InputError


def report_command(
    builds: Annotated[list[Path], typer.Argument(help="folder that `seamount deploy` wrote; with --compare, several")],
    table: Annotated[
        list[str] | None,
        typer.Option(help="cost table, by name or file, the leading one first; the target's by default"),
    ] = None,
    compare: Annotated[bool, typer.Option("--compare", help="write one page of several builds side by side")] = False,
    out: Annotated[Path | None, typer.Option(help="that page; compare.html by default")] = None,
    as_json: AsJson = False,
) -> None:
    """Rebuild report.html and report.json from what is in a build folder; or set builds side by side (--compare)."""
    if compare:
        _side_by_side(builds, out or Path("compare.html"), as_json)
        return
    if len(builds) > 1:
        raise InputError("report", f"{len(builds)} builds", "give one, or --compare for a page of them side by side")
    if out is not None:
        raise InputError("--out", "is given, but a report lies in its build", "leave it out, or add --compare")
    from seamount.rerun.report import report

    (build,) = builds
    found = report(build, tuple(table or ()))
    page = build / "report.html"
    give_json("report", {"page": str(page), "report": found.model_dump(mode="json")}) if as_json else give(page)


def _side_by_side(builds: list[Path], out: Path, as_json: bool) -> None:
    from seamount.rerun.compare import compare_builds

    check_written("--out", out, ".html")
    found = compare_builds(builds)
    found.write_page(out)
    give_json("report", {"page": str(out), **found.as_dict()}) if as_json else give(out)
