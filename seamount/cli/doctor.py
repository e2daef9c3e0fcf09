"""`seamount doctor`: what is installed, and what each missing part would enable."""

from __future__ import annotations

import typer


def doctor_command() -> None:
    """Show versions, which parts are installed, and what each missing part would enable."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from toolchain.doctor import examine
    from toolchain.version import __version__

    table = Table("part", "version", "enables", "how to get it", title=f"seamount {__version__}")
    parts = examine()
    for part in parts:
        state = part.version or ("MISSING" if part.required else "not installed")
        table.add_row(part.name, state, part.enables, "" if part.version else escape(part.remedy))
    # A console of its own: it measures the terminal when it is made.
    Console(highlight=False).print(table)
    if not all(part.ok for part in parts):
        raise typer.Exit(1)
