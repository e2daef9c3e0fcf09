"""How a build folder comes to be whole or not at all, and what it may take the place of."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from seamount.build.folder import BuildFolder, own_manifest
from toolchain.errors import InputError
from toolchain.folders import filling, take_the_place


@contextmanager
def fresh_folder(out: Path) -> Iterator[BuildFolder]:
    """Yield a folder beside `out` to fill; it takes the place of `out` only if the block succeeds.

    What runs that were killed left beside `out` is removed first. Where `out` is a link, it stays one: what it leads
    to is replaced.

    Raises:
        InputError: `out` holds something that is not ours, the current folder lies in it, or another run writes it.
    """
    out = replaceable(out)
    with filling(out) as beside:
        yield BuildFolder(beside)
        replaceable(out)
        take_the_place(beside, out)


def replaceable(out: Path) -> Path:
    """The folder that a build will take the place of, by its full path.

    Raises:
        InputError: `out` holds something that is not ours, or the current folder lies in it.
    """
    given, out = out, out.resolve()
    if Path.cwd().is_relative_to(out):
        what = "is the current folder, or holds it, and a build replaces its folder as a whole"
        raise InputError(str(given), what, "name a folder to be made, e.g. --out build/net")
    if out.exists() and not out.is_dir():
        raise InputError(str(given), "is a file", "choose another output folder")
    if out.is_dir() and any(out.iterdir()):
        try:
            own_manifest(BuildFolder(out))
        except InputError as error:
            what = f"is not empty and not a build folder of seamount ({error.what})"
            raise InputError(str(given), what, "choose another output folder, or empty this one") from error
    return out


def replaced_build(out: Path) -> dict[str, Any] | None:
    """The manifest of the build that lies in `out` and will be replaced; None where none does."""
    return own_manifest(BuildFolder(out)) if BuildFolder(out).manifest.is_file() else None
