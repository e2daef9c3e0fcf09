"""Names for the parts that passes add."""

from __future__ import annotations

import re
from collections.abc import Collection

from toolchain.ir.program import Program

NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_\-]+")


def fresh(wanted: str, taken: Collection[str]) -> str:
    """The wanted name, or the first of name-2, name-3, ... that is free."""
    number, name = 1, wanted
    while name in taken:
        number += 1
        name = f"{wanted}-{number}"
    return name


def population_name(program: Program, wanted: str) -> str:
    """A name for a new population."""
    return fresh(NOT_IN_NAMES.sub("-", wanted), program.sizes())


def projection_name(taken: Collection[str], source: str, target: str) -> str:
    """A name for a new projection."""
    return fresh(f"{source}->{target}", taken)
