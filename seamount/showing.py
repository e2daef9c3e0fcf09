"""How results show themselves: a few lines in a console, a table in a notebook."""

from __future__ import annotations

import html
from collections.abc import Sequence

Rows = Sequence[tuple[str, str]]
"""Name and text of each figure."""


def as_lines(title: str, rows: Rows) -> str:
    """A title and a line a figure."""
    return "\n".join([title, *(f"  {name:<12}{text}" for name, text in rows)])


def as_html(title: str, rows: Rows) -> str:
    """A table of them, for notebooks."""
    body = "".join(
        f'<tr><th scope="row">{html.escape(name)}</th><td>{html.escape(text)}</td></tr>' for name, text in rows
    )
    return f"<table><caption>{html.escape(title)}</caption>{body}</table>"
