"""`seamount compare`: builds side by side."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from seamount.cli.arguments import AsJson
from seamount.cli.lines import give_json, give_table, say_next

if TYPE_CHECKING:
    from seamount.rerun.compare import Compared


def compare_command(
    builds: Annotated[list[Path], typer.Argument(help="two or more folders that `seamount deploy` wrote")],
    as_json: AsJson = False,
) -> None:
    """Show the figures of two or more builds side by side, and what was asked for differently."""
    from seamount.rerun.compare import compare_builds

    found = compare_builds(builds)
    if as_json:
        give_json("compare", found.as_dict())
        return
    print_comparison(found)
    names = " ".join(found.names)
    say_next(f"seamount report --compare {names}", f"seamount diff {names}   (the first step at which they part)")


def print_comparison(found: Compared) -> None:
    """Print builds side by side as a table."""
    columns = ["", ""]
    for number, name in enumerate(found.names):
        columns += [name, "against the first"] if number else [name]
    rows, part = [], ""
    for row in found.rows:
        cells = [row.texts[0]]
        for text, difference in zip(row.texts[1:], row.differences, strict=True):
            cells += [text, difference]
        rows.append(["" if row.part == part else row.part, row.name, *cells])
        part = row.part
    give_table(columns, rows, right=range(2, len(columns)))
