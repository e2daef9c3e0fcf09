"""Names of a program as identifiers: letters, digits and underscores, each once."""

from __future__ import annotations

import re
from collections.abc import Iterable

_FOREIGN = re.compile(r"[^A-Za-z0-9_]")


def identifiers(names: Iterable[str], taken: Iterable[str] = ()) -> dict[str, str]:
    """An identifier for each name: the name where it is one, otherwise with ``_`` for what is foreign in it.

    Args:
        names: in order; a name that is an identifier already keeps it, whatever stands before it.
        taken: identifiers that none may get.
    """
    names, used = list(names), set(taken)
    found: dict[str, str] = {}
    for name in sorted(names, key=lambda name: plain(name) != name):
        base = candidate = plain(name)
        number = 2
        while candidate in used:
            candidate = f"{base}_{number}"
            number += 1
        found[name] = candidate
        used.add(candidate)
    return {name: found[name] for name in names}


def plain(name: str) -> str:
    """The name with ``_`` for every character that no identifier holds."""
    replaced = _FOREIGN.sub("_", name)
    return f"_{replaced}" if not replaced or replaced[0].isdigit() else replaced


def comment(text: str) -> str:
    """Text that ends no comment, of JavaScript, C or HTML, and begins none: printable ASCII without their signs."""
    return "".join(c if " " <= c <= "~" and c not in "*/<>?\\" else "_" for c in text)
