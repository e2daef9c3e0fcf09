"""Lines of the command line: what was made goes to stdout, what is said about it to stderr."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from seamount.events import Event


def say(line: str) -> None:
    """Say a line about what is done."""
    typer.echo(line, err=True)


def say_event(event: Event) -> None:
    """Say what happened."""
    say(str(event))


def give(line: object) -> None:
    """Print what was made: a path, or a result."""
    typer.echo(str(line))
