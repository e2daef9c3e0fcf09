"""Do the five import packages resolve to Seamount's own folders?

Most of their names are generic. A `models/` of somebody else that comes earlier on the import path shadows ours, and
without this check the user would meet an ImportError that names neither.
"""

from __future__ import annotations

from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import find_spec
from pathlib import Path

from toolchain.errors import MissingPartError, ToolchainError

PACKAGES = ("seamount", "toolchain", "models", "exporters", "simulators")


def check_packages(root: Path | None = None) -> None:
    """Refuse to go on where a foreign package shadows one of ours. Imports none of them.

    Args:
        root: the folder that holds the five packages; by default the one that holds this `toolchain`.

    Raises:
        ToolchainError: a package resolves to a path outside `root`; the message names that path.
        MissingPartError: a package is not found at all.
    """
    home = (root or Path(__file__).parent.parent).resolve()
    for name in PACKAGES:
        _check(name, home / name)


def _check(name: str, expected: Path) -> None:
    spec = _spec(name)
    if spec is None:
        raise MissingPartError(
            name, f"package not found; expected at {expected}", "install Seamount again: pip install ."
        )
    found = _location(spec)
    if found != expected:
        raise ToolchainError(
            name,
            f"resolves to {found}, which shadows Seamount's own {expected}",
            f"take the folder that holds {found.name} off PYTHONPATH, start elsewhere, or rename it",
        )


def _spec(name: str) -> ModuleSpec | None:
    try:
        return find_spec(name)
    except ValueError:  # already imported by something that left __spec__ empty
        return PathFinder.find_spec(name)


def _location(spec: ModuleSpec) -> Path:
    """The folder of a package, or the file of a module."""
    places = list(spec.submodule_search_locations or ())
    return Path(places[0] if places else spec.origin or "<built-in>").resolve()
