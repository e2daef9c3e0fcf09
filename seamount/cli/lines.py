"""Lines of the command line: what was made goes to stdout, what is said about it to stderr."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import typer

from seamount.cli.progress import clear
from toolchain.errors import printable

if TYPE_CHECKING:
    from seamount.events import Event

FORMAT = 1
"""Of the objects that ``--json`` prints; raised where a field changes its meaning or goes away."""


def say(line: str) -> None:
    """Say a line about what is done."""
    clear()
    typer.echo(_plain_spaces(line), err=True)


def say_event(event: Event) -> None:
    """Say what happened."""
    say(str(event))


def say_next(*commands: str) -> None:
    """Say what may be done next with what was made."""
    for number, command in enumerate(commands):
        say(f"{'' if number else 'next:':<12}{command}")


def give(line: object) -> None:
    """Print what was made: a path, or a result."""
    clear()
    typer.echo(_plain_spaces(str(line)))


def _plain_spaces(line: str) -> str:
    """A line for a terminal: thousands by commas, where pages have thin spaces, and control characters as escapes."""
    return printable(line.replace("\u2009", ","))


def give_table(columns: Sequence[str], rows: Sequence[Sequence[str]], right: Collection[int] = ()) -> None:
    """Print aligned columns, whole whatever the width of the terminal: they are also read by other programs.

    Args:
        columns: headings.
        rows: a text a column.
        right: indices of columns of numbers.
    """
    cells = [list(columns), *map(list, rows)]
    widths = [max(len(row[index]) for row in cells) for index in range(len(columns))]
    for row in cells:
        padded = [
            text.rjust(width) if index in right else text.ljust(width)
            for index, (text, width) in enumerate(zip(row, widths, strict=True))
        ]
        give("  ".join(padded).rstrip())


def give_json(command: str, fields: Mapping[str, Any]) -> None:
    """Print one JSON object: the command, the format, and the fields, which docs/json.md lists."""
    give(json_text(command, fields))


def json_text(command: str, fields: Mapping[str, Any]) -> str:
    """What `give_json` prints."""
    import json

    text = json.dumps({"command": command, "format": FORMAT, **fields}, indent=1, ensure_ascii=False, default=_plain)
    # Inside its strings JSON has escapes of its own for what JSON itself does not have to escape.
    return "".join(sign if sign.isprintable() or sign in "\n\t\xa0" else json.dumps(sign)[1:-1] for sign in text)


def _plain(value: object) -> object:
    """Numpy's numbers and arrays, and paths, as JSON has them."""
    if hasattr(value, "tolist"):
        return value.tolist()
    return str(value)
