"""`seamount doctor`: what is installed, and what each missing part would enable."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

from seamount.cli.arguments import AsJson
from seamount.cli.lines import give_json

if TYPE_CHECKING:
    from toolchain.doctor import Part


def doctor_command(as_json: AsJson = False) -> None:
    """Show versions, which parts are installed, and what each missing part would enable."""
    from toolchain.doctor import examine
    from toolchain.version import __version__

    parts = examine()
    if as_json:
        give_json("doctor", {"version": __version__, "parts": [{**asdict(part), "ok": part.ok} for part in parts]})
    else:
        _print(parts, __version__)
    if not all(part.ok for part in parts):
        raise typer.Exit(1)


def _print(parts: list[Part], version: str) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table("part", "version", "enables", "how to get it", title=f"seamount {version}")
    for part in parts:
        state = part.version or ("MISSING" if part.required else "not installed")
        table.add_row(part.name, state, part.enables, "" if part.version else escape(part.remedy))
    # A console of its own: it measures the terminal when it is made.
    Console(highlight=False).print(table)
