"""A unit of work, and how work is named so that another process or machine finds it."""

from __future__ import annotations

import importlib
import json
import re
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import FunctionType
from typing import TypeAlias

from toolchain.errors import InputError

JSON: TypeAlias = "dict[str, JSON] | list[JSON] | str | int | float | bool | None"
"""What JSON can say, NaN and infinity left out."""

Result: TypeAlias = dict[str, JSON]
Work: TypeAlias = Callable[[Result], Result]

_FILE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]*")


@dataclass(frozen=True)
class WorkUnit:
    """One piece of work.

    Attributes:
        name: unlike all others of the run; it names the file that keeps the result.
        arguments: of the work; whatever the result depends on, so the hash of a file belongs beside its path.
    """

    name: str
    arguments: Mapping[str, JSON]


def as_text(value: Mapping[str, JSON], where: str) -> str:
    """JSON with sorted keys; InputError where the value holds anything else, or a number that is not finite."""
    try:
        return json.dumps(value, sort_keys=True, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise InputError(where, f"is not plain JSON ({error})", "give numbers, text, lists; None for NaN") from error


def check_units(units: Sequence[WorkUnit]) -> None:
    """Refuse names that cannot be files or are not single."""
    for name, count in Counter(unit.name for unit in units).items():
        if not _FILE_NAME.fullmatch(name):
            raise InputError(f"unit {name!r}", "cannot name a file", "use letters, digits, '_', '-', '+' and '.'")
        if count > 1:
            raise InputError(f"unit {name!r}", f"{count} units have this name", "give each its own")


def reference(work: Work) -> str:
    """``module:function`` of a function at the top of a module.

    Raises:
        InputError: it is no such function, so that a worker could not import it.
    """
    name = getattr(work, "__qualname__", "")
    if not isinstance(work, FunctionType) or not name.isidentifier():
        raise InputError("work", f"{name or work!r} cannot be imported", "give a function at the top of a module")
    module = work.__module__
    if module == "__main__":
        spec = getattr(sys.modules[module], "__spec__", None)
        if spec is None:
            raise InputError("work", f"{name} lies in a script", "move it to a module, or run that with python -m")
        module = spec.name.removesuffix(".__main__")
    return f"{module}:{name}"


def resolve(text: str) -> Work:
    """The function that `reference` named."""
    module, _, name = text.partition(":")
    work: Work = getattr(importlib.import_module(module), name)
    return work
