"""`seamount energy`: what an inference of a build costs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from seamount.cli.arguments import AsJson, Build
from seamount.cli.lines import give, give_json, give_table, say, say_event

if TYPE_CHECKING:
    from seamount.rerun.energy import Energy
    from toolchain.report.tables import Table


def energy_command(
    build: Build,
    table: Annotated[
        list[str] | None,
        typer.Option(help="cost table, by name or file, the leading one first; the target's by default"),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show energy, time and synaptic operations of an inference: by cost table, part and layer, each with its range."""
    from seamount.rerun.energy import energy

    found = energy(build, table or ())
    if as_json:
        give_json("energy", found.as_dict())
        return
    _print(found)
    for event in found.events():
        say_event(event)
    say("every constant with its source stands in report.html and docs/energy.md; nothing here was measured on a chip")


def _print(found: Energy) -> None:
    from toolchain.report import tables

    for title, table in (
        ("energy", tables.energy_table(found.results)),
        ("time of a mean step", tables.time_table(found.results)),
        ("synaptic operations, means of an inference", tables.layer_table(found.results)),
    ):
        _print_table(title, table)


def _print_table(title: str, table: Table) -> None:
    give(title)
    if not table.rows:
        give(f"  {table.empty or 'the tables say nothing of it'}")
        return
    give_table(table.columns, table.rows, right=range(table.left, len(table.columns)))
    give("")
